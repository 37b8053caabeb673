"""The location of the SSO tables."""

import os
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from zato_sso_reset.domain.settings import Setting, Settings
from zato_sso_reset.errors import ConfigError
from zato_sso_reset.files import as_owner
from zato_sso_reset.text import printable, quoted

_PRODUCTS = {"postgresql": "PostgreSQL", "sqlite": "SQLite", "mysql": "MySQL", "mariadb": "MariaDB"}

_POSTGRESQL_OPTIONS = {
    *("application_name", "channel_binding", "connect_timeout", "gssencmode", "host", "hostaddr"),
    *("keepalives", "keepalives_count", "keepalives_idle", "keepalives_interval"),
    *("load_balance_hosts", "port", "require_auth", "requirepeer", "ssl_max_protocol_version"),
    *("ssl_min_protocol_version", "sslcert", "sslcrl", "sslcrldir", "sslkey", "sslmode"),
    *("sslnegotiation", "sslrootcert", "sslsni", "target_session_attrs", "tcp_user_timeout"),
}

_MYSQL_OPTIONS = {
    *("charset", "connect_timeout", "read_timeout", "ssl_ca", "ssl_capath", "ssl_cert"),
    *("ssl_check_hostname", "ssl_cipher", "ssl_disabled", "ssl_key", "ssl_verify_cert"),
    *("ssl_verify_identity", "unix_socket", "write_timeout"),
}

OPTIONS: Mapping[str, set[str]] = {
    "sqlite": set(),
    "postgresql": _POSTGRESQL_OPTIONS,
    "mysql": _MYSQL_OPTIONS,
    "mariadb": _MYSQL_OPTIONS,
}
"""The options of `[sql] url`: none of them has the driver send a file or look for a password."""

_FILES = {"sslcert", "sslcrl", "sslkey", "sslrootcert", "ssl_ca", "ssl_cert", "ssl_key"}

CLIENT_CERTIFICATE = {"sslcert", "sslkey", "ssl_cert", "ssl_key"}
"""Options for the directory's owner alone: these files are sent, or prove an identity."""


@dataclass(frozen=True)
class DatabaseConfig:
    """A database and how to log in to it; `database` is the file's path for SQLite."""

    engine: str
    database: str
    host: str | None = None
    port: int | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    options: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)  # for the driver
    is_from_url: bool = field(default=False, compare=False)
    hidden: str = field(default="", compare=False)  # the section whose values no message may show
    owner: int | None = field(default=None, compare=False)  # of the server's directory

    @property
    def backend(self) -> str:
        """The engine without its driver, such as `postgresql`."""
        return self.engine.partition("+")[0]

    @property
    def name(self) -> str:
        """The name of the database in messages."""
        if self.hidden:
            return f"{_PRODUCTS.get(self.backend, '')} database of {self.hidden}".lstrip()
        database = printable(self.database)
        if self.backend == "sqlite":
            return f"SQLite database `{database}`"
        address = (self.host or "localhost") + (f":{self.port}" if self.port else "")
        product = _PRODUCTS.get(self.backend, printable(self.backend, 40))
        return f"{product} database `{database}` at {quoted(address)}"


def read_database_config(sso: Settings, server: Settings, owner: int | None = None) -> DatabaseConfig:
    """Return `[sql] url`, or else the database of `[odb]`, of a directory that belongs to `owner`.

    Raises ConfigError if a setting is missing or malformed, or `[sql] name` is an outgoing connection.
    """
    if url := sso.find("sql", "url"):
        return _parse_url(url, owner)
    name = sso.find("sql", "name")
    if name and name.text():
        raise ConfigError(
            f"{name.source} keeps the SSO tables behind an outgoing connection, which only a running "
            "server knows.",
            'Add `[sql] url = "..."` with the URL of that database to `sso.toml`.',
        )

    def text(key: str) -> str | None:
        setting = server.find("odb", key)
        return (setting.text() or None) if setting else None

    port = server.find("odb", "port")
    shown = (server.find("odb", key) for key in ("engine", "db_name", "host", "port"))
    return DatabaseConfig(
        engine=server.get("odb", "engine").text(required=True),
        database=server.get("odb", "db_name").text(required=True),
        host=text("host"),
        port=port.integer(1, 65535) if port and port.value else None,
        username=text("username"),
        password=text("password"),
        hidden="[odb]" if any(setting and setting.is_resolved for setting in shown) else "",
        owner=owner,
    )


def _parse_url(setting: Setting, owner: int | None) -> DatabaseConfig:
    text = setting.text(required=True)
    with suppress(ValueError):
        url = urlsplit(text, allow_fragments=False)
        database = url.path[1:]
        is_sqlite = url.scheme == "sqlite"
        # These characters elsewhere are the rest of a password that should have been percent-encoded.
        misplaced = url.netloc.count("@") > 1 or "@" in url.query or set("@:/") & set(database)
        if url.scheme and database and (is_sqlite or not misplaced):
            config = DatabaseConfig(
                engine=url.scheme,
                database=unquote(database),
                host=url.hostname,
                port=url.port,
                username=unquote(url.username) if url.username else None,
                password=unquote(url.password) if url.password else None,
                options=parse_qs(url.query, keep_blank_values=True),
                is_from_url=True,
                hidden="[sql] url" if setting.is_resolved else "",
                owner=owner,
            )
            _check_options(config)
            return config
    # The URL may hold a password, so it is not shown.
    message = "[sql] url (usually of `sso.toml`) is not a URL like engine://user:password@host:port/name."
    raise ConfigError(message, "Percent-encode the special characters in it.")


def _check_options(config: DatabaseConfig) -> None:
    """Refuse options that could send a file, or a password that is not in the URL, to the URL's host."""
    allowed = OPTIONS.get(config.backend)
    for name, values in config.options.items():
        shown = "an option" if config.hidden else f"the option {quoted(name, 40)}"
        if allowed is not None and name not in allowed:
            choice = ", ".join(sorted(allowed)) or "no option"
            raise ConfigError(f"[sql] url has {shown}, which is not allowed.", f"Allowed: {choice}.")
        if name in CLIENT_CERTIFICATE and config.owner not in {None, os.geteuid()}:
            message = f"[sql] url has the option `{name}`, which only the owner of the directory may use."
            raise ConfigError(message, as_owner(config.owner))
        if name in _FILES and any(map(_is_special, values)):
            message = f"[sql] url has the option `{name}` with something that is not a regular file."
            raise ConfigError(message, "Correct the path.")


def _is_special(path: str) -> bool:
    """Return whether a path is a directory, a device or a FIFO, which a driver would wait for."""
    with suppress(OSError, ValueError):
        return not stat.S_ISREG(Path(path).stat().st_mode)
    return False
