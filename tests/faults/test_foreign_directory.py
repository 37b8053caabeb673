"""Directories whose owner means harm: the table "A foreign directory" of docs/faults.md.

Nothing in the directory may make a command read, send or write what its owner could not.
"""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import AUDIT
from tests.faults.conftest import RESET, SECRET, Invoke, Process, Refuse, check_refusal
from tests.support.bulk import bulk_arguments
from tests.support.limits import NOBODY
from tests.support.rogue import make_certificate, rogue_server
from tests.support.servers import OLD, Server
from tests.support.syslog import udp_listener

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give a directory away")

ENGINES = ("postgresql", "mysql")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory with the password files, certificate and key of its user."""
    home = tmp_path / "home"
    (home / ".postgresql").mkdir(parents=True)
    (home / ".pgpass").write_text(f"*:*:*:*:{SECRET}\n")
    (home / ".pg_service.conf").write_text(f"[x]\npassword={SECRET}\n")
    (home / ".my.cnf").write_text(f"[client]\npassword={SECRET}\n")
    for file in home.iterdir():
        file.chmod(0o600 if file.is_file() else 0o700)
    monkeypatch.setenv("HOME", str(home))
    return home


class TestRogue:
    """A rogue server at the address in `[sql] url`."""

    @pytest.mark.parametrize("engine", ENGINES)
    @pytest.mark.parametrize("url", ["u@", "u:theirs@"])
    def test_reset_sends_no_file_and_no_password(
        self, sqlite_server: Server, home: Path, process: Process, engine: str, url: str
    ) -> None:
        """Rogue server: it receives the URL's own password, if any, but no other and no file."""
        certificate = make_certificate(home / ".postgresql" / "postgresql.crt")
        shutil.copy(home / ".postgresql" / "postgresql.crt", home / ".postgresql" / "postgresql.key")
        with rogue_server(engine, home / ".pgpass", home / ".postgresql" / "postgresql.crt") as rogue:
            sqlite_server.override(f"[sql]\nurl = '{engine}://{url}127.0.0.1:{rogue.port}/x'\n")
            done = process(*RESET, sqlite_server.path, "user1")

        assert done.returncode in {69, 77}, done.stderr
        check_refusal(done, done.returncode)
        assert done.stderr.endswith("\n")
        assert rogue.connections
        assert SECRET.encode() not in rogue.received
        assert certificate not in rogue.received
        if engine == "postgresql":
            assert (b"theirs" in rogue.received) == (url != "u@")
        assert sqlite_server.opens("user1", OLD)

    @pytest.mark.parametrize("engine", ENGINES)
    def test_completion_does_not_connect(
        self, sqlite_server: Server, home: Path, process: Process, engine: str
    ) -> None:
        """TAB: a user who only types a path contacts nobody."""
        make_certificate(home / "server.pem")
        words = f"zato sso reset-user-password {sqlite_server.path} us"
        env = {**os.environ, "_ZATO_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": "4"}
        with rogue_server(engine, home / ".pgpass", home / "server.pem") as rogue:
            sqlite_server.override(f"[sql]\nurl = '{engine}://u:p@127.0.0.1:{rogue.port}/x'\n")
            done = process(env=env)

        assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")
        assert not rogue.connections


