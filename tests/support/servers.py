"""Server directories for tests, and independent checks of their passwords."""

import atexit
import functools
import gzip
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from passlib.hash import argon2, pbkdf2_sha512

from tests.support.databases import PASSWORD, Database, run
from zato_sso_reset.services.quickstart import create_server

OLD = "Old-Password.1"
"""The password of every user before a reset."""

ROUNDS = 1000
"""Few, so that tests are fast; one test per scheme uses the real number."""

STOCK = Path(__file__).parents[3] / "shared" / "stock-zato-3.3"

LINE = re.compile(r"Password for user `(?P<username>.+)` reset to `(?P<password>[A-Za-z0-9_-]{32})`\n")


@dataclass(frozen=True)
class Server:
    """A server's directory, its secret key and its database."""

    path: Path
    key: str
    database: Database

    @property
    def repo(self) -> Path:
        """The folder of the configuration files."""
        return self.path / "config" / "repo"

    def edit(self, file: str, section: str, **values: str) -> None:
        """Set keys of a section of an INI file, to values as they are written there."""
        path = self.repo / file
        text = path.read_text()
        for key, value in values.items():
            pattern = rf"(\[{section}\]\n(?:(?!\[).*\n)*?){re.escape(key)} ?=.*\n"
            replaced, count = re.subn(pattern, lambda m, k=key, v=value: f"{m[1]}{k}={v}\n", text)  # type: ignore[misc]
            text = replaced if count else text.replace(f"[{section}]\n", f"[{section}]\n{key}={value}\n")
        path.write_text(text)

    def remove(self, file: str, key: str) -> None:
        """Remove every line of a key from an INI file."""
        path = self.repo / file
        path.write_text(re.sub(rf"(?m)^{re.escape(key)} ?=.*\n", "", path.read_text()))

    def override(self, text: str) -> None:
        """Write `sso.toml`."""
        (self.repo / "sso.toml").write_text(text)

    def seal(self, text: str) -> str:
        """Encrypt with the server's key."""
        return Fernet(self.key).encrypt(text.encode()).decode()

    def opens(self, username: str, password: str) -> bool:
        """Return whether a stock server would verify `password`."""
        return self._verifies(password, self.database.row(username)["password"])

    def settle(self) -> None:
        """Wait for a COMMIT of a killed process that may still be on its way."""
        if self.database.engine != "sqlite":
            self.database.run("SELECT id FROM zato_sso_user FOR UPDATE")

    def opened_by(self, passwords: Mapping[str, str]) -> set[str]:
        """Return the users whose password, of these, a stock server would verify."""
        rows = self.database.run("SELECT username, password FROM zato_sso_user")
        return {name for name, stored in rows if self._verifies(passwords.get(name, ""), stored)}

    def _verifies(self, password: str, stored: str | bytes) -> bool:
        stored = stored.encode() if isinstance(stored, str) else stored
        hashed = Fernet(self.key).decrypt(stored).decode()
        return bool((argon2 if hashed.startswith("$argon2") else pbkdf2_sha512).verify(password, hashed))


def quick_server(path: Path, database: Database | None = None) -> Server:
    """Create a server with `USERS`, on SQLite or on `database`, whose tables are empty."""
    shutil.copytree(_sqlite_server().path, path)
    server = Server(path, _sqlite_server().key, database or Database("sqlite", str(path / "zato.db")))
    server.edit("server.conf", "odb", db_name=f'"{server.database.name}"')
    if database:
        engine = {"postgresql": "postgresql+pg8000", "mysql": "mysql+pymysql"}[database.engine]
        address = {"host": database.host, "port": str(database.port), "username": database.user}
        server.edit("server.conf", "odb", engine=engine, **address)
        server.edit("secrets.conf", "zato", **{"server_conf.odb.password": server.seal(PASSWORD)})
        _insert_users(server)
    return server


