"""Leaks: no secret is left anywhere, on whatever path the reset ends."""

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import Result

from tests.conftest import AUDIT, ZATO
from tests.faults.conftest import start_struck
from tests.faults.loops import printed_password
from tests.support.databases import PASSWORD
from tests.support.harms import malformed_url
from tests.support.processes import environment
from tests.support.servers import OLD, Server
from tests.support.syslog import Listener, unix_listener
from zato_sso_reset.domain.policy import PasswordPolicy
from zato_sso_reset.errors import ZatoError
from zato_sso_reset.server.config import ServerConfig
from zato_sso_reset.services.reset import reset_user_password

RAISE = """
CREATE OR REPLACE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'row: %', new.password USING DETAIL = new.password; END $$
"""


def trigger_tells(server: Server) -> None:
    """Have the database refuse the UPDATE with the row in its message."""
    if server.database.engine == "postgresql":
        server.database.run(RAISE)
        event = "BEFORE UPDATE ON zato_sso_user FOR EACH ROW EXECUTE FUNCTION tell()"
    elif server.database.engine == "mysql":
        message = "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = message"
        event = (
            "BEFORE UPDATE ON zato_sso_user FOR EACH ROW BEGIN "
            f"DECLARE message VARCHAR(128) DEFAULT LEFT(new.password, 100); {message}; END"
        )
    else:
        event = "BEFORE UPDATE ON zato_sso_user BEGIN SELECT RAISE(ABORT, 'gAAAAA is the hash'); END"
    server.database.run(f"CREATE TRIGGER tell {event}")


def value_does_not_fit(server: Server) -> None:
    """Have the database refuse the value, with the statement in its message."""
    server.database.run("ALTER TABLE zato_sso_user RENAME COLUMN password_is_set TO gone")


def another_key(server: Server) -> None:
    """Have a key that is none of the server's."""
    proof = (
        "gAAAAABrBI5WWscEXHr7msVNhCLlwDRKxnTy778Rozfqn9-NhkUMBTYc3cFICGe_HdAJINFgXA9TrkrFGv2KN0S7soV1tMa-bg=="
    )
    server.edit("secrets.conf", "zato", well_known_data=proof)


def no_key(server: Server) -> None:
    """Have a key that is no Fernet key."""
    server.edit("secrets.conf", "secret_keys", key1=server.key[:-5])


def malformed_ini(server: Server) -> None:
    """Have a line that is no INI, right at the secret."""
    secrets = server.repo / "secrets.conf"
    secrets.write_text(secrets.read_text().replace("key1=", "key1 "))


def not_utf8(server: Server) -> None:
    """Have a file that can't be decoded."""
    secrets = server.repo / "secrets.conf"
    secrets.write_bytes(secrets.read_bytes() + b"\xff")


def malformed_toml(server: Server) -> None:
    """Have a line that is no TOML, with a password in it."""
    server.override(f'[sql]\nurl = "postgresql://u:{PASSWORD}@host/db\n')


def bad_port(server: Server) -> None:
    """Have a URL with a port that is none, and a password in it."""
    server.override(f'[sql]\nurl = "postgresql://u:{PASSWORD}@host:{PASSWORD}/db"\n')


def at_in_password(server: Server) -> None:
    """Have a URL in whose password the `@` was not percent-encoded."""
    server.override('[sql]\nurl = "postgresql://u:s3cr3t@z@to/p:w@127.0.0.1:1/db"\n')


def question_mark_in_password(server: Server) -> None:
    """Have a URL in whose password neither `@` nor `?` was percent-encoded."""
    server.override('[sql]\nurl = "mysql://u:s3cr3t@z/x?to/p:w@127.0.0.1/db"\n')


def database_refuses(server: Server) -> None:
    """Have a password that the database does not take."""
    port = server.database.port or 5432
    engine = server.database.engine.replace("sqlite", "postgresql")
    server.edit(
        "server.conf", "odb", engine=engine, host="127.0.0.1", port=str(port), username="no_such_user"
    )
    server.edit("server.conf", "odb", password=f'"{PASSWORD}"')


