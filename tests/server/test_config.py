"""A server's configuration as a whole."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tests.server.conftest import exposed, read
from tests.support.servers import Server
from zato_sso_reset.errors import ConfigError
from zato_sso_reset.files import MAX_SIZE
from zato_sso_reset.server.database import DatabaseConfig

SECRET = "S3cr3t-z@to/p:w"
URL = "postgresql://u:S3cr3t-z%40to@host/sso"


class TestRead:
    """`ServerConfig.read`."""

    def test_files_that_are_read_are_logged(self, server1: Server, logged: pytest.LogCaptureFixture) -> None:
        """`sso.toml` is among them only if it exists."""
        names = ["secrets.conf", "server.conf", "sso.conf"]
        config = read(server1)
        assert config.path == server1.path
        assert config.settings.find("password", "expiry")
        assert logged.messages == [f"Read: {server1.repo / name}" for name in names]

        logged.clear()
        server1.override("[password]\nexpiry = 90\n")
        read(server1)
        assert logged.messages == [f"Read: {server1.repo / name}" for name in (*names, "sso.toml")]

    def test_stock_server_is_read_without_warning(
        self, stock: Server, logged: pytest.LogCaptureFixture
    ) -> None:
        """The directory was created by a stock Zato."""
        config = read(stock)

        assert config.database == DatabaseConfig("sqlite", stock.database.name)
        assert config.settings.get("password", "expiry").integer(1) == 730
        assert config.secret_key.unseal(stock.seal("text"), "here") == "text"
        assert {record.levelname for record in logged.records} == {"INFO"}

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
    def test_unreadable_file_is_named(
        self, server1: Server, file: str, spoil: Callable[[Path], object]
    ) -> None:
        """Nothing hangs, whatever replaces the file."""
        (server1.repo / file).unlink(missing_ok=True)
        spoil(server1.repo / file)

        with pytest.raises(ConfigError, match=f"`{server1.repo / file}`"):
            read(server1)

    @pytest.mark.parametrize("file", ["sso.conf", "server.conf"])
    def test_missing_file_is_named(self, server1: Server, file: str) -> None:
        """Only `sso.toml` is optional."""
        (server1.repo / file).unlink()

        with pytest.raises(ConfigError, match=f"{file}` is missing"):
            read(server1)

    @pytest.mark.parametrize(
        ("section", "key", "value", "problem"),
        [
            ("secret_keys", "key1", "", "key1 is empty"),
            ("secret_keys", "key1", "damaged", "key1 of `secrets.conf` is not a Fernet key"),
            ("zato", "well_known_data", "damaged", "well_known_data can't be decrypted"),
            ("zato", "server_conf.odb.password", "damaged", "password can't be decrypted"),
        ],
    )
    def test_missing_or_damaged_secret_is_named(
        self, server1: Server, section: str, key: str, value: str, problem: str
    ) -> None:
        """The error names file, section and key."""
        server1.edit("secrets.conf", section, **{key: value})
        with pytest.raises(ConfigError, match=problem):
            read(server1)
        server1.remove("secrets.conf", key)
        with pytest.raises(ConfigError, match=rf"secrets.conf` has no \[{section}\] {key}. Add it"):
            read(server1)

    @pytest.mark.parametrize(
        ("password", "env", "expected"),
        [
            ("$ODB_PASSWORD", {"ODB_PASSWORD": SECRET}, SECRET),
            ("$ODB_PASSWORD", {"ODB_PASSWORD": "zato+secret://zato.odb.of.another"}, SECRET),
            ("zato+secret://zato.odb.of.another", {}, SECRET),
            ("overridden", {"Zato_Config_Server_server__conf_odb_password": SECRET}, SECRET),
            (f'"""{SECRET}"""', {}, SECRET),
            ("zato+secret://zato.server_conf.odb.password", {}, None),
        ],
    )
    def test_password_of_the_database_may_be_a_reference(
        self, server1: Server, password: str, env: dict[str, str], expected: str | None
    ) -> None:
        """It may be in the environment or in `secrets.conf`, whose empty values are not encrypted."""
        values = {"odb.of.another": server1.seal(SECRET), "server_conf.odb.password": '""'}
        server1.edit("secrets.conf", "zato", **values)
        server1.edit("server.conf", "odb", password=password)

        assert read(server1, env).database == DatabaseConfig(
            "sqlite", server1.database.name, password=expected
        )

    @pytest.mark.parametrize("url", [URL, "$SSO_URL", "zato+secret://zato.sso.url"])
    def test_url_may_be_a_reference(self, server1: Server, url: str) -> None:
        """The URL replaces the name of the connection and all of `[odb]`."""
        server1.edit("sso.conf", "sql", name="My outgoing")
        server1.edit("secrets.conf", "zato", **{"sso.url": server1.seal(URL)})
        (server1.repo / "server.conf").write_text("")
        server1.override(f'[sql]\nurl = "{url}"\n')

        assert read(server1, {"SSO_URL": URL}).database == DatabaseConfig(
            "postgresql", "sso", "host", username="u", password="S3cr3t-z@to"
        )


class TestNoSecretIsShown:
    """Errors and `repr` hold no secret."""

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
    def test_errors_hold_no_value(
        self, server1: Server, file: str, section: str, key: str, value: str
    ) -> None:
        """Neither does any exception that was raised before."""
        server1.edit(file, section, **{key: value})

        with pytest.raises(ConfigError, match=file) as caught:
            read(server1, {"KEY": SECRET})
        assert "S3cr3t" not in exposed(caught.value)

    def test_decoding_error_holds_no_content(self, server1: Server) -> None:
        """Python's own exception holds the whole file."""
        with (server1.repo / "secrets.conf").open("ab") as file:
            file.write(b"x=S3cr3t\xff\n")

        with pytest.raises(ConfigError, match=r"secrets.conf") as caught:
            read(server1)
        assert "S3cr3t" not in exposed(caught.value)
        assert server1.key not in exposed(caught.value)

    def test_decryption_error_holds_neither_key_nor_token(self, server1: Server) -> None:
        """The key is another server's, but a key all the same."""
        key = Fernet.generate_key().decode()
        server1.edit("secrets.conf", "secret_keys", key1=key)

        with pytest.raises(ConfigError, match=r"secrets.conf`: \[zato\] well_known_data can't be") as caught:
            read(server1)
        assert key[:10] not in exposed(caught.value)
        assert "gAAAA" not in exposed(caught.value)

    def test_repr_shows_no_secret(self, server1: Server) -> None:
        """Neither the key, nor passwords, nor the environment are shown."""
        server1.edit("secrets.conf", "zato", **{"server_conf.odb.password": server1.seal(SECRET)})
        env = {"PASSWORD": SECRET, "Zato_Config_Server_sso__conf_main_site__name": SECRET}
        config = read(server1, env)
        assert config.database.password == SECRET

        options = DatabaseConfig("sqlite", "x", options={"passphrase": [SECRET]})
        for shown in (config, config.database, config.settings, config.secret_key, options):
            assert SECRET not in repr(shown)
            assert server1.key not in repr(shown)
        assert "sqlite" in repr(config)
