"""A server's directory: whether it is one, and what its files say together."""

import io
import os
import resource
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess
from typing import TextIO

import pytest
from cryptography.fernet import Fernet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.limits import without_privileges
from tests.support.servers import Server, quick_server
from zato_sso_reset.errors import ConfigError, NotAServerError, PermissionDeniedError
from zato_sso_reset.files import MAX_SIZE
from zato_sso_reset.server.config import (
    WELL_KNOWN_DATA,
    DatabaseConfig,
    ServerConfig,
    SSOSettings,
    find_repo,
)
from zato_sso_reset.server.ini import ValueResolver
from zato_sso_reset.server.toml import OVERRIDES

SECRET = "S3cr3t-z@to/p:w"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A server that none of these tests changes."""
    return quick_server(tmp_path_factory.mktemp("env") / "server1")


@pytest.fixture
def server1(made: Server, tmp_path: Path) -> Server:
    """A copy of its configuration, which a test may spoil."""
    shutil.copytree(made.path / "config", tmp_path / "server1" / "config")
    return replace(made, path=tmp_path / "server1")


def stream(content: bytes) -> TextIO:
    """Return a standard input with this in it."""
    return io.TextIOWrapper(io.BytesIO(content), "utf-8")


def read(
    server: Server,
    env: Mapping[str, str] | None = None,
    stdin: TextIO | None = None,
    warn: Callable[[str], None] = pytest.fail,
) -> ServerConfig:
    """Read a server's directory."""
    return ServerConfig.read(server.path, env=env or {}, stdin=stdin, warn=warn)


def exposed(error: BaseException | None) -> str:
    """Return all that an error, and those before it, say and hold."""
    if error is None:
        return ""
    own = f"{error} {error!r} {error.args!r} {vars(error)!r}"
    return own + exposed(error.__context__) + exposed(error.__cause__)


def make_component(path: Path, info: str | None = '{"component": "SERVER"}') -> Path:
    """Make as much of a component's directory as tells its kind."""
    (path / "config" / "repo").mkdir(parents=True)
    (path / "config" / "repo" / "secrets.conf").touch()
    if info is not None:
        (path / ".zato-info").write_text(info)
    return path


class TestFindRepo:
    """`find_repo`, which tells a server's directory from others."""

    @pytest.mark.parametrize(
        "info",
        [
            '{"component": "SERVER", "version": "Zato 3.3"}',
            None,
            "",
            "not JSON",
            "[]",
            "{}",
            "1",
            '"SERVER"',
            "\0",
            pytest.param("[" * 100_000, id="nested"),
            pytest.param(" " * (MAX_SIZE + 1), id="large"),
        ],
    )
    def test_takes_a_directory_with_secrets(self, tmp_path: Path, info: str | None) -> None:
        """Secrets make a server, unless `.zato-info` can be read and says otherwise."""
        path = make_component(tmp_path / "server1", info)

        assert find_repo(path) == path / "config" / "repo"

    def test_is_not_held_up_by_a_fifo(self, tmp_path: Path) -> None:
        """A `.zato-info` that nobody writes to is not waited on."""
        path = make_component(tmp_path / "server1", None)
        os.mkfifo(path / ".zato-info")

        assert find_repo(path) == path / "config" / "repo"

    def test_names_the_servers_inside(self, tmp_path: Path) -> None:
        """The parent of servers has them named, and none of what is beside them."""
        env = tmp_path / "env"
        make_component(env / "server2")
        make_component(env / "server1", None)
        make_component(env / "scheduler", '{"component": "SCHEDULER"}')
        (env / "load-balancer").mkdir()

        with pytest.raises(NotAServerError) as caught:
            find_repo(env)
        message = f"No server found at `{env}`. There are servers inside: `server1`, `server2`."
        assert str(caught.value) == message

    @pytest.mark.parametrize("inside", ["config/repo", "config", "logs"])
    def test_names_the_server_around(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: str
    ) -> None:
        """A folder of a server has the server's own directory named, for a relative path too."""
        path = make_component(tmp_path / "server1")
        (path / "logs").mkdir()
        monkeypatch.chdir(path / inside)

        for given_path in (path / inside, Path()):
            with pytest.raises(NotAServerError, match=f"Did you mean `{path}`\\?"):
                find_repo(given_path)

    @pytest.mark.parametrize(
        ("component", "shown"),
        [("SCHEDULER", "scheduler"), ("WEB_ADMIN", "web_admin"), ("\\u001b[31m", r"\\x1b\[31m")],
    )
    def test_names_a_component_of_another_kind(self, tmp_path: Path, component: str, shown: str) -> None:
        """A scheduler's directory has secrets too, and is named as what it is."""
        path = make_component(tmp_path / "scheduler", f'{{"component": "{component}"}}')

        with pytest.raises(NotAServerError, match=f"It is a component of another kind: {shown}\\."):
            find_repo(path)

    def test_says_that_there_is_nothing_of_a_server(self, tmp_path: Path) -> None:
        """A directory without secrets is told what it lacks."""
        (tmp_path / "scheduler" / "config" / "repo").mkdir(parents=True)

        with pytest.raises(NotAServerError, match=r"It has no `config/repo/secrets.conf`"):
            find_repo(tmp_path / "scheduler")

    def test_says_that_it_is_a_file(self, tmp_path: Path) -> None:
        """A file, even a server's own, is no directory."""
        path = make_component(tmp_path / "server1") / "config" / "repo" / "secrets.conf"

        with pytest.raises(
            NotAServerError, match=r"secrets.conf`. It is a file; give the server's directory"
        ):
            find_repo(path)

    @pytest.mark.parametrize(
        ("name", "hint"),
        [("missing", "There is no such directory"), ("x" * 300, "File name too long"), ("a\x1b", "no such")],
        ids=["missing", "too long", "control characters"],
    )
    def test_says_that_it_is_not_there(self, tmp_path: Path, name: str, hint: str) -> None:
        """A path that leads nowhere is told, in printable characters."""
        with pytest.raises(NotAServerError, match=hint) as caught:
            find_repo(tmp_path / name)
        assert str(caught.value).isprintable()

    def test_says_that_it_may_not_look(self, tmp_path: Path) -> None:
        """A directory of somebody else may well be a server's."""
        outer = tmp_path / "outer"
        path = make_component(outer / "server1")
        outer.chmod(0o000)
        try:
            with without_privileges(), pytest.raises(PermissionDeniedError, match="may not be looked into"):
                find_repo(path)
        finally:
            outer.chmod(0o700)


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


