"""A Zato server's directory: where it is, what it says."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from zato_sso_reset.errors import ConfigError, NotAServerError, PermissionDeniedError, did_you_mean, printable
from zato_sso_reset.files import read_text
from zato_sso_reset.server.ini import ConfFile, Setting, ValueResolver, missing
from zato_sso_reset.server.secret_key import SecretKey
from zato_sso_reset.server.toml import Overrides

WELL_KNOWN_DATA = "3.141592..."
"""What every server's `[zato] well_known_data` decrypts to: the proof that its key is the right one."""


class SSOSettings:
    """What `sso.conf` says, overridden key by key by the environment, then by `sso.toml`."""

    def __init__(self, repo: Path, resolver: ValueResolver) -> None:
        """Read `sso.conf` and, where it is there, `sso.toml` of the folder `config/repo`.

        Raises:
            ConfigError: a file is missing or malformed, or `sso.toml` has an unknown section or key.
            PermissionDeniedError: a file may not be read.
        """
        self._conf = ConfFile(repo / "sso.conf", resolver)
        self._overrides = Overrides(repo, resolver)
        self.files = [self._conf.path, *self._overrides.files]

    def get(self, section: str, key: str) -> Setting:
        """Return a setting that must be there.

        Raises:
            ConfigError: it is not.
        """
        setting = self.find(section, key)
        if setting is None:
            raise missing(self._conf.path, section, key)
        return setting

    def find(self, section: str, key: str) -> Setting | None:
        """Return the first there is of: environment, `sso.toml`, `sso.conf`."""
        return self._overrides.find(section, key) or self._conf.find_in_file(section, key)


@dataclass(frozen=True)
class DatabaseConfig:
    """Where the SSO tables are: the parts of `[odb]`, or a `url` that replaces them all."""

    engine: str = ""
    database: str = ""
    host: str | None = None
    port: int | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    url: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class ServerConfig:
    """All that is known of a server once its directory has been read."""

    path: Path
    files: tuple[Path, ...]
    secret_key: SecretKey
    sso: SSOSettings
    database: DatabaseConfig

    @classmethod
    def read(
        cls, path: Path, *, env: Mapping[str, str], stdin: TextIO | None, warn: Callable[[str], None]
    ) -> "ServerConfig":
        """Read the directory of a server; `stdin` is where a key1 of `zato+stdin:///` is read from.

        Raises:
            NotAServerError: `path` is not a server's directory.
            ConfigError: a file or setting is missing or malformed, or the secret key is the wrong one.
            PermissionDeniedError: a file may not be read.
        """
        repo = find_repo(path)
        secrets = ConfFile(repo / "secrets.conf", ValueResolver(env, warn, _no_secret))
        secret_key = _secret_key(secrets, stdin)

        def secret(group: str, key: str) -> str:
            setting = secrets.get(group, key)
            return secret_key.unseal(setting.text(), setting.source) if setting.value else ""

        resolver = ValueResolver(env, warn, secret)
        sso = SSOSettings(repo, resolver)
        server = ConfFile(repo / "server.conf", resolver)
        files = (secrets.path, server.path, *sso.files)
        return cls(path, files, secret_key, sso, _database(sso, server))


def find_repo(path: Path) -> Path:
    """Return the folder of a server's configuration files.

    Raises:
        NotAServerError: `path` is not a server's directory; names what is there instead.
        PermissionDeniedError: it may not be looked into.
    """
    repo = path / "config" / "repo"
    try:
        if (repo / "secrets.conf").exists() and _component(path) == "SERVER":
            return repo
        hint = _what_is_there(path)
    except PermissionError:
        raise PermissionDeniedError(
            f"`{printable(str(path))}` may not be looked into. Run as the server's own user."
        ) from None
    except OSError as error:
        hint = f"{error.strerror}."
    raise NotAServerError(f"No server found at `{printable(str(path))}`. {hint}")


def _component(path: Path) -> str:
    """Return what `.zato-info` calls itself; without that file, secrets alone make a server."""
    info = path / ".zato-info"
    if not info.exists():
        return "SERVER"
    try:
        return str(json.loads(read_text(info))["component"])
    except (ValueError, TypeError, KeyError, RecursionError, ConfigError, PermissionDeniedError):
        return "SERVER"


def _what_is_there(path: Path) -> str:
    if not path.exists():
        beside = {name: str(path.with_name(name)) for name in servers_in(path.parent)}
        return f"There is no such directory.{did_you_mean(path.name, beside)}"
    if not path.is_dir():
        return "It is a file; give the server's directory."
    for parent in path.absolute().parents:
        if (parent / "config" / "repo" / "secrets.conf").exists() and _component(parent) == "SERVER":
            return f"Did you mean `{printable(str(parent))}`?"
    if (path / "config" / "repo" / "secrets.conf").exists():
        return f"It is a component of another kind: {printable(_component(path), 40).lower()}."
    if servers := servers_in(path):
        return "There are servers inside: " + ", ".join(f"`{printable(name)}`" for name in servers) + "."
    return "It has no `config/repo/secrets.conf`."


def servers_in(folder: Path) -> list[str]:
    """Return the names of the folders in `folder` that are servers."""
    found = (secrets.parents[2] for secrets in folder.glob("*/config/repo/secrets.conf"))
    return sorted(child.name for child in found if _component(child) == "SERVER")


def _no_secret(_group: str, _key: str) -> str:
    raise ConfigError("`secrets.conf` refers to a secret of its own. Put the value there instead.")


def _secret_key(secrets: ConfFile, stdin: TextIO | None) -> SecretKey:
    key = secrets.get("secret_keys", "key1").required_text().strip()
    if key == "zato+stdin:///":
        key = _first_line(stdin)
        if not key:
            raise ConfigError(
                "`secrets.conf` has key1 read from standard input, where there is none. Pipe it in."
            )
    secret_key = SecretKey(key)
    proof = secrets.get("zato", "well_known_data")
    if secret_key.unseal(proof.text(), proof.source) != WELL_KNOWN_DATA:
        raise ConfigError(f"{proof.source} is not the data that proves the key. Restore the server's own.")
    return secret_key


def _first_line(stdin: TextIO | None) -> str:
    """Return the first line, and not a byte more: usernames may follow it."""
    with suppress(OSError, ValueError):
        return stdin.buffer.readline(1024).decode().strip() if stdin else ""
    return ""


def _database(sso: SSOSettings, server: ConfFile) -> DatabaseConfig:
    if url := sso.find("sql", "url"):
        return DatabaseConfig(url=url.required_text())
    name = sso.find("sql", "name")
    if name and name.text():
        raise ConfigError(
            f"{name.source} keeps the SSO tables behind an outgoing connection, which only a running "
            'server knows. Put `[sql] url = "..."` of that database into `sso.toml`.'
        )

    def text(key: str) -> str | None:
        setting = server.find("odb", key)
        return (setting.text() or None) if setting else None

    port = server.find("odb", "port")
    return DatabaseConfig(
        engine=server.get("odb", "engine").required_text(),
        database=server.get("odb", "db_name").required_text(),
        host=text("host"),
        port=port.integer(1, 65535) if port and port.value else None,
        username=text("username"),
        password=text("password"),
    )