@functools.cache
def _sqlite_server() -> Server:
    """Create the server that others are copied from, once per process."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    path = create_server(folder / "server1", "user1")
    server = Server(path, _key(path), Database("sqlite", str(path / "zato.db")))
    server.edit("sso.conf", "hash_secret", rounds=str(ROUNDS))
    server.database.run("DELETE FROM zato_sso_user")
    _insert_users(server)
    return server


def _key(path: Path) -> str:
    [key] = re.findall(r"(?m)^key1=(.+)$", (path / "config" / "repo" / "secrets.conf").read_text())
    return str(key)


@functools.cache
def _hash_of_old() -> str:
    return str(pbkdf2_sha512.using(rounds=ROUNDS).hash(OLD))


def _insert_users(server: Server) -> None:
    with server.database.connect() as connection:
        run(connection, "BEGIN")
        for user_id, (username, columns) in enumerate(USERS.items(), start=1):
            _insert(connection, server, user_id, username, columns)
        run(
            connection,
            "INSERT INTO zato_sso_session (id, ust, creation_time, expiration_time, remote_addr, user_agent, "
            "auth_type, auth_principal, user_id) VALUES (1, 'zust1', '2026-01-02 03:04:05', "
            "'2036-01-02 03:04:05', '127.0.0.1', 'test', 'default', 'MixedCase', 4)",
        )
        run(connection, "COMMIT")


USERS: Mapping[str, Mapping[str, object]] = {
    "user1": {},
    "locked1": {"is_locked": True, "locked_by": "admin@host"},
    "pending1": {"approval_status": "before_decision"},
    "MixedCase": {},
    "changing1": {"password_must_change": True},
}


def insert_user(server: Server, user_id: int, username: str, columns: Mapping[str, object]) -> None:
    """Insert an approved user with the password `OLD`."""
    with server.database.connect() as connection:
        _insert(connection, server, user_id, username, columns)


def insert_users(server: Server, usernames: Iterable[str], **columns: object) -> None:
    """Insert many approved users with the password `OLD`."""
    stored = server.seal(_hash_of_old())
    with server.database.connect() as connection:
        [(last,)] = run(connection, "SELECT max(id) FROM zato_sso_user")
        run(connection, "BEGIN")
        for user_id, username in enumerate(usernames, start=last + 1):
            _insert(connection, server, user_id, username, {"password": stored, **columns})
        run(connection, "COMMIT")


def _insert(
    connection: Any, server: Server, user_id: int, username: str, columns: Mapping[str, object]
) -> None:
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    then = now - timedelta(days=10, seconds=1)  # MySQL rounds up to a whole second
    values: dict[str, object] = {
        "id": user_id,
        "user_id": f"zusr{user_id}",
        **dict.fromkeys(("is_active", "password_is_set"), True),
        **dict.fromkeys(("is_internal", "is_super_user", "is_locked", "password_must_change"), False),
        "is_totp_enabled": False,
        **dict.fromkeys(("approval_status_mod_time", "password_last_set", "sign_up_time"), str(then)),
        "creation_ctx": "null",
        "approval_status": "approved",
        "approval_status_mod_by": "auto",
        "username": username,
        "password": columns.get("password") or server.seal(_hash_of_old()),
        "password_expiry": str(then + timedelta(days=100)),
        "sign_up_status": "final",
        "sign_up_confirm_token": f"cli.{user_id}",
        **columns,
    }
    placeholders = ", ".join(["%s"] * len(values))
    statement = f"INSERT INTO zato_sso_user ({', '.join(values)}) VALUES ({placeholders})"
    run(connection, statement, *values.values())


def stock_server(path: Path) -> Server:
    """Copy a directory that a stock Zato 3.3 created, with its database."""
    shutil.copytree(STOCK / "server1", path)
    for file in (path, *path.rglob("*")):
        file.chmod(0o700)
    odb = path / "zato.db"
    with closing(sqlite3.connect(odb)) as connection:
        connection.executescript(gzip.decompress((STOCK / "zato.sql.gz").read_bytes()).decode())
    conf = path / "config" / "repo" / "server.conf"
    conf.write_text(conf.read_text().replace("@ODB@", str(odb)))
    return Server(path, _key(path), Database("sqlite", str(odb)))