class TestSecretKey:
    """Where key1 is, and the proof that it is the right one."""

    @pytest.mark.parametrize("spelling", ["$ZATO_KEY", "$zato_key", "$Zato_Key"])
    def test_may_be_in_the_environment(self, server1: Server, spelling: str) -> None:
        """A name is looked up upper-cased."""
        server1.edit("secrets.conf", "secret_keys", key1=spelling)

        config = read(server1, env={"ZATO_KEY": server1.key})

        assert config.secret_key.unseal(server1.seal("text"), "here") == "text"

    def test_may_be_overridden(self, server1: Server) -> None:
        """The variable of the setting itself stands above the file."""
        server1.edit("secrets.conf", "secret_keys", key1="overridden")

        config = read(server1, {"Zato_Config_Server_secrets__conf_secret_keys_key1": server1.key})

        assert config.secret_key.unseal(server1.seal("text"), "here") == "text"

    @pytest.mark.parametrize("end", ["", "\n", "\r\n", "\nand more\n"])
    def test_may_come_from_standard_input(self, server1: Server, end: str) -> None:
        """The first line is the key; what follows is left for others, as a list of users may."""
        server1.edit("secrets.conf", "secret_keys", key1="zato+stdin:///")

        stdin = stream(f"{server1.key}{end}".encode())
        config = read(server1, stdin=stdin)

        assert config.secret_key.unseal(server1.seal("text"), "here") == "text"
        assert stdin.read() == end.lstrip("\r\n")

    @pytest.mark.parametrize(
        "open_stdin",
        [
            lambda: None,
            lambda: stream(b""),
            lambda: stream(b"\n"),
            lambda: stream(b"\xff\xfe\n"),
            lambda: stream(b"S3cr3t\n"),
            lambda: os.fdopen(os.open(os.devnull, os.O_WRONLY), encoding="utf-8"),
        ],
        ids=["closed", "empty", "a blank line", "binary", "no key", "not readable"],
    )
    def test_says_that_standard_input_has_none(
        self, server1: Server, open_stdin: Callable[[], TextIO | None]
    ) -> None:
        """Without a key on standard input there is nothing to go on with."""
        server1.edit("secrets.conf", "secret_keys", key1="zato+stdin:///")
        stdin = open_stdin()
        try:
            with pytest.raises(ConfigError, match=r"`secrets.conf`"):
                read(server1, stdin=stdin)
        finally:
            if stdin:
                stdin.close()

    def test_endless_line_on_standard_input_is_not_read(
        self, server1: Server, process: Callable[..., CompletedProcess[str]]
    ) -> None:
        """No more than a key's length is read: the process does not fill the memory."""
        server1.edit("secrets.conf", "secret_keys", key1="zato+stdin:///")
        limit = 1 << 30
        with Path("/dev/zero").open("rb") as zeros:
            done = process(
                "sso",
                "reset-user-password",
                server1.path,
                "user1",
                stdin=zeros,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
            )

        assert (done.returncode, done.stdout) == (78, "")
        assert "`secrets.conf`" in done.stderr

    def test_must_be_that_of_this_server(self, server1: Server) -> None:
        """Another server's key is found out, by what it can't decrypt."""
        server1.edit("secrets.conf", "secret_keys", key1=Fernet.generate_key().decode())

        with pytest.raises(ConfigError, match=r"secrets.conf`: \[zato\] well_known_data can't be decrypted"):
            read(server1)

    @pytest.mark.parametrize(
        "text", ["", "3.141592", WELL_KNOWN_DATA + "\n", "3.141592\N{HORIZONTAL ELLIPSIS}"]
    )
    def test_must_decrypt_the_proof_exactly(self, server1: Server, text: str) -> None:
        """A proof that says anything else proves nothing."""
        server1.edit("secrets.conf", "zato", well_known_data=server1.seal(text))

        with pytest.raises(ConfigError, match=r"well_known_data is not the data that proves the key"):
            read(server1)

    def test_proof_is_eleven_characters(self) -> None:
        """The proof is what every Zato has, its three dots included."""
        assert WELL_KNOWN_DATA == "3.141592" + 3 * "."

    def test_is_not_kept_as_a_secret_of_its_own(self, server1: Server) -> None:
        """`secrets.conf` can't point to itself."""
        server1.edit("secrets.conf", "zato", well_known_data="zato+secret://zato.other")

        with pytest.raises(ConfigError, match=r"`secrets.conf` refers to a secret of its own"):
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


