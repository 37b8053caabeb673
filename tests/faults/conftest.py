"""Fixtures for fault tests: interrupted processes, and checks of the account afterwards."""

import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pymysql
import pytest
from click.testing import Result

from tests.conftest import ENGINES
from tests.support import databases, processes
from tests.support.bulk import RESET as BULK_RESET
from tests.support.databases import Database, run
from tests.support.processes import STRUCK, environment
from tests.support.proxy import Proxy
from tests.support.servers import LINE, OLD, Server, quick_server
from zato_sso_reset.services import bulk_reset, reset
from zato_sso_reset.services.commit import commit

RESET = ("sso", "reset-user-password")

SECRET = "S3cr3t"
"""Part of many invalid values; no message may show it."""


rarely = pytest.mark.exhaustive
"""Mark a parameter that the exhaustive tests alone try."""


def first_on(*engines: str) -> pytest.MarkDecorator:
    """Give a test a server on these engines; the exhaustive tests run it on the others."""
    others = [pytest.param(each, marks=rarely) for each in ENGINES if each not in engines]
    return pytest.mark.parametrize("server", [*engines, *others], indirect=True)


def each_signal(argument: str) -> pytest.MarkDecorator:
    """Give a test a server and the name of a terminating signal; each of them is tried on SQLite."""
    parameters = [
        ("sqlite", "SIGHUP"),
        pytest.param("sqlite", "SIGINT", marks=rarely),
        pytest.param("sqlite", "SIGTERM", marks=rarely),
        ("postgresql", "SIGINT"),
        ("mysql", "SIGTERM"),
    ]
    return pytest.mark.parametrize(("server", argument), parameters, indirect=["server"])


@dataclass
class Running:
    """A command in a separate process that sends itself a signal."""

    process: "subprocess.Popen[str]"

    def wait_until_stopped(self) -> None:
        """Wait until SIGSTOP has stopped the process."""
        _, status = os.waitpid(self.process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), status

    def finish(self) -> tuple[int, str, str]:
        """Let the process run to its end; return exit code, stdout and stderr."""
        self.process.send_signal(signal.SIGCONT)
        stdout, stderr = self.process.communicate(timeout=60)
        return self.process.returncode, stdout, stderr


Done = Result | CompletedProcess[str]
Invoke = Callable[..., Result]
Process = Callable[..., CompletedProcess[str]]
Refuse = Callable[..., str]
Start = Callable[..., Running]


def start_struck(
    arguments: Sequence[object], strike: str, *, hurried: str = "", batch: str = "", **options: object
) -> Running:
    """Start `zato`, which sends itself a signal as `strike` says: see `tests/support/struck.py`."""
    env = environment(STRIKE=strike, HURRIED=hurried, BATCH=batch)
    return Running(processes.start([*STRUCK, *arguments], env=env, **options))


@pytest.fixture
def start() -> Start:
    """Start a reset of `user1` that sends itself a signal."""

    def run(server: Server, strike: str, *args: object, **options: Any) -> Running:
        return start_struck((*RESET, server.path, "user1", *args), strike, **options)

    return run


@pytest.fixture
def start_bulk() -> Start:
    """Start a reset of all users, in batches of two, that sends itself a signal."""

    def run(server: Server, strike: str, *args: object, **options: Any) -> Running:
        arguments = (*BULK_RESET, server.path, "--all", "--yes", "--output-file", "out.jsonl", *args)
        return start_struck(arguments, strike, batch="2", **options)

    return run


@pytest.fixture
def open_server() -> Iterator[Server]:
    """A server that every user can read and write, unlike those in pytest's folders."""
    base = Path(tempfile.mkdtemp())
    server = quick_server(base / "server1")
    server.override("[password]\nexpiry = 90\n")
    for path in (base, *base.rglob("*")):
        path.chmod(0o777)
    yield server
    shutil.rmtree(base)


