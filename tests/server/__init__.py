"""A server's directory."""
