"""A Zato server's directory and its configuration."""
