"""Real databases for tests, accessed without the project's own code."""

import os
import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pymysql.constants.CLIENT
import pytest

import zato_sso_reset

PASSWORD = "z@to/p:w"
"""The password of the database users, with characters that are special in a URL."""

SCHEMA = Path(zato_sso_reset.__file__).parent / "services" / "templates" / "schema.sql"

DIALECTS = {
    "postgresql": {
        r" CHECK \(\w+ IN \(0, 1\)\)": "",
        "DEFAULT 0": "DEFAULT false",
        "DATETIME": "TIMESTAMP WITHOUT TIME ZONE",
        r"TEXT\(191\)": "TEXT",
        "id INTEGER NOT NULL PRIMARY KEY": "id SERIAL PRIMARY KEY",
    },
    "mysql": {
        r" CHECK \(\w+ IN \(0, 1\)\)": "",
        "BOOLEAN": "TINYINT(1)",
        r"TEXT\(191\)": "VARCHAR(191)",
        "id INTEGER NOT NULL PRIMARY KEY": "id INTEGER NOT NULL AUTO_INCREMENT PRIMARY KEY",
        r" CONSTRAINT \w+ UNIQUE(?=[,\n])": " UNIQUE",
        r"\((email|ext_session_id)\);": r"(\1(191));",
        r"CREATE INDEX zato_u_alln_idx.*\n": "",  # too long for an index
    },
}
"""Replacements that translate the schema from SQLite's dialect."""

PORTS = {
    engine: int(os.environ.get(f"ZATO_TEST_{engine.upper()}_PORT", port))
    for engine, port in {"postgresql": 5432, "mysql": 3306}.items()
}
"""The ports of the local servers, read before the tests remove `ZATO_...` from the environment."""

_ADMINS = {"postgresql": "postgres", "mysql": "root"}

_DROP = {
    "postgresql": ("DROP DATABASE IF EXISTS {0} WITH (FORCE)", "DROP ROLE IF EXISTS {0}"),
    "mysql": ("DROP DATABASE IF EXISTS {0}", "DROP USER IF EXISTS {0}@127.0.0.1, {0}@localhost"),
}

_CREATE = {
    "postgresql": (
        "CREATE ROLE {0} LOGIN PASSWORD '{1}'",
        "CREATE DATABASE {0} OWNER {0} TEMPLATE template0 ENCODING 'UTF8'",
    ),
    "mysql": (
        "CREATE DATABASE {0} CHARACTER SET utf8mb4",
        "CREATE USER {0}@127.0.0.1 IDENTIFIED BY '{1}', {0}@localhost IDENTIFIED BY '{1}'",
        "GRANT ALL ON {0}.* TO {0}@127.0.0.1, {0}@localhost",
    ),
}


@dataclass(frozen=True)
class Database:
    """A database, with the address and user that the server uses."""

    engine: str
    name: str
    host: str = ""
    port: int = 0
    user: str = ""

    @contextmanager
    def connect(self, *, admin: bool = False) -> Iterator[Any]:
        """Open a connection of the driver itself, in autocommit mode."""
        with closing(_connect(self, admin=admin)) as connection:
            yield connection

    def run(self, statement: str, *parameters: object, admin: bool = False) -> list[tuple[Any, ...]]:
        """Run one statement, with `%s` for its parameters, and return its rows."""
        with self.connect(admin=admin) as connection:
            return run(connection, statement, *parameters)

    def row(self, username: str) -> dict[str, Any]:
        """Return all columns of a user."""
        [row] = [row for row in self.rows("zato_sso_user") if row["username"] == username]
        return row

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return all columns of all rows of a table."""
        with self.connect() as connection:
            cursor = connection.cursor()
            cursor.execute(f"SELECT * FROM {table}")
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def dump(self, table: str) -> list[tuple[Any, ...]]:
        """Return all rows of a table, by id."""
        return self.run(f"SELECT * FROM {table} ORDER BY id")


_made: set[Database] = set()
"""The databases whose tables are unchanged since `make_tables`."""


def run(connection: Any, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Run one statement on an open connection and return its rows."""
    if statement.startswith(("ALTER", "CREATE", "DROP", "GRANT", "REVOKE")):
        _made.clear()
    cursor = connection.cursor()
    if isinstance(connection, sqlite3.Connection):
        statement = statement.replace("%s", "?")
    cursor.execute(statement, parameters) if parameters else cursor.execute(statement)
    return list(cursor.fetchall()) if cursor.description else []


def _connect(database: Database, *, admin: bool) -> Any:
    if database.engine == "sqlite":
        return sqlite3.connect(database.name, isolation_level=None, timeout=30)
    options: dict[str, Any] = {
        "host": database.host,
        "port": database.port,
        "user": _ADMINS[database.engine] if admin else database.user,
        "password": "" if admin else PASSWORD,
        "autocommit": True,
        "connect_timeout": 5,
    }
    if database.engine == "postgresql":
        return psycopg.connect(dbname=database.name, **options)
    flags = pymysql.constants.CLIENT.MULTI_STATEMENTS
    return pymysql.connect(database=database.name, client_flag=flags, **options)


def postgresql(worker: str, port: int = PORTS["postgresql"]) -> Database:
    """Create an empty database on a PostgreSQL of this machine, owned by a new user."""
    return _create("postgresql", f"zato_test_{worker}", port)


def mysql(worker: str, port: int = PORTS["mysql"]) -> Database:
    """Create an empty database on a MySQL or MariaDB of this machine, with a new user."""
    return _create("mysql", f"zato_test_{worker}", port)


def _create(engine: str, name: str, port: int) -> Database:
    database = Database(engine, name, "127.0.0.1", port, name)
    try:
        _administer(database, [*_DROP[engine], *_CREATE[engine]])
    except (psycopg.OperationalError, pymysql.err.OperationalError) as error:
        unreachable(f"{engine} at 127.0.0.1:{port} as {_ADMINS[engine]}", error)
    return database


def drop(database: Database) -> None:
    """Remove a database and its user."""
    _administer(database, _DROP[database.engine])


def _administer(database: Database, statements: Iterable[str]) -> None:
    admin = replace(database, name={"postgresql": "postgres", "mysql": "mysql"}[database.engine])
    with admin.connect(admin=True) as connection:
        for statement in statements:
            run(connection, statement.format(database.name, PASSWORD))


def make_tables(database: Database) -> None:
    """Create or empty the SSO tables, with the schema of the quickstart in the database's dialect."""
    script = SCHEMA.read_text()
    tables = re.findall(r"CREATE TABLE (\w+)", script)[::-1]
    for pattern, replacement in DIALECTS[database.engine].items():
        script = re.sub(pattern, replacement, script)
    if database in _made:
        script = "BEGIN;" + "".join(f"DELETE FROM {table};" for table in tables) + "COMMIT"
    else:
        script = "".join(f"DROP TABLE IF EXISTS {table};" for table in tables) + script
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(script)
        while database.engine == "mysql" and cursor.nextset():
            pass
    _made.add(database)


def make_3_0(database: Database) -> None:
    """Remove the columns and tables that Zato 3.0 lacks."""
    for column in ("is_totp_enabled", "totp_key", "totp_label"):
        database.run(f"ALTER TABLE zato_sso_user DROP COLUMN {column}")
    for table in ("zato_sso_password_reset", "zato_sso_linked_auth"):
        database.run(f"DROP TABLE {table}")


def unreachable(what: str, error: Exception) -> None:
    """Skip a test because something is missing; fail in CI, where everything must be available."""
    reason = f"no {what}: {type(error).__name__}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
