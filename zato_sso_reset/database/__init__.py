"""The SSO users' database, through SQLAlchemy Core."""
