"""Real databases for tests, reached without any of the project's own code."""

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pymysql.constants.CLIENT
import pytest

import zato_sso_reset

PASSWORD = "z@to/p:w"
"""What the servers' users have: with all that a URL would trip over."""

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
"""How each database says what SQLite's tables say."""


@dataclass(frozen=True)
class Database:
    """A database and how to reach it as the user that the server uses."""

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
        with self.connect() as connection:
            cursor = connection.cursor()
            cursor.execute("SELECT * FROM zato_sso_user WHERE username = " + _quoted(username))
            rows = cursor.fetchall()
            assert len(rows) == 1, f"{len(rows)} rows of {username}"
            return dict(zip((column[0] for column in cursor.description), rows[0], strict=True))

    def dump(self, table: str) -> list[tuple[Any, ...]]:
        """Return all rows of a table."""
        return self.run(f"SELECT * FROM {table} ORDER BY id")


_made: set[Database] = set()
"""Whose tables are as `make_tables` makes them."""


def run(connection: Any, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Run one statement on an open connection and return its rows."""
    if statement.startswith(("ALTER", "CREATE", "DROP", "GRANT", "REVOKE")):
        _made.clear()
    cursor = connection.cursor()
    if isinstance(connection, sqlite3.Connection):
        statement = statement.replace("%s", "?")
    cursor.execute(statement, parameters) if parameters else cursor.execute(statement)
    return list(cursor.fetchall()) if cursor.description else []


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _connect(database: Database, *, admin: bool) -> Any:
    if database.engine == "sqlite":
        return sqlite3.connect(database.name, isolation_level=None, timeout=30)
    if database.engine == "postgresql":
        return psycopg.connect(
            host=database.host,
            port=database.port,
            user="postgres" if admin else database.user,
            password=None if admin else PASSWORD,
            dbname=database.name,
            autocommit=True,
            connect_timeout=5,
        )
    return pymysql.connect(
        host=database.host,
        port=database.port,
        user="root" if admin else database.user,
        password="" if admin else PASSWORD,
        database=database.name,
        autocommit=True,
        connect_timeout=5,
        client_flag=pymysql.constants.CLIENT.MULTI_STATEMENTS,
    )


def postgresql(worker: str) -> Database:
    """Return a new, empty database on the local PostgreSQL, owned by a user of its own."""
    name = f"zato_test_{worker}"
    admin = Database("postgresql", "postgres", "127.0.0.1", 5432)
    try:
        with admin.connect(admin=True) as connection:
            run(connection, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            run(connection, f"DROP ROLE IF EXISTS {name}")
            run(connection, f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
            run(connection, f"CREATE DATABASE {name} OWNER {name} TEMPLATE template0 ENCODING 'UTF8'")
    except psycopg.OperationalError as error:
        unreachable("PostgreSQL at 127.0.0.1:5432 as postgres", error)
    return Database("postgresql", name, "127.0.0.1", 5432, name)


def mysql(worker: str, port: int = 3306) -> Database:
    """Return a new, empty database on a MariaDB of this machine, with a user of its own."""
    name = f"zato_test_{worker}"
    admin = Database("mysql", "mysql", "127.0.0.1", port)
    try:
        with admin.connect(admin=True) as connection:
            run(connection, f"DROP DATABASE IF EXISTS {name}")
            run(connection, f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
            for host in ("127.0.0.1", "localhost"):
                run(connection, f"DROP USER IF EXISTS {name}@{host}")
                run(connection, f"CREATE USER {name}@{host} IDENTIFIED BY '{PASSWORD}'")
                run(connection, f"GRANT ALL ON {name}.* TO {name}@{host}")
    except pymysql.err.OperationalError as error:
        unreachable(f"MariaDB at 127.0.0.1:{port} as root", error)
    return Database("mysql", name, "127.0.0.1", port, name)


def drop(database: Database) -> None:
    """Remove a database and its user."""
    if database.engine == "postgresql":
        admin = Database("postgresql", "postgres", database.host, database.port)
        admin.run(f"DROP DATABASE {database.name} WITH (FORCE)", admin=True)
        admin.run(f"DROP ROLE {database.name}", admin=True)
        return
    database.run(f"DROP DATABASE {database.name}", admin=True)
    admin = Database("mysql", "mysql", database.host, database.port)
    for host in ("127.0.0.1", "localhost"):
        admin.run(f"DROP USER {database.user}@{host}", admin=True)


def make_tables(database: Database) -> None:
    """Make the SSO tables empty: those of the quickstart, in the words of the database."""
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
    """Take from the tables what a Zato 3.0 does not have yet."""
    for column in ("is_totp_enabled", "totp_key", "totp_label"):
        database.run(f"ALTER TABLE zato_sso_user DROP COLUMN {column}")
    for table in ("zato_sso_password_reset", "zato_sso_linked_auth"):
        database.run(f"DROP TABLE {table}")


def unreachable(what: str, error: Exception) -> None:
    """Skip a test that needs a database server; in CI, where it has to be there, fail."""
    reason = f"no {what}: {type(error).__name__}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
