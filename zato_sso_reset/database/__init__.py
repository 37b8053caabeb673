"""The SSO database, through SQLAlchemy Core."""
