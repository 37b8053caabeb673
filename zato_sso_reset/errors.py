"""The errors of this package, each with its exit code."""

from collections.abc import Sequence
from typing import NoReturn


class ZatoError(Exception):
    """An error with an exit code, a message for the user and, usually, a hint.

    `message` says what is wrong and where, `hint` what to do next; both are whole sentences.
    """

    exit_code = 16

    def __init_subclass__(cls, exit_code: int = 16) -> None:
        cls.exit_code = exit_code

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class InvalidValueError(ZatoError, exit_code=2):
    """A value from the command line is out of range."""


class AlreadyExistsError(ZatoError, exit_code=20):
    """The directory to create already exists."""


class PasswordRefusedError(ZatoError, exit_code=21):
    """The server's password policy refuses the password."""


class UserNotFoundError(ZatoError, exit_code=22):
    """The user does not exist or is not approved."""


class NotAServerError(ZatoError, exit_code=23):
    """The path is not the directory of a Zato server."""


class DatabaseError(ZatoError):
    """The database failed; whether anything was changed is for the service layer to say."""


class DatabaseUnavailableError(DatabaseError, exit_code=69):
    """The database can't be reached, lacks the tables, or does not keep what is written to it."""


class ExhaustedError(ZatoError, exit_code=69):
    """The system has no thread or memory left."""


class FileNotMadeError(ZatoError, exit_code=73):
    """A requested file already exists or can't be created."""


class OutputError(ZatoError, exit_code=74):
    """The result could not be written."""


class DatabaseBusyError(DatabaseError, exit_code=75):
    """Another process holds a lock on the database."""


class DatabaseDeniedError(DatabaseError, exit_code=77):
    """The user may not connect to the database or change it."""


class CommitUnknownError(ZatoError, exit_code=76):
    """It is unknown whether the change of these users was committed."""

    def __init__(self, message: str, hint: str, usernames: Sequence[str]) -> None:
        super().__init__(message, hint)
        self.usernames = usernames


class PermissionDeniedError(ZatoError, exit_code=77):
    """A file may not be read or written by the current user."""


class ConfigError(ZatoError, exit_code=78):
    """The server's configuration is missing or malformed, or its secret key is the wrong one."""


class CommitRefusedError(ZatoError, exit_code=79):
    """The database refused the commit after the delivery: the old password stays."""


def is_exhaustion(error: BaseException) -> bool:
    """Return whether an exception of Python means that threads or memory have run out."""
    phrases = ("can't start new thread", "failed to map segment", "Cannot allocate memory")
    return isinstance(error, MemoryError) or any(phrase in str(error) for phrase in phrases)


def raise_without_context(error: Exception) -> NoReturn:
    """Raise `error` without the exception that is being handled, which may hold a secret."""
    try:
        raise error
    finally:
        error.__context__ = None