@dataclass
class Proxied:
    """A server whose database is reached through a proxy."""

    server: Server
    proxy: Proxy

    def end_other_connections(self, connection: Any) -> None:
        """Have the database end every connection of the server's user except this one."""
        if self.server.database.engine == "postgresql":
            run(
                connection,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE usename = current_user AND pid <> pg_backend_pid()",
            )
            return
        others = "SELECT id FROM information_schema.processlist WHERE id <> connection_id()"
        for (process,) in run(connection, others):
            with suppress(pymysql.err.OperationalError):  # it has ended meanwhile
                run(connection, f"KILL {process}")

    def end_connections(self) -> None:
        """Have the database end every connection of the server's user."""
        with self.server.database.connect() as connection:
            self.end_other_connections(connection)


@pytest.fixture(params=["postgresql", "mysql"])
def proxied(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Proxied]:
    """A server on each of the database servers, with a proxy in between."""
    database: Database = request.getfixturevalue(request.param)
    databases.make_tables(database)
    server = quick_server(tmp_path / "server1", database)
    with Proxy(database.port) as proxy:
        server.edit("server.conf", "odb", port=str(proxy.port))
        yield Proxied(server, proxy)


AfterLine = Callable[..., None]


@pytest.fixture
def after_line(monkeypatch: pytest.MonkeyPatch) -> AfterLine:
    """Return a function that arranges a fault between a line, the first by default, and its commit."""

    def arrange(fault: Callable[[], object], number: int = 1) -> None:
        numbers = itertools.count(1)

        def commit_after_fault(*args: Any) -> None:
            if next(numbers) == number:
                fault()
            commit(*args)

        for service in (reset, bulk_reset):
            monkeypatch.setattr(service, "commit", commit_after_fault)

    return arrange


def printed_password(stdout: str) -> str | None:
    """Return the password if stdout is one complete line."""
    match = LINE.fullmatch(stdout)
    return match["password"] if match else None


def printed(stdout: str) -> str:
    """Return the password of stdout, which must be one complete line."""
    password = printed_password(stdout)
    assert password, stdout
    return password


def assert_old(server: Server, stdout: str = "") -> None:
    """Check that nothing was changed or printed."""
    assert stdout == ""
    assert server.opens("user1", OLD)


def assert_new(server: Server, stdout: str) -> None:
    """Check that the account has the printed password."""
    assert server.opens("user1", printed(stdout))
    assert not server.opens("user1", OLD)


def finish_unknown(running: Running) -> str:
    """Let a process run that can't find out, in bounded time, whether its COMMIT is done; return stdout."""
    begun = time.monotonic()
    code, stdout, stderr = running.finish()
    assert time.monotonic() - begun < 30
    assert (code, one_line(stderr)) == (76, True), stderr
    assert "It is unknown whether the new password was stored." in stderr
    assert "othing was changed" not in stderr
    return stdout


def one_line(stderr: str) -> bool:
    """Return whether stderr is one error line."""
    return stderr.startswith("Error: ") and stderr.count("\n") == 1


def exit_code(done: Done) -> int:
    """Return the exit code of a command that ran in this process or in another one."""
    return done.exit_code if isinstance(done, Result) else done.returncode


def check_refusal(done: Done, expected: int) -> None:
    """Check the exit code, an empty stdout, and one printable line without secrets on stderr."""
    assert (exit_code(done), done.stdout) == (expected, ""), done.stderr
    assert one_line(done.stderr), done.stderr
    assert done.stderr[:-1].isprintable()
    assert len(done.stderr) < 600
    assert SECRET not in done.stderr


def _refuse(run: Invoke | Process, server: Server, expected: int, *arguments: object) -> str:
    before = server.database.dump("zato_sso_user")
    done = run(*RESET, *(arguments or (server.path, "user1")))
    check_refusal(done, expected)
    assert server.database.dump("zato_sso_user") == before
    return str(done.stderr)


@pytest.fixture
def refuse(invoke: Invoke) -> Refuse:
    """Run a reset that must end with an exit code and change nothing; return its error line."""
    return partial(_refuse, invoke)


@pytest.fixture
def refuse_in_time(process: Process) -> Refuse:
    """Do the same in a separate process with a time limit, which gets its arguments as bytes."""
    return partial(_refuse, process)
