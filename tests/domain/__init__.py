"""Domain: passwords, hashes, expiry, access and settings."""
