"""The meaning of database errors, in our own words: the drivers' messages hold parameters."""

from collections.abc import Mapping, Sequence

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from zato_sso_reset.errors import (
    DatabaseBusyError,
    DatabaseDeniedError,
    DatabaseError,
    DatabaseUnavailableError,
)

_Meaning = tuple[type[DatabaseError], str, str]

_BUSY = DatabaseBusyError, "is locked by another process", "Try again."
_DENIED = DatabaseDeniedError, "may not be changed by this user", "Grant the privilege, or use another user."
_LOGIN = DatabaseDeniedError, "refuses the user or password", "Correct the server's configuration."
_LOGIN_OR_TLS = (
    DatabaseDeniedError,
    "refuses the user or password, or requires a client certificate",
    ("Correct the server's configuration. ssl_cert and ssl_key in [sql] url name a client certificate."),
)
_UNREACHABLE = DatabaseUnavailableError, "can't be reached", "Check that it runs, and its address."
_NOT_FOUND = DatabaseUnavailableError, "does not exist", "Correct its name in the server's configuration."
_NO_TABLE = DatabaseUnavailableError, "has no zato_sso_user table like Zato's", "Is it the right database?"
_NOT_SQLITE = DatabaseUnavailableError, "is damaged or not a SQLite file", "Correct db_name, or restore it."
_DISK = DatabaseUnavailableError, "can't be written to: the disk is full or fails", "Free some space."
_ENDLESS = DatabaseUnavailableError, "takes too long", "Look for views and triggers on the zato_sso_ tables."
_NO_TLS = DatabaseUnavailableError, "does not offer the TLS that [sql] url requires", "Enable TLS there."
_NO_ROOT = (
    DatabaseUnavailableError,
    "can't be verified: its root certificate is missing",
    ("Correct sslrootcert in [sql] url; `system` uses this machine's certificates."),
)
_UNTRUSTED = (
    DatabaseUnavailableError,
    "has a certificate that can't be trusted",
    ("Correct the host, or the root certificate: sslrootcert (PostgreSQL) or ssl_ca (MySQL) in [sql] url."),
)
_OTHER = DatabaseUnavailableError, "can't be used", "Look into the database's own log."

_MEANINGS: Mapping[_Meaning, Sequence[object]] = {
    # serialization failure, deadlock, lock timeout (PostgreSQL); lock wait timeout, deadlock (MySQL)
    _BUSY: ("40001", "40P01", "55P03", 1205, 1213),
    # read-only transaction, no privilege; privilege on table, column; read-only server, transaction, mode
    _DENIED: ("25006", "42501", 1142, 1143, 1290, 1792, 1836),
    # MySQL: no right to the database, wrong authentication plugin
    _LOGIN: (1044, 1698),
    _LOGIN_OR_TLS: (1045,),  # MySQL does not say which
    _NO_TLS: (2026,),
    _NOT_FOUND: (1049,),
    # table, column
    _NO_TABLE: ("42P01", "42703", 1146, 1054),
    _UNREACHABLE: (2003, 2006, 2013),
}

_CODES = {code: meaning for meaning, codes in _MEANINGS.items() for code in codes}
"""The meanings of PostgreSQL's SQLSTATEs (texts) and of MySQL's error numbers."""

_NOT_ENCODABLE = ("22P05", 1267, 1270, 1271, 3854, 3988)
"""PostgreSQL's untranslatable character; MySQL's mixes of collations, impossible conversions."""

_PHRASES: dict[str, _Meaning] = {
    # SQLite's messages are constant, and Python 3.10 has no error codes
    "database is locked": _BUSY,
    "database table is locked": _BUSY,
    "interrupted": _ENDLESS,
    "attempt to write a readonly database": _DENIED,
    "unable to open database file": _DENIED,
    "no such table": _NO_TABLE,
    "no such column": _NO_TABLE,
    "file is not a database": _NOT_SQLITE,
    "database disk image is malformed": _NOT_SQLITE,
    "disk I/O error": _DISK,
    "database or disk is full": _DISK,
    # PostgreSQL before a session exists: errors without SQLSTATE; for MySQL, details of 2003
    "certificate verify failed": _UNTRUSTED,
    "does not match host name": _UNTRUSTED,
    "root certificate file": _NO_ROOT,
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
    code = _code(original)
    vague = code in (None, 2003)
    phrases = (_PHRASES[phrase] for phrase in _PHRASES if vague and phrase in str(original))
    kind, problem, hint = next(phrases, None) or _CODES.get(code, _OTHER)
    return kind(f"{name} {problem} ({code or type(original).__name__}).", hint)


def is_not_encodable(error: DBAPIError) -> bool:
    """Return whether a value has a character that the database's character set lacks."""
    return _code(error.orig) in _NOT_ENCODABLE


def _code(original: BaseException | None) -> object:
    errno = next(iter(getattr(original, "args", ())), None)
    return errno if isinstance(errno, int) else getattr(original, "sqlstate", None)
