"""Database connections and transactions."""

import importlib.util
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, NullPool, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from zato_sso_reset.database.connect import CONNECT_TIMEOUT, connect_mysql, connect_postgresql
from zato_sso_reset.database.errors import translate
from zato_sso_reset.database.on_connect import ON_CONNECT
from zato_sso_reset.database.watchdog import Watchdog
from zato_sso_reset.errors import (
    ConfigError,
    DatabaseDeniedError,
    DatabaseUnavailableError,
    is_exhaustion,
    raise_without_context,
)
from zato_sso_reset.files import as_owner
from zato_sso_reset.server.database import DatabaseConfig
from zato_sso_reset.text import quoted

LOCK_TIMEOUT = 5  # seconds to wait for another process's lock
ANSWER_TIMEOUT = 10  # seconds to wait for any answer of a MySQL server
NO_FILE = "/dev/null/none"  # never exists: an empty name would mean the file in the home directory

_DRIVERS = {
    # backend: product, SQLAlchemy's name of the driver, its module, our extra
    "postgresql": ("PostgreSQL", "postgresql+psycopg", "psycopg", "postgresql"),
    "mysql": ("MySQL", "mysql+pymysql", "pymysql", "mysql"),
    "mariadb": ("MariaDB", "mysql+pymysql", "pymysql", "mysql"),
}

_CONNECT_ARGS: dict[str, dict[str, object]] = {
    "sqlite": {"timeout": LOCK_TIMEOUT, "isolation_level": None},
    "postgresql": {
        "connect_timeout": CONNECT_TIMEOUT,
        "client_encoding": "utf8",
        "passfile": NO_FILE,
        "prepare_threshold": None,  # PgBouncer may give each transaction another connection
    },
    "mysql": {
        "connect_timeout": CONNECT_TIMEOUT,
        "read_timeout": ANSWER_TIMEOUT,
        "write_timeout": ANSWER_TIMEOUT,
        "defer_connect": True,
        "local_infile": False,
    },
}

_BEGIN = {
    # After anything less, only COMMIT would find out that another process reads the file.
    "sqlite": "BEGIN EXCLUSIVE",
    "postgresql": f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}s'",
    "mysql": f"SET SESSION innodb_lock_wait_timeout = {LOCK_TIMEOUT}, lock_wait_timeout = {LOCK_TIMEOUT}",
}


class Database:
    """The database of a server's SSO users; `name` is its name in messages."""

    def __init__(self, config: DatabaseConfig) -> None:
        """Create an engine, without connecting yet.

        Raises ConfigError for a wrong engine or wrong settings, DatabaseUnavailableError without a driver.
        """
        self.name = config.name
        self._as_owner = as_owner(config.owner)
        self._catalogue: dict[str, Any] = {}  # what `schema` has read, for all transactions
        self._file = Path(config.database) if config.backend == "sqlite" else None
        url = _sqlite_url(self._file) if self._file else _server_url(config)
        with self._settings_errors():
            self._engine = _create_engine(url)

    @contextmanager
    def transaction(self, *, read_only: bool = False) -> Iterator[Connection]:
        """Yield a connection with an open transaction, which is rolled back unless it is committed.

        The transaction locks a SQLite file for itself, unless it is `read_only`.

        Raises:
            ConfigError: the driver refuses the settings.
            DatabaseUnavailableError: the database can't be reached, or lacks the tables.
            DatabaseBusyError: another process holds a lock for longer than `LOCK_TIMEOUT`.
            DatabaseDeniedError: the user may not read or change the database.
        """
        if self._file:
            _check_file(self._file, self.name, self._as_owner, read_only=read_only)
        try:
            with self._settings_errors():
                connection = self._engine.connect()
            with connection:
                connection.execution_options(read_only=read_only, catalogue=self._catalogue).begin()
                yield connection
        except SQLAlchemyError as error:
            failure = translate(error, self.name)
        else:
            return
        raise_without_context(failure)

    @contextmanager
    def _settings_errors(self) -> Iterator[None]:
        """Report settings that the driver refuses, with exceptions of any class."""
        try:
            yield
        except DBAPIError:
            raise
        except Exception as error:  # UnicodeError, TypeError, FileNotFoundError, ArgumentError...
            if is_exhaustion(error):
                raise
            problem = type(error).__name__
        else:
            return
        message = f"{self.name} can't be opened with these settings ({problem})."
        hint = "Correct host, name, user and password, or the options of the URL."
        raise_without_context(ConfigError(message, hint))  # the driver's exception may hold the password


