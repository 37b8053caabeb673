"""Faults in servers, on which a command fails."""

from pathlib import Path

from tests.support.databases import PASSWORD
from tests.support.servers import Server


def nothing(_server: Server) -> None:
    """Change nothing."""


def no_password_is_taken(server: Server) -> None:
    """Require a longer password than the generated ones."""
    server.override("[password]\nmin_length = 99\n")


def no_database(server: Server) -> None:
    """Remove the database."""
    Path(server.database.name).unlink()


def no_expiry(server: Server) -> None:
    """Set an expiry that is not a number."""
    server.edit("sso.conf", "password", expiry="many")


def malformed_url(server: Server) -> None:
    """Set a malformed URL that contains a password."""
    server.override(f'[sql]\nurl = "{PASSWORD}"\n')
