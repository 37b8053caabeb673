"""Leaks: no secret is left anywhere, however the command ends."""

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import AUDIT
from tests.faults.conftest import (
    RESET,
    AfterLine,
    Done,
    Invoke,
    Process,
    Proxied,
    exit_code,
    printed,
    printed_password,
    start_struck,
)
from tests.support.databases import PASSWORD, PORTS
from tests.support.harms import malformed_url
from tests.support.processes import environment
from tests.support.servers import OLD, Server
from tests.support.syslog import Listener, unix_listener
from zato_sso_reset.domain.policy import PasswordPolicy
from zato_sso_reset.errors import ZatoError
from zato_sso_reset.server.config import ServerConfig
from zato_sso_reset.services.reset import reset_user_password

Harm = Callable[[Server], object]

RAISE = """
CREATE OR REPLACE FUNCTION leak() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'row: %', new.password USING DETAIL = new.password; END $$
"""

OTHER_PROOF = (
    "gAAAAABrBI5WWscEXHr7msVNhCLlwDRKxnTy778Rozfqn9-NhkUMBTYc3cFICGe_HdAJINFgXA9TrkrFGv2KN0S7soV1tMa-bg=="
)
"""Sealed with another server's key."""


def trigger_quotes_row(server: Server) -> None:
    """Let the database refuse the UPDATE with the row in its message."""
    if server.database.engine == "postgresql":
        server.database.run(RAISE)
        event = "BEFORE UPDATE ON zato_sso_user FOR EACH ROW EXECUTE FUNCTION leak()"
    elif server.database.engine == "mysql":
        event = (
            "BEFORE UPDATE ON zato_sso_user FOR EACH ROW BEGIN DECLARE message VARCHAR(128) "
            "DEFAULT LEFT(new.password, 100); SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = message; END"
        )
    else:
        event = "BEFORE UPDATE ON zato_sso_user BEGIN SELECT RAISE(ABORT, 'gAAAAA is the hash'); END"
    server.database.run(f"CREATE TRIGGER leak {event}", admin=server.database.engine == "mysql")


def statement_fails(server: Server) -> None:
    """Let the database refuse the statement, with its values in the message."""
    server.database.run("ALTER TABLE zato_sso_user RENAME COLUMN password_is_set TO renamed")


def login_fails(server: Server) -> None:
    """Configure a password that the database refuses."""
    server.edit(
        "server.conf",
        "odb",
        engine=server.database.engine.replace("sqlite", "postgresql"),
        host="127.0.0.1",
        port=str(server.database.port or PORTS["postgresql"]),
        username="no_such_user",
        password=f'"{PASSWORD}"',
    )


def malformed_ini(server: Server) -> None:
    """Remove the `=` before the secret key."""
    secrets = server.repo / "secrets.conf"
    secrets.write_text(secrets.read_text().replace("key1=", "key1 "))


def not_utf8(server: Server) -> None:
    """Add a byte that can't be decoded to the file with the secrets."""
    secrets = server.repo / "secrets.conf"
    secrets.write_bytes(secrets.read_bytes() + b"\xff")


def with_url(url: str) -> Harm:
    """Return a function that sets `[sql] url`."""
    return lambda server: server.override(f"[sql]\nurl = {url}\n")


break_database = pytest.mark.parametrize("harm", [trigger_quotes_row, statement_fails, login_fails])

break_file = pytest.mark.parametrize(
    "harm",
    [
        malformed_ini,
        not_utf8,
        malformed_url,
        lambda server: server.edit("secrets.conf", "zato", well_known_data=OTHER_PROOF),
        lambda server: server.edit("secrets.conf", "secret_keys", key1=server.key[:-5]),
        with_url(f'"postgresql://u:{PASSWORD}@host/db'),
        with_url(f'"postgresql://u:{PASSWORD}@host:{PASSWORD}/db"'),
        with_url('"postgresql://u:s3cr3t@z@to/p:w@127.0.0.1:1/db"'),
        with_url('"mysql://u:s3cr3t@z/x?to/p:w@127.0.0.1/db"'),
    ],
    ids=[
        *("malformed_ini", "not_utf8", "malformed_url", "another_key", "not_a_key", "malformed_toml"),
        *("bad_port", "at_in_password", "question_mark_in_password"),
    ],
)


