"""The location of the SSO tables."""

from pathlib import Path

import pytest

from tests.support.settings import read_settings
from zato_sso_reset.errors import ConfigError
from zato_sso_reset.server.database import DatabaseConfig, read_database_config
from zato_sso_reset.server.settings import conf_settings

ODB = "engine=sqlite\ndb_name=zato.db\n"


def read(folder: Path, odb: str = "", conf: str = "", toml: str = "") -> DatabaseConfig:
    """Read the location with these lines in `[odb]` of `server.conf`, `sso.conf` and `sso.toml`."""
    (folder / "server.conf").write_text(f"[odb]\n{odb}")
    server = conf_settings(folder / "server.conf", {}, "{}{}".format)
    return read_database_config(read_settings(folder, conf, toml), server)


class TestParts:
    """`[odb]` of `server.conf`."""

    @pytest.mark.parametrize(
        ("odb", "config"),
        [
            (
                "engine=postgresql+pg8000\nhost=host\nport=5432\ndb_name='z,a#to'\nusername=Ιω\npassword=p:w",
                DatabaseConfig("postgresql+pg8000", "z,a#to", "host", 5432, "Ιω", "p:w"),
            ),
            (ODB, DatabaseConfig("sqlite", "zato.db")),
            (f"{ODB}host=\nport=\nusername=\npassword=\n", DatabaseConfig("sqlite", "zato.db")),
            (f"{ODB}port=1", DatabaseConfig("sqlite", "zato.db", port=1)),
            (f"{ODB}port=65535", DatabaseConfig("sqlite", "zato.db", port=65535)),
        ],
        ids=["all parts", "required parts", "empty parts", "lowest port", "highest port"],
    )
    def test_parts_are_read(self, tmp_path: Path, odb: str, config: DatabaseConfig) -> None:
        """Engine and name are required; an empty part counts as missing."""
        assert read(tmp_path, odb) == config

    @pytest.mark.parametrize(
        ("odb", "problem"),
        [
            ("db_name=zato.db", "` has no [odb] engine. Add it."),
            ("engine=sqlite", "` has no [odb] db_name. Add it."),
            ("db_name=zato.db\nengine=", "`: [odb] engine is empty. Set a value."),
            ("engine=sqlite\ndb_name=", "`: [odb] db_name is empty. Set a value."),
            (f"{ODB}password=S3cr3t,p:w", "`: [odb] password is not text. Quote the value."),
            *(
                (f"{ODB}port={port}", "`: [odb] port is not a whole number from 1 to 65535. Correct it.")
                for port in ("0", "65536", "abc", "5432.0", "-1")
            ),
        ],
    )
    def test_invalid_part_is_named(self, tmp_path: Path, odb: str, problem: str) -> None:
        """The error names file, section and key, but not the value."""
        with pytest.raises(ConfigError) as caught:
            read(tmp_path, odb)
        assert str(caught.value) == f"`{tmp_path}/server.conf{problem}"

    @pytest.mark.parametrize(
        ("file", "text"), [("conf", "[sql]\nname=My outgoing\n"), ("toml", '[sql]\nname = "My outgoing"\n')]
    )
    def test_outgoing_connection_needs_a_url(self, tmp_path: Path, file: str, text: str) -> None:
        """Only a running server knows the address of an outgoing connection; an empty name is none."""
        with pytest.raises(ConfigError) as caught:
            read(tmp_path, ODB, **{file: text})
        assert str(caught.value) == (
            f"`{tmp_path}/sso.{file}`: [sql] name keeps the SSO tables behind an outgoing connection, "
            "which only a running server knows. "
            'Add `[sql] url = "..."` with the URL of that database to `sso.toml`.'
        )
        assert read(tmp_path, ODB, **{file: text.replace("My outgoing", "")}).engine == "sqlite"


class TestURL:
    """`[sql] url` of `sso.toml`."""

    @pytest.mark.parametrize(
        ("url", "config"),
        [
            ("sqlite:///a%20b", DatabaseConfig("sqlite", "a b")),
            ("sqlite:////a@b:c/d", DatabaseConfig("sqlite", "/a@b:c/d")),
            ("mysql://host/X#1", DatabaseConfig("mysql", "X#1", "host")),
            ("postgresql:///sso", DatabaseConfig("postgresql", "sso")),
            (
                "postgresql+psycopg://u%40:p%2Fw@[::1]:1/a%20b?sslmode=require&host=&host=2",
                DatabaseConfig(
                    *("postgresql+psycopg", "a b", "::1", 1, "u@", "p/w"),
                    options={"sslmode": ["require"], "host": ["", "2"]},
                ),
            ),
        ],
    )
    def test_parts_are_decoded(self, tmp_path: Path, url: str, config: DatabaseConfig) -> None:
        """Special characters in a part are percent-encoded, except in the path of a SQLite file."""
        assert read(tmp_path, toml=f'[sql]\nurl = "{url}"\n') == config

    @pytest.mark.parametrize(
        "url",
        [
            *(
                "S3cr3t",
                "://u:S3cr3t@host/sso",
                "mysql://u:S3cr3t@host",
                "mysql://u:S3cr3t@host/",
                "sqlite://",
            ),
            *("mysql://u:S3cr3t@x@host/sso", "mysql://u:S3cr3t/x@host/sso", "mysql://u:S3cr3t?x@host/sso"),
            *("mysql://u:S3cr3t@host/sso?a=@", "mysql://host/a:b", "mysql://host/a/b", "mysql://host/a@b"),
            *("mysql://u:S3cr3t@host:x/sso", "mysql://u:S3cr3t@host:65536/sso", "mysql://[S3cr3t/sso"),
        ],
    )
    def test_malformed_url_is_not_shown(self, tmp_path: Path, url: str) -> None:
        """It may hold a password, of which a part may look like a host or a name."""
        with pytest.raises(ConfigError) as caught:
            read(tmp_path, toml=f'[sql]\nurl = "{url}"\n')
        assert str(caught.value) == (
            "[sql] url (usually of `sso.toml`) is not a URL like engine://user:password@host:port/name. "
            "Percent-encode the special characters in it."
        )

    @pytest.mark.parametrize(("url", "problem"), [('""', "is empty"), ("5", "is not text")])
    def test_empty_url_is_named(self, tmp_path: Path, url: str, problem: str) -> None:
        """So is one that is not text."""
        with pytest.raises(ConfigError, match=rf"sso.toml`: \[sql\] url {problem}"):
            read(tmp_path, toml=f"[sql]\nurl = {url}\n")


@pytest.mark.parametrize(
    ("config", "name"),
    [
        (DatabaseConfig("sqlite", "/a\x1b"), r"SQLite database `/a\x1b`"),
        (DatabaseConfig("postgresql+psycopg", "x"), "PostgreSQL database `x` at `localhost`"),
        (DatabaseConfig("mysql+pymysql", "x", "h\n", 1), r"MySQL database `x` at `h\n:1`"),
        (DatabaseConfig("mariadb", "x", "h"), "MariaDB database `x` at `h`"),
        (DatabaseConfig("y" * 41, "x"), f"{'y' * 40}... database `x` at `localhost`"),
    ],
)
def test_database_has_a_printable_name(config: DatabaseConfig, name: str) -> None:
    """Product, name and address are named, but neither user nor password."""
    assert config.name == name
