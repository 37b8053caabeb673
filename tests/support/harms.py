"""Servers on which a command fails."""

from pathlib import Path

from tests.support.databases import PASSWORD
from tests.support.servers import Server


def nothing(_server: Server) -> None:
    """Leave all as it is."""


def no_password_is_taken(server: Server) -> None:
    """Ask for more than a generated password has."""
    server.override("[password]\nmin_length = 99\n")


def no_database(server: Server) -> None:
    """Remove the database."""
    Path(server.database.name).unlink()


def no_expiry(server: Server) -> None:
    """Have a setting that is no number."""
    server.edit("sso.conf", "password", expiry="many")


def malformed_url(server: Server) -> None:
    """Have a URL that is none, with a password in it."""
    server.override(f'[sql]\nurl = "{PASSWORD}"\n')
