"""The configuration of a Zato server."""

import os
import shlex
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from logging import getLogger
from pathlib import Path
from typing import TextIO

from zato_sso_reset.domain.settings import Settings
from zato_sso_reset.errors import ConfigError
from zato_sso_reset.files import owner_of, user_name
from zato_sso_reset.server.database import DatabaseConfig, read_database_config
from zato_sso_reset.server.directory import find_repo
from zato_sso_reset.server.secret_key import SecretKey
from zato_sso_reset.server.settings import conf_settings, sso_settings
from zato_sso_reset.text import printable

logger = getLogger(__name__)

WELL_KNOWN_DATA = "3.141592..."
"""The decrypted `[zato] well_known_data` of every server: proof that its key is the right one."""


@dataclass(frozen=True)
class ServerConfig:
    """A server's configuration: `settings` are those of SSO."""

    path: Path
    secret_key: SecretKey
    settings: Settings
    database: DatabaseConfig

    @classmethod
    def read(cls, path: Path, *, env: Mapping[str, str], stdin: TextIO | None) -> "ServerConfig":
        """Read a server's directory; a key1 of `zato+stdin:///` is read from `stdin`.

        Raises:
            NotAServerError: `path` is not a server's directory.
            ConfigError: a file or setting is missing or malformed, or the secret key is the wrong one.
            PermissionDeniedError: a file may not be read.
        """
        repo = find_repo(path)
        owner = owner_of(repo / "secrets.conf")
        _warn_root(path, owner)
        secrets = conf_settings(repo / "secrets.conf", env, _refuse_secret)
        secret_key = _read_secret_key(secrets, stdin)

        def secret(group: str, key: str) -> str:
            setting = secrets.get(group, key)
            return secret_key.unseal(setting.text(), setting.source) if setting.value else ""

        settings = sso_settings(repo, env, secret)
        database = read_database_config(settings, conf_settings(repo / "server.conf", env, secret), owner)
        for name in ("secrets.conf", "server.conf", "sso.conf", "sso.toml"):
            if (repo / name).exists():
                logger.info("Read: %s", repo / name)
        return cls(path, secret_key, settings, database)


def _warn_root(path: Path, owner: int | None) -> None:
    """Warn root of a directory whose owner could use root's rights."""
    if os.geteuid() == 0 and owner:
        name = user_name(owner)
        logger.warning(
            "You are root, but `%s` belongs to `%s`. Use `sudo -u %s ...`: as root, this command reads files "
            "that the directory names and its owner may not read, and files that SQLite makes beside the "
            "database belong to root.",
            *(printable(str(path)), name, shlex.quote(name)),
        )


def _refuse_secret(_group: str, _key: str) -> str:
    message = "`secrets.conf` refers to one of its own secrets."
    raise ConfigError(message, "Replace the reference by its value.")


def _read_secret_key(secrets: Settings, stdin: TextIO | None) -> SecretKey:
    key = secrets.get("secret_keys", "key1").text(required=True).strip()
    if key == "zato+stdin:///":
        key = _first_line(stdin)
        if not key:
            message = "`secrets.conf` has key1 read from standard input, which is empty."
            raise ConfigError(message, "Pipe the key in.")
    secret_key = SecretKey(key)
    proof = secrets.get("zato", "well_known_data")
    if secret_key.unseal(proof.text(), proof.source) != WELL_KNOWN_DATA:
        raise ConfigError(f"{proof.source} does not prove the secret key.", "Restore the server's own.")
    return secret_key


def _first_line(stdin: TextIO | None) -> str:
    """Return the first line of stdin without reading ahead: usernames or a password may follow it."""
    with suppress(OSError, ValueError):
        return stdin.buffer.readline(1024).decode().strip() if stdin else ""
    return ""
