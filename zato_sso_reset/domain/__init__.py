"""Passwords, policies and users; no input or output."""
