"""Passwords, hashes and expiry, without any I/O."""
