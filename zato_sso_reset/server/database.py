"""The location of the SSO tables."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from zato_sso_reset.domain.settings import Settings
from zato_sso_reset.errors import ConfigError
from zato_sso_reset.text import printable, quoted

_PRODUCTS = {"postgresql": "PostgreSQL", "mysql": "MySQL", "mariadb": "MariaDB"}


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

    @property
    def backend(self) -> str:
        """The engine without its driver, such as `postgresql`."""
        return self.engine.partition("+")[0]

    @property
    def name(self) -> str:
        """The name of the database in messages."""
        database = printable(self.database)
        if self.backend == "sqlite":
            return f"SQLite database `{database}`"
        address = (self.host or "localhost") + (f":{self.port}" if self.port else "")
        product = _PRODUCTS.get(self.backend, printable(self.backend, 40))
        return f"{product} database `{database}` at {quoted(address)}"


def read_database_config(sso: Settings, server: Settings) -> DatabaseConfig:
    """Return `[sql] url`, or else the database of `[odb]`.

    Raises ConfigError if a setting is missing or malformed, or `[sql] name` is an outgoing connection.
    """
    if url := sso.find("sql", "url"):
        return _parse_url(url.text(required=True))
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
    return DatabaseConfig(
        engine=server.get("odb", "engine").text(required=True),
        database=server.get("odb", "db_name").text(required=True),
        host=text("host"),
        port=port.integer(1, 65535) if port and port.value else None,
        username=text("username"),
        password=text("password"),
    )


def _parse_url(text: str) -> DatabaseConfig:
    with suppress(ValueError):
        url = urlsplit(text, allow_fragments=False)
        database = url.path[1:]
        is_sqlite = url.scheme == "sqlite"
        # These characters elsewhere are the rest of a password that should have been percent-encoded.
        misplaced = url.netloc.count("@") > 1 or "@" in url.query or set("@:/") & set(database)
        if url.scheme and database and (is_sqlite or not misplaced):
            return DatabaseConfig(
                engine=url.scheme,
                database=unquote(database),
                host=url.hostname,
                port=url.port,
                username=unquote(url.username) if url.username else None,
                password=unquote(url.password) if url.password else None,
                options=parse_qs(url.query, keep_blank_values=True),
            )
    # The URL may hold a password, so it is not shown.
    message = "[sql] url (usually of `sso.toml`) is not a URL like engine://user:password@host:port/name."
    raise ConfigError(message, "Percent-encode the special characters in it.")