def secrets_of(server: Server) -> Iterator[str]:
    """Yield the key, the database's password, and parts of hashes."""
    yield from (server.key[:-5], PASSWORD, "p:w", "pbkdf2", "gAAAA")


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception with all its causes and contexts."""
    while error:
        yield error
        yield from chain(error.__cause__)
        error = error.__context__


LOGGED = ("--verbose", "--store-log", "--store-config")

CHOSEN = "a-Secret: of my own"

CHANGE = ("sso", "change-user-password", "--password-stdin")


@pytest.fixture
def audited(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Listener]:
    """A syslog that only this test uses."""
    monkeypatch.setenv(AUDIT, f"{tmp_path}/log")
    with unix_listener(tmp_path / "log") as listener:
        yield listener


def assert_no_secret(server: Server, done: Done, audited: Listener, *more: str) -> None:
    """Check stdout, stderr, the audit line, and the log and arguments that a failed command stored."""
    stored = [path.read_text() for path in Path.cwd().iterdir()]
    assert exit_code(done) in {69, 77, 78}, done.stderr
    assert len(stored) == 2
    for text in (done.stdout, done.stderr, audited.line().raw, *stored):
        for secret in (*secrets_of(server), *more):
            assert secret not in text
    assert "Traceback" not in done.stderr


def assert_no_secret_in_exceptions(server: Server, chosen: str | None = None) -> None:
    """Check the exception that a failing reset raises, with its causes and contexts."""
    with pytest.raises(ZatoError) as raised:
        reset_user_password(
            ServerConfig.read(server.path, env=os.environ, stdin=None),
            "user1",
            chosen=chosen,
            expiry=None,
            must_change=None,
            deliver=lambda _: None,
        )
    for error in chain(raised.value):
        for secret in (*secrets_of(server), *([chosen] if chosen else [])):
            assert secret not in f"{error} {error!r} {vars(error)}"


class TestErrors:
    """Every error path, with secrets involved."""

    @break_database
    def test_database(self, server: Server, harm: Harm, audited: Listener, invoke: Invoke) -> None:
        """A failing database leaks nothing, and the old password stays."""
        query = "SELECT password FROM zato_sso_user WHERE username = 'user1'"
        before = server.database.run(query)
        harm(server)
        done = invoke(*RESET, *LOGGED, server.path, "user1")

        assert_no_secret(server, done, audited)
        assert_no_secret_in_exceptions(server)
        assert server.database.run(query) == before

    @break_file
    def test_file(self, sqlite_server: Server, harm: Harm, audited: Listener, invoke: Invoke) -> None:
        """An invalid file leaks nothing, and the old password stays."""
        harm(sqlite_server)
        done = invoke(*RESET, *LOGGED, sqlite_server.path, "user1")

        assert_no_secret(sqlite_server, done, audited)
        assert_no_secret_in_exceptions(sqlite_server)
        assert sqlite_server.opens("user1", OLD)

    @pytest.mark.parametrize("server", ["postgresql"], indirect=True)
    def test_deferred_trigger_quotes_the_row(
        self, server: Server, audited: Listener, process: Process
    ) -> None:
        """Row 26: a deferred trigger refuses the reset before the line, and its message is hidden."""
        server.database.run(RAISE)
        server.database.run(
            "CREATE CONSTRAINT TRIGGER leak AFTER UPDATE ON zato_sso_user "
            "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION leak()"
        )
        done = process(*RESET, *LOGGED, server.path, "user1")

        assert exit_code(done) == 69
        assert_no_secret(server, done, audited)
        assert server.opens("user1", OLD)

    def test_refused_commit(
        self, proxied: Proxied, after_line: AfterLine, audited: Listener, invoke: Invoke
    ) -> None:
        """Row 14: a commit that is refused after the line shows the password nowhere else."""
        after_line(proxied.end_connections)
        done = invoke(*RESET, "--verbose", "--store-log", proxied.server.path, "user1")
        [log] = Path.cwd().iterdir()
        password = printed(done.stdout)

        assert done.exit_code == 79
        for text in (done.stderr, audited.line().raw, log.read_text()):
            assert "is void" in text
            for secret in (password, *secrets_of(proxied.server)):
                assert secret not in text.replace("PBKDF2", "")
        assert proxied.server.opens("user1", OLD)


class TestChosen:
    """A password of the operator's choice."""

    @break_database
    def test_database(self, server: Server, harm: Harm, audited: Listener, invoke: Invoke) -> None:
        """A failing database leaks neither the password nor anything else."""
        harm(server)
        done = invoke(*CHANGE, *LOGGED, server.path, "user1", input=CHOSEN)

        assert_no_secret(server, done, audited, CHOSEN)
        assert_no_secret_in_exceptions(server, CHOSEN)

    @pytest.mark.parametrize(
        ("data", "expected"),
        [(f"{CHOSEN}\n\n", 2), (f"{CHOSEN}\xff".encode("latin-1"), 2), (CHOSEN, 21), (CHOSEN * 216, 2)],
    )
    def test_invalid(
        self, sqlite_server: Server, audited: Listener, invoke: Invoke, data: str | bytes, expected: int
    ) -> None:
        """The message that refuses a password does not show it."""
        sqlite_server.override('[password]\nreject_list = "secret"')
        done = invoke(*CHANGE, *LOGGED, sqlite_server.path, "user1", input=data)

        assert done.exit_code == expected
        stored = (path.read_text() for path in Path.cwd().iterdir())
        for text in (done.stdout, done.stderr, audited.line().raw, *stored):
            assert CHOSEN not in text

    def test_bug(self, sqlite_server: Server, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
        """A bug with the password in its message is reported without it, even with --verbose."""

        def fail(_policy: PasswordPolicy, password: str) -> str:
            raise RuntimeError(password)

        monkeypatch.setattr(PasswordPolicy, "refusal", fail)
        done = invoke(*CHANGE, "--verbose", sqlite_server.path, "user1", input=CHOSEN)

        assert done.exit_code == 16
        assert "RuntimeError at test_leaks.py" in done.stderr
        assert CHOSEN not in done.stderr

    def test_signal_that_dumps_core(self, sqlite_server: Server) -> None:
        """SIGQUIT leaves no file in the current directory."""
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        password = Path("password")
        password.write_text(CHOSEN)
        with password.open() as stdin:
            running = start_struck(
                (*CHANGE, sqlite_server.path, "user1"),
                "after-line:SIGQUIT",
                stdin=stdin,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, unlimited),
            )

        assert running.finish() == (-3, "Changed password for user `user1`\n", "")
        password.unlink()
        assert list(Path.cwd().iterdir()) == []