BREAK_DATABASE = (trigger_tells, value_does_not_fit, database_refuses)

BREAK_FILE = (
    another_key,
    no_key,
    malformed_ini,
    not_utf8,
    malformed_toml,
    malformed_url,
    bad_port,
    at_in_password,
    question_mark_in_password,
)


def secrets_of(server: Server) -> Iterator[str]:
    """Yield what must be nowhere: the key, the database's password, stored and new hashes."""
    yield from (server.key[:-5], PASSWORD, "p:w", "pbkdf2", "gAAAA")


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and all that hang on it."""
    while error:
        yield error
        yield from chain(error.__cause__)
        error = error.__context__


def reset(server: Server) -> None:
    """Reset the password of `user1` in this process."""
    config = ServerConfig.read(server.path, env=os.environ, stdin=None, warn=lambda _: None)
    reset_user_password(
        config, "user1", expiry=None, must_change=None, deliver=lambda _: None, note=lambda _: None
    )


VERBOSE_RESET = ("sso", "reset-user-password", "--verbose", "--store-log", "--store-config")


@pytest.fixture
def audited(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Listener]:
    """A syslog of the test's own."""
    monkeypatch.setenv(AUDIT, f"{tmp_path}/log")
    with unix_listener(tmp_path / "log") as listener:
        yield listener


def assert_untold(server: Server, exit_code: int, stdout: str, stderr: str, line: str, *more: str) -> None:
    """See that neither stdout, stderr, syslog's line nor the two files of a failed reset have a secret."""
    kept = [path.read_text() for path in Path.cwd().iterdir()]
    assert exit_code in {69, 77, 78}, stderr
    assert len(kept) == 2
    for text in (stdout, stderr, line, *kept):
        for secret in (*secrets_of(server), *more):
            assert secret not in text
    assert "Traceback" not in stderr


