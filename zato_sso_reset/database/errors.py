"""The meaning of database errors, in our own words: the drivers' messages hold parameters."""

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from zato_sso_reset.errors import (
    DatabaseBusyError,
    DatabaseDeniedError,
    DatabaseError,
    DatabaseUnavailableError,
)

_Meaning = tuple[type[DatabaseError], str, str]

_BUSY = (DatabaseBusyError, "is locked by another process", "Try again.")
_DENIED = (
    DatabaseDeniedError,
    "may not be changed by this user",
    "Grant the privilege, or use another user.",
)
_LOGIN = (
    DatabaseDeniedError,
    "refuses the user or password",
    "Correct them in the server's configuration.",
)
_UNREACHABLE = (DatabaseUnavailableError, "can't be reached", "Check that it runs, and its address.")
_NOT_FOUND = (
    DatabaseUnavailableError,
    "does not exist",
    "Correct its name in the server's configuration.",
)
_NO_TABLE = (
    DatabaseUnavailableError,
    "has no zato_sso_user table like Zato's",
    "Check that it is the right database.",
)
_NOT_SQLITE = (
    DatabaseUnavailableError,
    "is damaged or not a SQLite file",
    "Correct db_name, or restore the file.",
)
_DISK = (DatabaseUnavailableError, "can't be written to: the disk is full or fails", "Free some space.")
_NO_TLS = (
    DatabaseUnavailableError,
    "does not offer the TLS that [sql] url requires",
    "Enable TLS in the database.",
)
_OTHER = (DatabaseUnavailableError, "can't be used", "Look into the database's own log.")

_CODES: dict[object, _Meaning] = {
    # PostgreSQL, SQLSTATE
    "40001": _BUSY,  # serialization failure
    "40P01": _BUSY,  # deadlock
    "55P03": _BUSY,  # lock timeout
    "25006": _DENIED,  # read-only transaction
    "42501": _DENIED,  # insufficient privilege
    "42P01": _NO_TABLE,
    "42703": _NO_TABLE,  # a column
    # MySQL and MariaDB, errno
    1205: _BUSY,  # lock wait timeout
    1213: _BUSY,  # deadlock
    1142: _DENIED,  # the table
    1143: _DENIED,  # the column
    1290: _DENIED,  # the server is read-only
    1792: _DENIED,  # the transaction is read-only
    1836: _DENIED,  # the server is in read-only mode
    1044: _LOGIN,  # no right to the database
    1045: _LOGIN,  # wrong user or password
    1698: _LOGIN,  # wrong authentication plugin
    1049: _NOT_FOUND,
    1054: _NO_TABLE,  # a column
    1146: _NO_TABLE,
    2003: _UNREACHABLE,
    2006: _UNREACHABLE,
    2013: _UNREACHABLE,
}

_PHRASES: dict[str, _Meaning] = {
    # SQLite's messages are constant, and Python 3.10 has no error codes
    "database is locked": _BUSY,
    "database table is locked": _BUSY,
    "attempt to write a readonly database": _DENIED,
    "unable to open database file": _DENIED,
    "no such table": _NO_TABLE,
    "no such column": _NO_TABLE,
    "file is not a database": _NOT_SQLITE,
    "database disk image is malformed": _NOT_SQLITE,
    "disk I/O error": _DISK,
    "database or disk is full": _DISK,
    # PostgreSQL before a session exists: errors without SQLSTATE
    "authentication failed": _LOGIN,
    'role "': _LOGIN,
    "server does not support SSL": _NO_TLS,
    "does not exist": _NOT_FOUND,
    "onnection refused": _UNREACHABLE,
    "timeout expired": _UNREACHABLE,
    "could not translate host name": _UNREACHABLE,
    "failed to resolve host": _UNREACHABLE,
}


def translate(error: SQLAlchemyError, name: str) -> DatabaseError:
    """Return the error for the database `name`, without any of the driver's own text."""
    original = error.orig if isinstance(error, DBAPIError) else error
    errno = next(iter(getattr(original, "args", ())), None)
    code = errno if isinstance(errno, int) else getattr(original, "sqlstate", None)
    phrases = (_PHRASES[phrase] for phrase in _PHRASES if code is None and phrase in str(original))
    kind, problem, hint = _CODES.get(code) or next(phrases, _OTHER)
    return kind(f"{name} {problem} ({code or type(original).__name__}).", hint)