@pytest.fixture
def settings_of(tmp_path: Path) -> Callable[..., SSOSettings]:
    """Read the settings of a server with this `sso.toml`."""
    (tmp_path / "sso.conf").write_text(
        "[password]\nexpiry=730\nmin_length=8\n[main]\nencrypt_password=True\n"
    )

    def make(toml: str, env: Mapping[str, str] | None = None) -> SSOSettings:
        (tmp_path / "sso.toml").write_bytes(toml.encode())
        return SSOSettings(tmp_path, ValueResolver(env or {}, pytest.fail, lambda group, key: group + key))

    return make


class TestSSOSettings:
    """`sso.conf`, overridden by `sso.toml` and the environment."""

    def test_overrides_key_by_key(self, settings_of: Callable[..., SSOSettings]) -> None:
        """What `sso.toml` says stands above `sso.conf`; what it does not say stays, and both are named."""
        sso = settings_of("[password]\nexpiry = 90\nmax_length = 64\n")

        assert sso.get("password", "expiry").integer(1) == 90
        assert sso.get("password", "expiry").source.endswith("sso.toml`: [password] expiry")
        assert sso.get("password", "max_length").integer(1) == 64
        assert sso.get("password", "min_length").integer(1) == 8
        assert sso.get("password", "min_length").source.endswith("sso.conf`: [password] min_length")

    def test_environment_overrides_both(self, settings_of: Callable[..., SSOSettings]) -> None:
        """A variable stands above `sso.toml`."""
        sso = settings_of(
            "[password]\nexpiry = 90\n", {"Zato_Config_Unknown_sso__conf_password_expiry": "10"}
        )

        assert sso.get("password", "expiry").integer(1) == 10

    @pytest.mark.parametrize("toml", ["", "# nothing\n", "[password]\n"])
    def test_may_override_nothing(self, settings_of: Callable[..., SSOSettings], toml: str) -> None:
        """An empty file, or an empty section, changes nothing."""
        assert settings_of(toml).get("password", "expiry").integer(1) == 730

    def test_says_what_is_missing(self, settings_of: Callable[..., SSOSettings]) -> None:
        """A setting of neither file is None, or named where it has to be."""
        sso = settings_of("[password]\nexpiry = 90\n")

        assert sso.find("hash_secret", "rounds") is None
        with pytest.raises(ConfigError, match=r"sso.conf` has no \[hash_secret\] rounds. Add it"):
            sso.get("hash_secret", "rounds")

    def test_keeps_the_kinds_of_toml(self, settings_of: Callable[..., SSOSettings]) -> None:
        """Booleans, numbers and multi-line texts of TOML are what they are, `$NAME` is followed."""
        sso = settings_of(
            "main = {encrypt_password = false}\n"
            'password.reject_list = """\nqwerty\nletmein\n"""\n'
            'sql.url = "$URL"\nsql.name = "zato+secret://a.b"\n',
            {"URL": "sqlite:///x"},
        )

        assert sso.get("main", "encrypt_password").boolean() is False
        assert sso.get("password", "reject_list").text() == "qwerty\nletmein\n"
        assert sso.get("sql", "url").text() == "sqlite:///x"
        assert sso.get("sql", "name").text() == "ab"

    @pytest.mark.parametrize(
        ("toml", "message"),
        [
            ("[pasword]\nexpiry = 1\n", "an unknown section: pasword. Did you mean password?"),
            ("[hash]\n", "an unknown section: hash. Did you mean hash_secret?"),
            ("expiry = 90\n", "an unknown section: expiry. Did you mean "),
            ('["a\\u001b"]\n', r"an unknown section: a\x1b. Did you mean "),
            (
                "[password]\nexpire = 1\n",
                "an unknown key: [password] expire. Did you mean [password] expiry?",
            ),
            ("[sql]\nnames = 1\n", "an unknown key: [sql] names. Did you mean [sql] name?"),
            ("[sql]\nzzz = 1\n", "an unknown key: [sql] zzz. Did you mean [sql] "),
        ],
    )
    def test_names_the_nearest_known(
        self, settings_of: Callable[..., SSOSettings], toml: str, message: str
    ) -> None:
        """A section or key that there is not is told, with the nearest that there is."""
        with pytest.raises(ConfigError) as caught:
            settings_of(toml)
        assert f"sso.toml` has {message}" in str(caught.value)

    @pytest.mark.parametrize("toml", ["password = 90\n", "[[password]]\n", 'sql = "S3cr3t"\n'])
    def test_asks_for_sections(self, settings_of: Callable[..., SSOSettings], toml: str) -> None:
        """A value where a section belongs is told, without the value."""
        with pytest.raises(ConfigError, match=r"sso.toml`: `\w+` is not a section. Write \[") as caught:
            settings_of(toml)
        assert "S3cr3t" not in exposed(caught.value)

    @pytest.mark.parametrize(
        ("toml", "position"),
        [
            ("[password]\nexpiry = S3cr3t\n", "line 2, column 10"),
            ('[sql]\nurl = "S3cr3t\n', "line 2, column 14"),
            ("S3cr3t", "line 1, column 7"),
            ("[sql]\nurl = 1\n\n  url = 'S3cr3t'\n", "line 4, column 17"),
            ("[main]\nencrypt_password = True # S3cr3t\n", "line 2, column 20"),
        ],
    )
    def test_names_line_and_column(
        self, settings_of: Callable[..., SSOSettings], toml: str, position: str
    ) -> None:
        """Malformed TOML is told by its place, never by its content."""
        with pytest.raises(ConfigError, match=f"sso.toml`, {position}: this is not TOML") as caught:
            settings_of(toml)
        assert "S3cr3t" not in exposed(caught.value)

    @pytest.mark.parametrize(
        "value",
        ["9" * 5000, "[" * 5000, "{a=" * 5000, f"1\n{'.'.join('a' * 5000)} = 1"],
        ids=["digits", "arrays", "tables", "a dotted key"],
    )
    def test_refuses_what_is_too_much_for_the_parser(
        self, settings_of: Callable[..., SSOSettings], value: str
    ) -> None:
        """Endless numbers and nesting are mistakes of the configuration too."""
        with pytest.raises(ConfigError, match=r"sso.toml`"):
            settings_of(f"[password]\nexpiry = {value}\n")

    @settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.text("[]{}=#\"'.,\n passwordexpiry019eE+-_:\\\r\0é")
        | st.text()
        | st.builds(
            "[{}]\n{} = {}".format,
            st.sampled_from(sorted(OVERRIDES)),
            st.sampled_from(sorted(key for keys in OVERRIDES.values() for key in keys)),
            st.text("0123456789abcdefx_.-+:TZ\"'[]{}, eE"),
        )
    )
    def test_takes_any_text_or_is_a_mistake_of_the_configuration(
        self, settings_of: Callable[..., SSOSettings], toml: str
    ) -> None:
        """Whatever `sso.toml` holds, each known setting can be asked for, or the file is named."""
        try:
            sso = settings_of(toml)
            for section, keys in OVERRIDES.items():
                for setting in filter(None, (sso.find(section, key) for key in keys)):
                    setting.integer(0)
        except ConfigError as error:
            assert "sso." in str(error)  # noqa: PT017 both outcomes are right


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
