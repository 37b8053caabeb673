"""Passwords, policies and users, without input or output."""
