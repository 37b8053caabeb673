"""A Zato server's directory."""
