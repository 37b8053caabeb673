"""The errors of this package, each with its exit code.

ZatoError (16)
├── InvalidValueError (2)
├── AlreadyExistsError (20)
├── PasswordRefusedError (21)
├── UserNotFoundError (22)
├── NotAServerError (23)
├── DatabaseError
│   ├── DatabaseUnavailableError (69)
│   ├── DatabaseBusyError (75)
│   └── DatabaseDeniedError (77)
├── FileNotMadeError (73)
├── OutputError (74)
├── CommitUnknownError (76)
├── PermissionDeniedError (77)
├── ConfigError (78)
└── CommitRefusedError (79)
"""

from collections.abc import Sequence
from typing import NoReturn


class ZatoError(Exception):
    """An error with an exit code, a message for the user and, usually, a hint.

    `message` says what is wrong and where, `hint` what to do next; both are whole sentences.
    """

    exit_code = 16

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class InvalidValueError(ZatoError):
    """A value from the command line is out of range."""

    exit_code = 2


class AlreadyExistsError(ZatoError):
    """The directory to create already exists."""

    exit_code = 20


class PasswordRefusedError(ZatoError):
    """The server's password policy refuses the password."""

    exit_code = 21


class UserNotFoundError(ZatoError):
    """The user does not exist or is not approved."""

    exit_code = 22


class NotAServerError(ZatoError):
    """The path is not the directory of a Zato server."""

    exit_code = 23


class DatabaseError(ZatoError):
    """The database failed; whether anything was changed is for the service layer to say."""


class DatabaseUnavailableError(DatabaseError):
    """The database can't be reached, lacks the tables, or does not keep what is written to it."""

    exit_code = 69


class FileNotMadeError(ZatoError):
    """A requested file already exists or can't be created."""

    exit_code = 73


class OutputError(ZatoError):
    """The result could not be written."""

    exit_code = 74


class DatabaseBusyError(DatabaseError):
    """Another process holds a lock on the database."""

    exit_code = 75


class DatabaseDeniedError(DatabaseError):
    """The user may not connect to the database or change it."""

    exit_code = 77


class CommitUnknownError(ZatoError):
    """It is unknown whether the change of these users was committed."""

    exit_code = 76

    def __init__(self, message: str, hint: str, usernames: Sequence[str]) -> None:
        super().__init__(message, hint)
        self.usernames = usernames


class PermissionDeniedError(ZatoError):
    """A file may not be read or written by the current user."""

    exit_code = 77


class ConfigError(ZatoError):
    """The server's configuration is missing or malformed, or its secret key is the wrong one."""

    exit_code = 78


class CommitRefusedError(ZatoError):
    """The database refused the commit after the delivery: the old password stays."""

    exit_code = 79


def raise_without_context(error: Exception) -> NoReturn:
    """Raise `error` without the exception that is being handled, which may hold a secret."""
    try:
        raise error
    finally:
        error.__context__ = None