def _sqlite_url(file: Path) -> URL:
    return URL.create("sqlite", database=file.absolute().as_uri(), query={"mode": "rw", "uri": "true"})


def _server_url(config: DatabaseConfig) -> URL:
    if config.backend not in _DRIVERS:
        shown = "like that" if config.hidden else quoted(config.backend, 40)
        raise ConfigError(f"Zato has no engine {shown}.", "Use sqlite, postgresql or mysql.")
    product, drivername, module, extra = _DRIVERS[config.backend]
    if importlib.util.find_spec(module) is None:
        message = f"The driver for {product} is not installed."
        raise DatabaseUnavailableError(message, f"Reinstall this program with the extra `{extra}`.")
    # Otherwise, libpq would send the certificate in the home directory, and ask Kerberos for encryption.
    libpq = {"sslcert": [NO_FILE], "gssencmode": ["disable"]}
    defaults = libpq if config.backend == "postgresql" else {}
    options = {**defaults, **config.options}
    # SQLAlchemy passes a sequence on as it is, and few options can be one.
    query = {name: each[0] if len(each) == 1 else tuple(each) for name, each in options.items()}
    return URL.create(
        drivername, config.username, config.password, config.host, config.port, config.database, query
    )


def _create_engine(url: URL) -> Engine:
    backend = url.get_backend_name()
    options: dict[str, Any] = {"isolation_level": "READ COMMITTED"} if backend == "postgresql" else {}
    engine = create_engine(
        url, connect_args=_CONNECT_ARGS[backend], poolclass=NullPool, hide_parameters=True, **options
    )

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        reads_file = backend == "sqlite" and connection.get_execution_options()["read_only"]
        connection.exec_driver_sql("BEGIN" if reads_file else _BEGIN[backend])

    for prepare in ON_CONNECT[backend]:
        event.listen(engine, "connect", prepare)
    if backend != "sqlite":
        event.listen(engine, "close", _stop_watching)
    if backend == "mysql":
        event.listen(engine, "do_connect", connect_mysql)
    if backend == "postgresql":
        event.listen(engine, "do_connect", connect_postgresql)
        # Before SQLAlchemy's own listener, which queries the server.
        event.listen(engine, "connect", _watch, insert=True)
    return engine


def _watch(connection: Any, record: ConnectionPoolEntry) -> None:
    record.info["watchdog"] = Watchdog(connection.fileno())


def _stop_watching(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info.pop("watchdog").stop()


def _check_file(path: Path, name: str, as_owner: str, *, read_only: bool) -> None:
    """Check that SQLite has a file to open; its own errors say less."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise DatabaseUnavailableError(f"{name} is not a file.", "Correct db_name.")
    except (FileNotFoundError, NotADirectoryError):
        message = f"{name} is missing; it was not created."
        raise DatabaseUnavailableError(message, "Correct db_name.") from None
    except PermissionError:
        raise DatabaseDeniedError(f"{name} may not be accessed.", as_owner) from None
    except (OSError, ValueError) as error:  # a name that is too long; a NUL
        reason = getattr(error, "strerror", None) or "invalid file name"
        raise DatabaseUnavailableError(f"{name} can't be accessed: {reason}.", "Correct db_name.") from None
    if not os.access(path, os.R_OK if read_only else os.R_OK | os.W_OK, effective_ids=True):
        action = "read" if read_only else "changed"
        raise DatabaseDeniedError(f"{name} may not be {action}.", as_owner)
