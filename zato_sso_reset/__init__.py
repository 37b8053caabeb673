"""Reset the passwords of Zato SSO users."""
