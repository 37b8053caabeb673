"""A server directory with a SQLite database and one user, for trials, tests and CI."""

import json
import os
import secrets
import socket
import sqlite3
import tempfile
import uuid
from base64 import b32encode
from contextlib import closing
from datetime import timedelta
from importlib.resources import files
from pathlib import Path

from zato_sso_reset.domain.hashing import Pbkdf2Sha512Hasher
from zato_sso_reset.errors import AlreadyExistsError, FileNotMadeError
from zato_sso_reset.files import create_private_file
from zato_sso_reset.server.config import WELL_KNOWN_DATA
from zato_sso_reset.server.secret_key import SecretKey
from zato_sso_reset.services.passwords import utc_now
from zato_sso_reset.text import printable

EXPIRY_DAYS = 730  # the value in the template of `sso.conf`
_QUOTES = ('"', "'", '"""', "'''")  # the quotes of INI files

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"


def create_server(path: Path, username: str) -> Path:
    """Create a complete server directory at `path`, or nothing at all, and return its absolute path.

    The user is approved and has a random password that is not shown: reset it first. Raises
    AlreadyExistsError if `path` is anything but an empty directory, FileNotMadeError if that can't be made.
    """
    path = Path(os.path.abspath(path))  # noqa: PTH100 a link in the path stays one
    shown = printable(str(path))
    if not str(path).isprintable() or "%(" in str(path) or all(quote in str(path) for quote in _QUOTES):
        message = f"`{shown}` has characters that are invalid in a configuration file."
        raise FileNotMadeError(message, "Use another path.")
    try:
        if path.exists() and not (path.is_dir() and not any(path.iterdir())):
            raise AlreadyExistsError(f"`{shown}` already exists and is not empty.", "Use another path.")
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as scratch:
            made = Path(scratch, "server")
            made.mkdir(mode=0o700)
            _fill(made, path, username)
            made.rename(path)
    except (OSError, sqlite3.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else type(error).__name__
        raise FileNotMadeError(f"`{shown}` can't be created: {reason}.") from None
    return path


def _fill(made: Path, path: Path, username: str) -> None:
    """Write the files into `made`, for their final location `path`."""
    key = SecretKey.generate()
    secret_key = SecretKey(key)
    for folder in ("config/repo", "logs", "work"):
        (made / folder).mkdir(parents=True)

    repo = made / "config" / "repo"
    _write(repo / "sso.conf", _template("sso.conf"))
    quote = next(quote for quote in _QUOTES if quote not in str(path))  # preserves `#`, `,` and blanks
    _write(repo / "server.conf", _template("server.conf", ODB=f"{quote}{path / 'zato.db'}{quote}"))
    sealed = {
        "PROOF": secret_key.seal(WELL_KNOWN_DATA),
        "TOKEN": secret_key.seal(secrets.token_urlsafe(32)),
        "JWT": secret_key.seal(secrets.token_urlsafe(32)),
        "EMPTY": secret_key.seal(""),
    }
    _write(repo / "secrets.conf", _template("secrets.conf", KEY=key, **sealed))
    info = {"version": "Zato 3.3", "component": "SERVER", "created_user_host": socket.gethostname()}
    _write(made / ".zato-info", json.dumps({**info, "created_ts": utc_now().isoformat()}))

    _write(made / "zato.db", "")
    with closing(sqlite3.connect(made / "zato.db")) as database:
        database.executescript(_template("schema.sql"))
        database.execute(_template("user.sql"), _user(username, secret_key))
        database.commit()


def _user(username: str, secret_key: SecretKey) -> dict[str, str]:
    """Return the parameters of `user.sql`."""
    now = utc_now()
    number = uuid.uuid4().int
    hashed = Pbkdf2Sha512Hasher(rounds=120_000).hash(secrets.token_urlsafe(32))
    return {
        "user_id": "zusr" + "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5)),
        "username": username,
        "username_upper": username.upper(),
        "password": secret_key.seal(hashed),
        "now": now.isoformat(" ", "microseconds"),
        "expiry": (now + timedelta(days=EXPIRY_DAYS)).isoformat(" ", "microseconds"),
        "sign_up_time": (now - timedelta(days=1)).isoformat(" ", "microseconds"),
        "token": f"cli.{secrets.token_urlsafe(32)}",
        "totp_key": secret_key.seal(b32encode(secrets.token_bytes(20)).decode("ascii")),
        "totp_label": secret_key.seal("Zato"),
    }


def _template(name: str, **values: str) -> str:
    text = (files("zato_sso_reset.services") / "templates" / name).read_text("utf-8")
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    return text


def _write(path: Path, text: str) -> None:
    with create_private_file(path) as file:
        file.write(text)