class TestOptions:
    """Options of `[sql] url`."""

    @pytest.mark.parametrize(
        ("engine", "option"),
        [
            *(
                ("postgresql", name)
                for name in ("passfile", "service", "sslkeylogfile", "options", "sslpassword")
            ),
            *(
                ("postgresql", name)
                for name in ("sslcertmode", "krbsrvname", "unknown\x1b", "user", "dbname")
            ),
            *(
                ("mysql", name)
                for name in ("local_infile", "read_default_file", "client_flag", "init_command")
            ),
            *(("mariadb", name) for name in ("read_default_group", "plugin_dir", "ssl_key_password")),
            ("sqlite", "mode"),
        ],
    )
    def test_other_option_is_refused(
        self, sqlite_server: Server, refuse: Refuse, engine: str, option: str
    ) -> None:
        """Options: an option that is not on the list is named."""
        address = "127.0.0.1:1" if engine != "sqlite" else ""
        sqlite_server.override(
            f'[sql]\nurl = "{engine}://{address}/x?{option.replace(chr(27), "%1B")}=/S3cr3t"\n'
        )
        message = refuse(sqlite_server, 78)

        shown = option.replace("\x1b", r"\x1b")
        assert message.startswith(
            f"Error: [sql] url has the option `{shown}`, which is not allowed. Allowed: "
        )

    def test_option_of_a_resolved_url_is_not_shown(self, sqlite_server: Server, invoke: Invoke) -> None:
        """Options: their names may be a part of the secret."""
        sqlite_server.override('[sql]\nurl = "$URL"\n')
        done = invoke(*RESET, sqlite_server.path, "user1", env={"URL": "mysql://h/x?S3cr3t=1"})

        check_refusal(done, 78)
        assert "[sql] url has an option, which is not allowed. Allowed: charset, " in done.stderr

    @as_root
    @pytest.mark.parametrize(("engine", "option"), [("postgresql", "sslkey"), ("mysql", "ssl_cert")])
    def test_client_certificate_is_the_owners(
        self, sqlite_server: Server, invoke: Invoke, engine: str, option: str
    ) -> None:
        """Options: root's certificate is not used for somebody else's directory, the owner's own is."""
        sqlite_server.override(f"[sql]\nurl = '{engine}://u:p@127.0.0.1:1/x?{option}=/none'\n")
        own = invoke(*RESET, sqlite_server.path, "user1")
        os.lchown(sqlite_server.repo / "secrets.conf", NOBODY, -1)
        done = invoke(*RESET, sqlite_server.path, "user1")

        assert option not in own.stderr
        assert done.exit_code == 78
        assert done.stderr.endswith(
            f"Error: [sql] url has the option `{option}`, which only the owner of the directory may use. "
            "Run as the server's own user, `nobody`.\n"
        )

    @pytest.mark.parametrize(("engine", "option"), [("postgresql", "sslrootcert"), ("mysql", "ssl_ca")])
    def test_file_that_is_a_fifo_is_refused(
        self, sqlite_server: Server, refuse: Refuse, engine: str, option: str
    ) -> None:
        """Options: nobody writes to it, and a driver would wait."""
        os.mkfifo("fifo")
        url = f"{engine}://u:p@127.0.0.1:1/x?{option}={Path('fifo').absolute()}"
        sqlite_server.override(f"[sql]\nurl = '{url}'\n")

        message = refuse(sqlite_server, 78)
        assert f"the option `{option}` with something that is not a regular file" in message


class TestResolvedValues:
    """Values from `$NAME` and `zato+secret://`."""

    @pytest.mark.parametrize(
        ("values", "exit_code", "name"),
        [
            ({"engine": "$STOLEN"}, 78, "Zato has no engine like that."),
            ({"db_name": "$STOLEN"}, 69, "SQLite database of [odb] is missing"),
            ({"db_name": "zato+secret://zato.stolen"}, 69, "SQLite database of [odb] is missing"),
            *(
                (
                    {"engine": engine, "host": host, "db_name": db_name, "port": "1"},
                    69,
                    f"{product} database of [odb]",
                )
                for engine, product in (("postgresql", "PostgreSQL"), ("mysql+pymysql", "MySQL"))
                for host, db_name in (("$STOLEN", "x"), ("127.0.0.1", "$STOLEN"))
            ),
        ],
    )
    def test_value_is_not_shown(
        self,
        sqlite_server: Server,
        invoke: Invoke,
        values: dict[str, str],
        exit_code: int,
        name: str,
    ) -> None:
        """Resolved value: neither in an error, nor in a log, nor in a datagram."""
        sqlite_server.edit("secrets.conf", "zato", stolen=sqlite_server.seal(SECRET))
        sqlite_server.edit("server.conf", "odb", **values)
        with udp_listener() as (listener, port):
            env = {"STOLEN": SECRET, AUDIT: f"127.0.0.1:{port}"}
            done = invoke(*RESET, "--verbose", "--store-log", sqlite_server.path, "user1", env=env)
            [line] = listener.lines()

        assert done.exit_code == exit_code, done.stderr
        assert name in done.stderr
        [log] = Path().glob("zato.*.log")
        assert SECRET not in done.stdout + done.stderr + log.read_text() + line.raw
        assert sqlite_server.opens("user1", OLD)

    @pytest.mark.parametrize("default", ["$STOLEN", "zato+secret://zato.stolen"])
    def test_application_is_not_shown(self, sqlite_server: Server, invoke: Invoke, default: str) -> None:
        """Resolved value: neither in a warning, nor among the gates of a login."""
        sqlite_server.edit("secrets.conf", "zato", stolen=sqlite_server.seal(SECRET))
        sqlite_server.edit("sso.conf", "apps", default=default)
        for command in ("check-login", "reset-user-password"):
            done = invoke("sso", command, "--verbose", sqlite_server.path, "user1", env={"STOLEN": SECRET})

            assert "The application of [apps] default is not in [apps] login_allowed." in done.output
            assert SECRET not in done.output

    @pytest.mark.parametrize("stolen", [f"/{SECRET}", f"{SECRET}.invalid", f"127.0.0.1:1/{SECRET}"])
    def test_audit_address_is_not_shown(self, sqlite_server: Server, invoke: Invoke, stolen: str) -> None:
        """Resolved value: the address of the audit trail."""
        sqlite_server.override("[audit]\nsyslog = '$STOLEN'\n")
        done = invoke(*RESET, "--verbose", sqlite_server.path, "user1", env={"STOLEN": stolen, AUDIT: None})

        assert "[audit] syslog" in done.stderr
        assert SECRET not in done.stderr

    def test_url_is_not_shown(self, sqlite_server: Server, invoke: Invoke) -> None:
        """Resolved value: a file's name in `[sql] url`."""
        sqlite_server.override("[sql]\nurl = '$STOLEN'\n")
        env = {"STOLEN": f"sqlite:///{SECRET}"}
        done = invoke(*RESET, "--verbose", sqlite_server.path, "user1", env=env)

        assert done.exit_code == 69
        assert "SQLite database of [sql] url is missing" in done.stderr
        assert SECRET not in done.stderr