MEMORY = """
import ctypes, resource, sys
from zato_sso_reset.__main__ import main
PR_GET_DUMPABLE = 3
hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
try:
    main()
finally:
    dumpable = ctypes.CDLL(None).prctl(PR_GET_DUMPABLE)
    print(dumpable, resource.getrlimit(resource.RLIMIT_CORE)[0], file=sys.stderr)
"""
"""The program, which prints at its end whether it is dumpable, and the size limit of its core file."""


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
def test_no_core_is_dumped(sqlite_server: Server, arguments: str) -> None:
    """Neither a core file, a pipe in core_pattern nor another process of the same user gets the memory."""
    words = [word.replace("PATH", str(sqlite_server.path)) for word in arguments.split()]
    argv = [sys.executable, "-c", MEMORY, "sso", *words]
    done = subprocess.run(argv, env=environment(), input=CHOSEN, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "0 0"), done.stderr


LOGGING = """
import logging
logging.basicConfig(level=logging.DEBUG)
for name in ("sqlalchemy", "psycopg", "pymysql"):
    logging.getLogger(name).setLevel(logging.DEBUG)
from zato_sso_reset.__main__ import main
main()
"""
"""The program, in a process that logs everything to stderr."""


def test_drivers_log_nothing(server: Server) -> None:
    """SQLAlchemy and the drivers would log statements and rows, whatever level was set before."""
    argv = [sys.executable, "-c", LOGGING, *RESET, str(server.path), "user1"]
    done = subprocess.run(argv, env=environment(), capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert printed_password(done.stdout)
