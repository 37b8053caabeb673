"""The database of the SSO users: the engine, its transactions, and what its errors mean."""

import gc
import importlib.util
import logging
import os
import socket
import stat
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

from sqlalchemy import Connection, Engine, NullPool, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from zato_sso_reset.errors import (
    ConfigError,
    DatabaseBusyError,
    DatabaseDeniedError,
    DatabaseError,
    DatabaseUnavailableError,
    printable,
)
from zato_sso_reset.server.config import DatabaseConfig

T = TypeVar("T")

CONNECT_TIMEOUT = 5
"""Seconds until a connection must stand."""

LOCK_TIMEOUT = 5
"""Seconds to wait for what somebody else has locked."""

ANSWER_TIMEOUT = 10
"""Seconds for a MySQL server to say anything at all."""

TRANSACTION_TIMEOUT = 15
"""Seconds for a connection to a database server to do all it is for."""

_DRIVERS = {
    # what `engine` says before the `+`: its name, what SQLAlchemy calls it, the module, our extra
    "postgresql": ("PostgreSQL", "postgresql+psycopg", "psycopg", "postgresql"),
    "mysql": ("MySQL", "mysql+pymysql", "pymysql", "mysql"),
    "mariadb": ("MariaDB", "mysql+pymysql", "pymysql", "mysql"),
}

_CONNECT_ARGS: dict[str, dict[str, object]] = {
    "sqlite": {"timeout": LOCK_TIMEOUT, "isolation_level": None},
    "postgresql": {"connect_timeout": CONNECT_TIMEOUT, "client_encoding": "utf8"},
    "mysql": {
        "connect_timeout": CONNECT_TIMEOUT,
        "read_timeout": ANSWER_TIMEOUT,
        "write_timeout": ANSWER_TIMEOUT,
    },
}

_BEGIN = {
    # Anything less finds out only at COMMIT that somebody else reads the file.
    "sqlite": "BEGIN EXCLUSIVE",
    "postgresql": f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}s'",
    "mysql": f"SET SESSION innodb_lock_wait_timeout = {LOCK_TIMEOUT}, lock_wait_timeout = {LOCK_TIMEOUT}",
}

_BUSY = (DatabaseBusyError, "is locked by somebody else. Nothing was changed; try again")
_DENIED = (DatabaseDeniedError, "may not be changed by this user. Grant it the right to, or use another")
_LOGIN = (DatabaseDeniedError, "refuses the user or password. Correct them in the server's configuration")
_UNREACHABLE = (DatabaseUnavailableError, "can't be reached. See that it runs, and that its address is right")
_NOT_THERE = (DatabaseUnavailableError, "does not exist. Correct its name in the server's configuration")
_NO_TABLE = (DatabaseUnavailableError, "has no zato_sso_user table as Zato makes it. Is it the right one?")
_NOT_SQLITE = (DatabaseUnavailableError, "is damaged or not a SQLite file. Correct db_name or restore it")
_DISK = (DatabaseUnavailableError, "can't be written to: the disk is full or fails. Nothing was changed")
_NO_TLS = (DatabaseUnavailableError, "does not offer the TLS that [sql] url asks for. Set it up there")
_OTHER = (DatabaseUnavailableError, "can't be used. Nothing was changed; its own log may tell more")

_CODES: dict[object, tuple[type[DatabaseError], str]] = {
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
    1049: _NOT_THERE,
    1054: _NO_TABLE,  # a column
    1146: _NO_TABLE,
    2003: _UNREACHABLE,
    2006: _UNREACHABLE,
    2013: _UNREACHABLE,
}

_PHRASES = {
    # SQLite's messages are fixed, and Python 3.10 has no codes
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
    # PostgreSQL, before there is a session: errors without SQLSTATE
    "authentication failed": _LOGIN,
    'role "': _LOGIN,
    "server does not support SSL": _NO_TLS,
    "does not exist": _NOT_THERE,
    "onnection refused": _UNREACHABLE,
    "timeout expired": _UNREACHABLE,
    "could not translate host name": _UNREACHABLE,
    "failed to resolve host": _UNREACHABLE,
}


