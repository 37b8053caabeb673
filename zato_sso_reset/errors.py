"""Everything that can go wrong, each with its exit code and a message that says what to do."""

from collections.abc import Mapping


def printable(text: str, limit: int = 200) -> str:
    """Return `text` safe for a terminal: unprintable characters escaped, at most `limit` characters."""
    escaped = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return escaped if len(escaped) <= limit else escaped[:limit] + "..."


def did_you_mean(wanted: str, known: Mapping[str, str]) -> str:
    """Return a sentence with what the nearest keys of `known` lead to, at most three, or none."""
    from difflib import get_close_matches

    near = " or ".join(f"`{printable(known[key])}`" for key in get_close_matches(wanted, known))
    return f" Did you mean {near}?" if near else ""


class ZatoError(Exception):
    """What every error of this package is; `exit_code` is the process's, `str()` the line for the user."""

    exit_code = 16


class InvalidValueError(ZatoError):
    """A value from the command line is out of range."""

    exit_code = 2


class AlreadyExistsError(ZatoError):
    """What is to be made is there already."""

    exit_code = 20


class PasswordRefusedError(ZatoError):
    """The server's password policy refuses the password."""

    exit_code = 21


class UserNotFoundError(ZatoError):
    """There is no such user, or the user is not approved."""

    exit_code = 22


class NotAServerError(ZatoError):
    """The path is not that of a Zato server."""

    exit_code = 23


class DatabaseError(ZatoError):
    """The database did not do what it was asked to."""


class DatabaseUnavailableError(DatabaseError):
    """The database can't be reached, lacks the tables, or does not keep what is written to it."""

    exit_code = 69


class FileNotMadeError(ZatoError):
    """A file that was asked for is there already or can't be made."""

    exit_code = 73


class OutputError(ZatoError):
    """The password could not be written out; nothing was changed."""

    exit_code = 74


class DatabaseBusyError(DatabaseError):
    """The database is locked by somebody else; nothing was changed; trying again helps."""

    exit_code = 75


class DatabaseDeniedError(DatabaseError):
    """The database may not be reached or changed by this user."""

    exit_code = 77


class CommitUnknownError(ZatoError):
    """It is unknown whether the change was committed."""

    exit_code = 76


class PermissionDeniedError(ZatoError):
    """A file may not be read or changed by this user."""

    exit_code = 77


class ConfigError(ZatoError):
    """The server's configuration is missing, malformed, or its secret key is the wrong one."""

    exit_code = 78


class CommitRefusedError(ZatoError):
    """The commit was refused after the password was printed: that one is void, the old one stays."""

    exit_code = 79
