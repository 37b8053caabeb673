"""What a server's files say together."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tests.server.conftest import exposed, read
from tests.support.servers import Server
from zato_sso_reset.errors import ConfigError
from zato_sso_reset.files import MAX_SIZE
from zato_sso_reset.server.config import DatabaseConfig

SECRET = "S3cr3t-z@to/p:w"


class TestRead:
    """`ServerConfig.read`: the files together."""

    def test_reads_all_files(self, server1: Server) -> None:
        """The files that were read are named, `sso.toml` among them only where it is there."""
        names = ["secrets.conf", "server.conf", "sso.conf"]
        assert [file.name for file in read(server1).files] == names

        server1.override("[password]\nexpiry = 90\n")
        config = read(server1)
        assert [file.name for file in config.files] == [*names, "sso.toml"]
        assert {file.parent for file in config.files} == {server1.repo}
        assert config.path == server1.path

    def test_reads_what_a_stock_server_has(self, stock: Server) -> None:
        """The files of a stock Zato are read without a warning."""
        config = read(stock)

        assert config.database == DatabaseConfig("sqlite", stock.database.name)
        assert config.sso.get("password", "expiry").integer(1) == 730
        assert config.secret_key.unseal(stock.seal("text"), "here") == "text"

    @pytest.mark.parametrize("file", ["sso.conf", "server.conf", "secrets.conf", "sso.toml"])
    @pytest.mark.parametrize(
        "spoil",
        [
            Path.mkdir,
            os.mkfifo,
            lambda path: path.symlink_to("/dev/zero"),
            lambda path: path.write_bytes(b"#" * (MAX_SIZE + 1)),
            lambda path: path.write_bytes(b"\x7fELF\0\xff"),
            lambda path: path.write_bytes("[main]\nkey=caf\xe9\n".encode("latin-1")),
            lambda path: path.write_bytes(b"[main"),
        ],
        ids=["folder", "FIFO", "device", "large", "binary", "Latin-1", "malformed"],
    )
    def test_names_the_file_that_is_none(
        self, server1: Server, file: str, spoil: Callable[[Path], object]
    ) -> None:
        """Whatever is put where a file belongs, the file is named and nothing hangs."""
        (server1.repo / file).unlink(missing_ok=True)
        spoil(server1.repo / file)

        with pytest.raises(ConfigError, match=f"`{server1.repo / file}`"):
            read(server1)

    @pytest.mark.parametrize("file", ["sso.conf", "server.conf"])
    def test_names_the_file_that_is_missing(self, server1: Server, file: str) -> None:
        """A server needs all three of its files."""
        (server1.repo / file).unlink()

        with pytest.raises(ConfigError, match=f"{file}` is missing"):
            read(server1)

    @pytest.mark.parametrize(
        ("file", "key", "section"),
        [
            ("secrets.conf", "key1", "secret_keys"),
            ("secrets.conf", "well_known_data", "zato"),
            ("secrets.conf", "server_conf.odb.password", "zato"),
            ("server.conf", "engine", "odb"),
            ("server.conf", "db_name", "odb"),
        ],
    )
    def test_names_the_setting_that_is_missing(
        self, server1: Server, file: str, key: str, section: str
    ) -> None:
        """A setting without which there is no database is told by file, section and key."""
        server1.remove(file, key)

        with pytest.raises(ConfigError, match=rf"{file}` has no \[{section}\] {key}. Add it"):
            read(server1)


class TestDatabase:
    """Where the SSO tables are."""

    def test_is_made_of_the_parts(self, server1: Server) -> None:
        """Each part of `[odb]` is taken as it is, the password out of `secrets.conf`."""
        server1.edit(
            "server.conf",
            "odb",
            engine="postgresql+pg8000",
            host="db.example.com",
            port="5432",
            db_name='"z,a#to"',
            username="Ιωαννης",
        )
        server1.edit("secrets.conf", "zato", **{"server_conf.odb.password": server1.seal(SECRET)})

        assert read(server1).database == DatabaseConfig(
            "postgresql+pg8000", "z,a#to", "db.example.com", 5432, "Ιωαννης", SECRET
        )

    def test_leaves_out_what_is_empty(self, server1: Server) -> None:
        """An empty host, port, username or password is none."""
        assert read(server1).database == DatabaseConfig("sqlite", server1.database.name)

    def test_leaves_out_what_is_missing(self, server1: Server) -> None:
        """Only engine and name have to be there."""
        (server1.repo / "server.conf").write_text("[odb]\nengine=sqlite\ndb_name=zato.db\n")

        assert read(server1).database == DatabaseConfig("sqlite", "zato.db")

    @pytest.mark.parametrize("stored", ["", '""'])
    def test_takes_an_empty_secret_for_no_password(self, server1: Server, stored: str) -> None:
        """An empty string in `secrets.conf` stays empty, nothing is decrypted."""
        server1.edit("secrets.conf", "zato", **{"server_conf.odb.password": stored})

        assert read(server1).database.password is None

    @pytest.mark.parametrize(
        ("password", "env"),
        [
            ("$ODB_PASSWORD", {"ODB_PASSWORD": SECRET}),
            ("$ODB_PASSWORD", {"ODB_PASSWORD": "zato+secret://zato.odb.of.another"}),
            ("zato+secret://zato.odb.of.another", {}),
            ("overridden", {"Zato_Config_Server_server__conf_odb_password": SECRET}),
            ('"""S3cr3t-z@to/p:w"""', {}),
        ],
    )
    def test_finds_the_password(self, server1: Server, password: str, env: dict[str, str]) -> None:
        """A password may be in the environment, in `secrets.conf`, or be there as it is."""
        server1.edit("secrets.conf", "zato", **{"odb.of.another": server1.seal(SECRET)})
        server1.edit("server.conf", "odb", password=password)

        assert read(server1, env).database.password == SECRET

    @pytest.mark.parametrize("port", ["0", "65536", "abc", "5432.0", "-1"])
    def test_refuses_a_port_that_is_none(self, server1: Server, port: str) -> None:
        """A port is a number from 1 to 65535."""
        server1.edit("server.conf", "odb", port=port)

        with pytest.raises(ConfigError, match=r"server.conf`: \[odb\] port is not a whole number from 1 to"):
            read(server1)

    @pytest.mark.parametrize("key", ["engine", "db_name"])
    def test_refuses_an_empty_part(self, server1: Server, key: str) -> None:
        """Without an engine or a name there is no database."""
        server1.edit("server.conf", "odb", **{key: ""})

        with pytest.raises(ConfigError, match=rf"server.conf`: \[odb\] {key} is empty"):
            read(server1)

    def test_refuses_a_password_taken_apart_by_its_comma(self, server1: Server) -> None:
        """INI makes a list of it, which is told without its parts."""
        server1.edit("server.conf", "odb", password="S3cr3t,p:w")

        with pytest.raises(ConfigError, match=r"\[odb\] password is not a text. Quote the value") as caught:
            read(server1)
        assert "S3cr3t" not in exposed(caught.value)

    @pytest.mark.parametrize(
        ("file", "text"), [("sso.conf", "name=My outgoing"), ("sso.toml", '[sql]\nname = "My outgoing"\n')]
    )
    def test_is_unknown_behind_an_outgoing_connection(self, server1: Server, file: str, text: str) -> None:
        """Tables that only a running server knows the place of need the URL of their database."""
        if file == "sso.toml":
            server1.override(text)
        else:
            server1.edit(file, "sql", name="My outgoing")

        with pytest.raises(ConfigError, match=rf"{file}`: \[sql\] name keeps the SSO tables .* `\[sql\] url"):
            read(server1)

    @pytest.mark.parametrize(
        "url",
        ["postgresql://u:S3cr3t-z%40to@host/sso", "$SSO_URL", "zato+secret://zato.sso.url"],
        ids=["as it is", "in the environment", "in secrets.conf"],
    )
    def test_may_be_a_url(self, server1: Server, url: str) -> None:
        """The URL replaces the name of the connection and all of `[odb]`."""
        whole = "postgresql://u:S3cr3t-z%40to@host/sso"
        server1.edit("sso.conf", "sql", name="My outgoing")
        server1.edit("secrets.conf", "zato", **{"sso.url": server1.seal(whole)})
        (server1.repo / "server.conf").write_text("")
        server1.override(f'[sql]\nurl = "{url}"\n')

        assert read(server1, {"SSO_URL": whole}).database == DatabaseConfig(url=whole)

    @pytest.mark.parametrize(("url", "problem"), [('""', "is empty"), ("5", "is not a text")])
    def test_refuses_a_url_that_is_none(self, server1: Server, url: str, problem: str) -> None:
        """A URL that is empty or no text is told by its place."""
        server1.override(f"[sql]\nurl = {url}\n")

        with pytest.raises(ConfigError, match=rf"sso.toml`: \[sql\] url {problem}"):
            read(server1)


class TestNothingIsShown:
    """Neither errors nor `repr` have a secret in them."""

    @pytest.mark.parametrize(
        ("file", "section", "key", "value"),
        [
            ("secrets.conf", "secret_keys", "key1", SECRET),
            ("secrets.conf", "secret_keys", "key1", f"'{SECRET}"),
            ("secrets.conf", "secret_keys", "key1", f"{SECRET}\nkey1={SECRET}"),
            ("secrets.conf", "secret_keys", "key1", f"{SECRET}, {SECRET}"),
            ("secrets.conf", "secret_keys", "key1", f"$KEY\n{SECRET}"),
            ("secrets.conf", "secret_keys", "key1", "$KEY"),
            ("secrets.conf", "secret_keys", "key1", f"{SECRET}%(missing)s"),
            ("secrets.conf", "zato", "well_known_data", SECRET),
            ("secrets.conf", "zato", "well_known_data", f"{SECRET}, {SECRET}"),
            ("secrets.conf", "zato", "server_conf.odb.password", SECRET),
            ("secrets.conf", "zato", "server_conf.odb.password", f"{SECRET}, {SECRET}"),
            ("secrets.conf", "zato", "server_conf.odb.password", f'"""{SECRET}'),
            ("server.conf", "odb", "password", f"'{SECRET}"),
            ("server.conf", "odb", "password", f"{SECRET}, {SECRET}"),
            ("server.conf", "odb", "password", f"x\n{SECRET}"),
            ("server.conf", "odb", "password", f"{SECRET}\0"),
            ("server.conf", "odb", "port", SECRET),
            ("sso.conf", "sql", "name", SECRET),
            ("sso.conf", "sql", "url", f"{SECRET}, {SECRET}"),
        ],
    )
    def test_by_errors(self, server1: Server, file: str, section: str, key: str, value: str) -> None:
        """Whatever is wrong with a value, no error holds it, nor does any that came before."""
        server1.edit(file, section, **{key: value})

        with pytest.raises(ConfigError, match=file) as caught:
            read(server1, {"KEY": SECRET})
        assert "S3cr3t" not in exposed(caught.value)

    def test_by_errors_of_text_that_is_none(self, server1: Server) -> None:
        """A file that is not UTF-8 is not in the error."""
        with (server1.repo / "secrets.conf").open("ab") as file:
            file.write(b"x=S3cr3t\xff\n")

        with pytest.raises(ConfigError, match=r"secrets.conf") as caught:
            read(server1)
        assert "S3cr3t" not in exposed(caught.value)
        assert server1.key not in exposed(caught.value)

    def test_by_errors_of_another_servers_key(self, server1: Server) -> None:
        """Neither the key nor the token it does not fit is in the error."""
        key = Fernet.generate_key().decode()
        server1.edit("secrets.conf", "secret_keys", key1=key)

        with pytest.raises(ConfigError) as caught:
            read(server1)
        assert key[:10] not in exposed(caught.value)
        assert "gAAAA" not in exposed(caught.value)

    def test_by_repr(self, server1: Server) -> None:
        """A server's configuration shows neither its key, nor its passwords, nor the environment."""
        server1.edit("secrets.conf", "zato", **{"server_conf.odb.password": server1.seal(SECRET)})
        env = {"PASSWORD": SECRET, "Zato_Config_Server_sso__conf_main_site__name": SECRET}
        config = read(server1, env)
        assert config.database.password == SECRET

        for shown in (config, config.database, config.sso, config.secret_key, DatabaseConfig(url=SECRET)):
            assert SECRET not in repr(shown)
            assert server1.key not in repr(shown)
        assert "sqlite" in repr(config)