class ODB:
    """The database that a server's configuration leads to; `name` tells it to people."""

    def __init__(self, config: DatabaseConfig) -> None:
        """Prepare an engine; nothing is connected yet.

        Raises:
            ConfigError: the engine is none that Zato runs on, or the URL is malformed.
            DatabaseUnavailableError: the engine's driver is not installed.
        """
        for name in ("sqlalchemy", "psycopg"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)  # they log errors with their parameters
        url = _url(config)
        dialect = url.get_backend_name()
        if _is_sqlite(url):
            self._file: Path | None = Path(url.database or "")
            self.name = f"SQLite database `{printable(str(self._file))}`"
        else:
            self._file = None
            product, drivername = _driver(dialect)
            address = url.host or "localhost"
            if url.port:
                address += f":{url.port}"
            self.name = f"{product} database `{printable(url.database or '')}` at `{printable(address)}`"
            url = url.set(drivername=drivername)
        self._engine = self._made_of_settings(lambda: _engine(url, self._file))

    def in_transaction(self, work: Callable[[Connection], T], *, reading: bool = False) -> T:
        """Do `work` in a transaction that is open as a writer's; commit, or roll back on any exception.

        With `reading`, it only reads: on SQLite others may read meanwhile, elsewhere do anything.

        Raises:
            DatabaseUnavailableError: the database can't be reached, or lacks the tables.
            DatabaseBusyError: somebody else holds a lock for longer than `LOCK_TIMEOUT`.
            DatabaseDeniedError: this user may not read or change it.
        """
        if self._file:
            _check_file(self._file, reading=reading)
        try:
            with (
                self._made_of_settings(self._engine.connect) as connection,
                connection.execution_options(reading=reading).begin(),
            ):
                return work(connection)
        except SQLAlchemyError as error:
            failure = self._meaning(error)
        # Raised out here, so that the database's own error, which holds the parameters, is not behind it.
        raise failure

    def _made_of_settings(self, make: Callable[[], T]) -> T:
        """Return what `make` makes; a driver that can't take a setting may fail in any way at all."""
        try:
            return make()
        except DBAPIError:
            raise
        except Exception as error:  # noqa: BLE001 UnicodeError, TypeError, FileNotFoundError, ArgumentError...
            problem = type(error).__name__
        # Raised out here: the driver's own error may hold the password.
        raise ConfigError(
            f"{self.name} can't be opened with these settings ({problem}). "
            "Correct host, name, user and password, or the options of the URL."
        )

    def _meaning(self, error: SQLAlchemyError) -> DatabaseError:
        original = error.orig if isinstance(error, DBAPIError) else error
        errno = next(iter(getattr(original, "args", ())), None)
        code = errno if isinstance(errno, int) else getattr(original, "sqlstate", None)
        phrases = (_PHRASES[phrase] for phrase in _PHRASES if code is None and phrase in str(original))
        kind, message = _CODES.get(code) or next(phrases, _OTHER)
        # The message of the database itself is not told: it may hold the statement's parameters.
        return kind(f"{self.name} {message} ({code or type(original).__name__}).")


def _url(config: DatabaseConfig) -> URL:
    if config.url is None:
        return URL.create(
            config.engine, config.username, config.password, config.host, config.port, config.database
        )
    with suppress(ArgumentError, ValueError):
        url = make_url(config.url)
        address, _, options = config.url.partition("?")
        database = address.partition("://")[2].partition("/")[2]
        # What has these is the rest of a password that should have been percent-encoded.
        rest = f"{url.host} {options} {'' if _is_sqlite(url) else database}"
        if database and "@" not in rest and (_is_sqlite(url) or not set(":/") & set(database)):
            return url.set(database=unquote(database))  # SQLAlchemy 2.1 decodes it, 2.0 does not
    raise ConfigError(
        "[sql] url (of `sso.toml`, usually) is not engine://user:password@host:port/name, percent-encoded."
    )