class TestErrors:
    """Every error path, with secrets in play."""

    @pytest.mark.parametrize("harm", BREAK_DATABASE, ids=lambda harm: harm.__name__)
    def test_nothing_is_told(self, server: Server, harm: Callable[[Server], None], audited: Listener) -> None:
        """Neither stdout, stderr, log, stored arguments nor syslog have a secret; the old password stays."""
        stored = server.database.row("user1")["password"]
        harm(server)
        argv = [str(ZATO), *VERBOSE_RESET, str(server.path), "user1"]
        done = subprocess.run(argv, env=environment(), capture_output=True, text=True, check=False)

        assert_untold(server, done.returncode, done.stdout, done.stderr, audited.line().raw)
        assert server.database.run("SELECT password FROM zato_sso_user WHERE username = 'user1'") == [
            (stored,)
        ]

    @pytest.mark.parametrize("harm", BREAK_FILE, ids=lambda harm: harm.__name__)
    def test_nothing_of_a_file_is_told(
        self,
        sqlite_server: Server,
        harm: Callable[[Server], None],
        audited: Listener,
        invoke: Callable[..., Result],
    ) -> None:
        """The same where it is a file that is wrong, which is seen before any database is opened."""
        harm(sqlite_server)
        done = invoke(*VERBOSE_RESET, sqlite_server.path, "user1")

        assert_untold(sqlite_server, done.exit_code, done.stdout, done.stderr, audited.line().raw)
        assert sqlite_server.opens("user1", OLD)

    @pytest.mark.parametrize("harm", BREAK_DATABASE, ids=lambda harm: harm.__name__)
    def test_nothing_hangs_on_the_exception(self, server: Server, harm: Callable[[Server], None]) -> None:
        """The exception, and whatever it came from, have no secret either."""
        harm(server)
        with pytest.raises(ZatoError) as raised:
            reset(server)

        for error in chain(raised.value):
            for secret in secrets_of(server):
                assert secret not in f"{error} {error!r} {vars(error)}"

    @pytest.mark.parametrize("harm", BREAK_FILE, ids=lambda harm: harm.__name__)
    def test_nothing_of_a_file_hangs_on_the_exception(
        self, sqlite_server: Server, harm: Callable[[Server], None]
    ) -> None:
        """The same where it is a file that is wrong."""
        self.test_nothing_hangs_on_the_exception(sqlite_server, harm)

    @pytest.mark.parametrize("server", ["postgresql"], indirect=True)
    def test_commit_that_is_refused_with_the_row(
        self, server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """A deferred trigger fails at COMMIT: the line is void, the message of the database is not told."""
        monkeypatch.setenv(AUDIT, f"{tmp_path}/log")
        server.database.run(RAISE)
        server.database.run(
            "CREATE CONSTRAINT TRIGGER tell AFTER UPDATE ON zato_sso_user "
            "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION tell()"
        )
        argv = [
            str(ZATO),
            "sso",
            "reset-user-password",
            "--verbose",
            "--store-log",
            str(server.path),
            "user1",
        ]
        with unix_listener(tmp_path / "log") as listener:
            done = subprocess.run(argv, env=environment(), capture_output=True, text=True, check=False)
            line = listener.line()
        [log] = Path.cwd().iterdir()
        password = printed_password(done.stdout)

        assert done.returncode == 79
        assert password
        for text in (done.stderr, line.raw, log.read_text()):
            assert "is void" in text
            for secret in (password, *secrets_of(server)):
                assert secret not in text.replace("PBKDF2", "")
        assert server.opens("user1", OLD)


CHOSEN = "a-Secret: of my own"

CHANGE = ("sso", "change-user-password", "--password-stdin")


class TestChosen:
    """A password of one's choice."""

    @pytest.mark.parametrize("harm", BREAK_DATABASE, ids=lambda harm: harm.__name__)
    def test_is_not_told(
        self, server: Server, harm: Callable[[Server], None], audited: Listener, invoke: Callable[..., Result]
    ) -> None:
        """Where the database refuses it, nothing has it, nor what hangs on the exception."""
        harm(server)
        options = ("--verbose", "--store-log", "--store-config")
        done = invoke(*CHANGE, *options, server.path, "user1", input=CHOSEN)

        assert_untold(server, done.exit_code, done.stdout, done.stderr, audited.line().raw, CHOSEN)
        config = ServerConfig.read(server.path, env=os.environ, stdin=None, warn=lambda _: None)
        with pytest.raises(ZatoError) as raised:
            reset_user_password(
                config,
                "user1",
                chosen=CHOSEN,
                expiry=None,
                must_change=None,
                deliver=lambda _: None,
                note=lambda _: None,
            )
        for error in chain(raised.value):
            assert CHOSEN not in f"{error} {error!r} {vars(error)}"

    @pytest.mark.parametrize(
        ("data", "exit_code"),
        [(f"{CHOSEN}\n\n", 2), (f"{CHOSEN}\xff".encode("latin-1"), 2), (CHOSEN, 21), (CHOSEN * 216, 2)],
    )
    def test_is_not_told_where_it_is_refused(
        self,
        sqlite_server: Server,
        audited: Listener,
        invoke: Callable[..., Result],
        *,
        data: str | bytes,
        exit_code: int,
    ) -> None:
        """What is wrong with it is told without it."""
        sqlite_server.override('[password]\nreject_list = "secret"')
        options = ("--verbose", "--store-log", "--store-config")
        done = invoke(*CHANGE, *options, sqlite_server.path, "user1", input=data)

        texts = [done.stdout, done.stderr, audited.line().raw]
        assert done.exit_code == exit_code
        for text in (*texts, *(path.read_text() for path in Path.cwd().iterdir())):
            assert CHOSEN not in text

    def test_is_in_no_traceback(
        self, sqlite_server: Server, invoke: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A bug that has the password in its message is told without it, with --verbose too."""

        def fail(_policy: PasswordPolicy, password: str) -> str:
            raise RuntimeError(password)

        monkeypatch.setattr(PasswordPolicy, "refusal", fail)
        done = invoke(*CHANGE, "--verbose", sqlite_server.path, "user1", input=CHOSEN)

        assert done.exit_code == 16
        assert "RuntimeError at test_leaks.py" in done.stderr
        assert CHOSEN not in done.stderr

    def test_no_file_holds_it_after_a_signal_that_dumps_core(self, sqlite_server: Server) -> None:
        """The process leaves nothing in the current directory."""
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        password = Path("password")
        password.write_text(CHOSEN)
        with password.open() as stdin:
            running = start_struck(
                (*CHANGE, sqlite_server.path, "user1"),
                "after-line:SIGQUIT",
                "",
                "",
                stdin=stdin,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, unlimited),
            )

        assert running.go_on() == (-3, "Changed password for user `user1`\n", "")
        password.unlink()
        assert list(Path.cwd().iterdir()) == []


MEMORY = """
import ctypes, resource, sys
from zato_sso_reset.__main__ import main
PR_GET_DUMPABLE = 3
prctl = ctypes.CDLL(None).prctl
def read():
    return prctl(PR_GET_DUMPABLE), resource.getrlimit(resource.RLIMIT_CORE)[0]
hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
before = read()
try:
    main()
finally:
    print(*before, *read(), file=sys.stderr)
"""
"""The program, which reports after its end whether its memory could be dumped, before and after."""


@dataclass(frozen=True)
class Memory:
    """Who could read the memory of a process: whether it is dumpable, and the largest core file in bytes."""

    dumpable_before: int
    core_before: int
    dumpable: int
    core: int


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has prctl")
@pytest.mark.parametrize(
    "arguments",
    [
        "reset-user-password PATH user1",
        "change-user-password PATH user1 --password-stdin",
        "reset-user-passwords PATH --all --yes --output-file -",
        "password-status PATH",
    ],
)
class TestCoreDump:
    """A process that holds secrets leaves no core file, wherever the system puts them."""

    @pytest.fixture
    def memory(self, sqlite_server: Server, arguments: str) -> Memory:
        """Run a command, and return what could be read of its memory."""
        words = [word.replace("PATH", str(sqlite_server.path)) for word in arguments.split()]
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, "sso", *words],
            env=environment(),
            input=CHOSEN,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return Memory(*map(int, done.stderr.splitlines()[-1].split()))

    def test_no_core_file_is_allowed(self, memory: Memory) -> None:
        """The limit is 0 bytes, though that of the shell would allow a core file."""
        if memory.core_before == 0:
            pytest.skip("no process here may raise RLIMIT_CORE")

        assert memory.core == 0

    def test_process_is_not_dumpable(self, memory: Memory) -> None:
        """Neither a pipe in core_pattern nor another process of the same user gets the memory."""
        if memory.dumpable_before == 0:
            pytest.skip("this user may not read the interpreter, so nothing is dumpable")

        assert memory.dumpable == 0


LOGGING = """
import logging
logging.basicConfig(level=logging.DEBUG)
for name in ("sqlalchemy", "psycopg", "pymysql"):
    logging.getLogger(name).setLevel(logging.DEBUG)
from zato_sso_reset.__main__ import main
main()
"""
"""The program, started by one that logs all it can to stderr."""


class TestLogging:
    """The loggers of SQLAlchemy and the drivers."""

    def test_nothing_is_logged(self, server: Server) -> None:
        """They would log statements, rows and connections, whatever level was set before."""
        argv = [sys.executable, "-c", LOGGING, "sso", "reset-user-password", str(server.path), "user1"]
        done = subprocess.run(argv, env=environment(), capture_output=True, text=True, check=False)

        assert (done.returncode, done.stderr) == (0, "")
        assert printed_password(done.stdout)