class TestBounds:
    """Input without end."""

    @pytest.mark.parametrize(
        "harm",
        [
            lambda server: server.edit(
                "sso.conf",
                "password",
                **{f"expir{'y' * n}": f"%(expir{'y' * (n + 1)})s" * 2 for n in range(1, 30)},
                **{f"expir{'y' * 30}": "9"},
            ),
            lambda server: server.edit("sso.conf", "password", reject_list='"""' + "x" * 800_000),
            lambda server: (server.path / ".zato-info").write_text("[" * 60_000),
            lambda server: (server.path / ".zato-info").write_text(" " * 800_000),
            lambda server: server.edit("sso.conf", "hash_secret", rounds="2147483647"),
            lambda server: server.override("[hash_secret]\nscheme = 'argon2id'\ntime_cost = 4294967295\n"),
        ],
        ids=["interpolation", "triple quote", "nested", "large", "rounds", "Argon2"],
    )
    def test_directory_ends_in_an_error_at_once(
        self, sqlite_server: Server, refuse: Refuse, harm: Callable[[Server], object]
    ) -> None:
        """Bounds: on interpolation, sizes and costs."""
        harm(sqlite_server)
        started = time.monotonic()

        assert "`" in refuse(sqlite_server, 78)
        assert time.monotonic() - started < 1

    def test_endless_list_of_users(
        self, sqlite_server: Server, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Bounds: `--users-from` has at most a million lines, empty ones among them."""
        monkeypatch.setattr("zato_sso_reset.cli.users_file.MAX_USERS", 1000)
        Path("users").write_text("user1\n\n" * 501)
        done = invoke(*bulk_arguments(sqlite_server, "--users-from", "users", "--yes"))

        check_refusal(done, 78)
        assert done.stderr == "Error: --users-from has more than 1000 lines. Split the list.\n"
        assert sqlite_server.opens("user1", OLD)


@as_root
class TestRoot:
    """Root on the directory of another user."""

    def test_one_warning_names_the_owner(self, sqlite_server: Server, invoke: Invoke) -> None:
        """Root: the command works, and says which user should run it."""
        os.lchown(sqlite_server.repo / "secrets.conf", NOBODY, -1)
        done = invoke(*RESET, sqlite_server.path, "user1")

        assert done.exit_code == 0
        assert done.stderr == (
            f"Warning: You are root, but `{sqlite_server.path}` belongs to `nobody`. "
            "Use `sudo -u nobody ...`: as root, this command reads files that the directory names and its "
            "owner may not read, and files that SQLite makes beside the database belong to root.\n"
        )

    def test_user_without_a_name_has_a_number(self, sqlite_server: Server, invoke: Invoke) -> None:
        """Root: as in containers; sudo accepts `#` and a number."""
        os.lchown(sqlite_server.repo / "secrets.conf", 54321, -1)

        assert (
            "belongs to `#54321`. Use `sudo -u '#54321' ...`:"
            in invoke(*RESET, sqlite_server.path, "user1").stderr
        )

    def test_root_s_own_directory_causes_no_warning(self, sqlite_server: Server, invoke: Invoke) -> None:
        """Root: nobody else can use root's rights."""
        assert invoke(*RESET, sqlite_server.path, "user1").stderr == ""