def _driver(dialect: str) -> tuple[str, str]:
    if dialect not in _DRIVERS:
        raise ConfigError(
            f"Zato has no engine `{printable(dialect, 40)}`: it is sqlite, postgresql or mysql."
        )
    product, drivername, module, extra = _DRIVERS[dialect]
    if importlib.util.find_spec(module) is None:
        raise DatabaseUnavailableError(
            f"The driver for {product} is not installed. Install this program again with its extra `{extra}`."
        )
    return product, drivername


def _is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def _engine(url: URL, file: Path | None) -> Engine:
    dialect = url.get_backend_name()
    options: dict[str, Any] = {}
    if file:
        url = URL.create("sqlite", database=file.absolute().as_uri(), query={"mode": "rw", "uri": "true"})
    else:
        options["isolation_level"] = "READ COMMITTED"
    if dialect == "postgresql":
        # libpq would let PGHOSTADDR, PGOPTIONS and others lead to another database than the server's.
        for name in [name for name in os.environ if name.startswith("PG")]:
            del os.environ[name]
    engine = create_engine(
        url,
        connect_args=_CONNECT_ARGS[dialect],
        poolclass=NullPool,
        pool_reset_on_return=None,  # what was not committed ends with the connection
        hide_parameters=True,
        **options,
    )
    gc.freeze()  # what was imported stays: no collection, least of all the one at exit, is to look through it

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        reads_file = file and connection.get_execution_options()["reading"]
        connection.exec_driver_sql("BEGIN" if reads_file else _BEGIN[dialect])

    if not file:
        # Before SQLAlchemy's own listener, which asks the server about itself.
        event.listen(engine, "connect", _watch, insert=True)
        event.listen(engine, "close", _unwatch)
    return engine


def _check_file(path: Path, *, reading: bool) -> None:
    """See that SQLite has a file to open, whose own errors tell less."""
    shown = printable(str(path))
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise DatabaseUnavailableError(f"SQLite database `{shown}` is not a file. Correct db_name.")
    except (FileNotFoundError, NotADirectoryError):
        raise DatabaseUnavailableError(
            f"SQLite database `{shown}` is missing and was not made. Correct the path in the configuration."
        ) from None
    except PermissionError:
        raise DatabaseDeniedError(
            f"SQLite database `{shown}` may not be looked at. Run as the server's own user."
        ) from None
    except (OSError, ValueError) as error:  # a name too long; a NUL
        reason = getattr(error, "strerror", None) or "no file can have this name"
        raise DatabaseUnavailableError(
            f"SQLite database `{shown}` can't be looked at: {reason}. Correct db_name."
        ) from None
    if not os.access(path, os.R_OK if reading else os.R_OK | os.W_OK, effective_ids=True):
        what = "read" if reading else "changed"
        raise DatabaseDeniedError(
            f"SQLite database `{shown}` may not be {what} by this user. Run as the server's own user."
        )


def _watch(driver: Any, record: ConnectionPoolEntry) -> None:
    """Cut the line to a server that is silent, or drips, for too long: a driver alone would wait on."""
    # PyMySQL has no public name for its socket.
    end = driver if hasattr(driver, "fileno") else driver._sock  # noqa: SLF001
    line = os.dup(end.fileno())

    def cut() -> None:
        with suppress(OSError), socket.socket(fileno=os.dup(line)) as end:
            end.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(TRANSACTION_TIMEOUT, cut)
    timer.daemon = True
    timer.start()
    record.info["watch"] = timer, line


def _unwatch(_driver: Any, record: ConnectionPoolEntry) -> None:
    timer, line = record.info.pop("watch")
    timer.cancel()
    timer.join()
    os.close(line)
