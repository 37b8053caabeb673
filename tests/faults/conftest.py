"""What the tests of faults share: processes that are struck, and what must hold of the account after."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from click.testing import Result

from tests.support import databases
from tests.support.bulk import RESET
from tests.support.databases import Database, run
from tests.support.processes import STRUCK, environment
from tests.support.proxy import Proxy
from tests.support.servers import LINE, OLD, Server, quick_server

Process = Callable[..., CompletedProcess[str]]
Invoke = Callable[..., Result]
Refuse = Callable[..., str]

SECRET = "S3cr3t"
"""What stands in many a bad value, and is to be in no message."""


@dataclass
class Running:
    """A reset that runs as a process of its own and stops itself at a point."""

    process: "subprocess.Popen[str]"

    def wait_until_stopped(self) -> None:
        """Wait for the point."""
        _, status = os.waitpid(self.process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), status

    def go_on(self) -> tuple[int, str, str]:
        """Let it run to its end; return exit code, stdout and stderr."""
        self.process.send_signal(signal.SIGCONT)
        stdout, stderr = self.process.communicate(timeout=60)
        return self.process.returncode, stdout, stderr


Start = Callable[..., Running]


def start_struck(
    arguments: Sequence[object], strike: str, hurried: str, batch: str, **options: object
) -> Running:
    """Start `zato`, to strike itself with a signal at a point."""
    argv = [*STRUCK, *map(str, arguments)]
    process = subprocess.Popen(  # type: ignore[call-overload]
        argv,
        env=environment(STRIKE=strike, HURRIED=hurried, BATCH=batch),
        text=True,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
    )
    return Running(process)


@pytest.fixture
def start() -> Start:
    """Start a reset of `user1` that strikes itself with a signal at a point."""

    def run(server: Server, strike: str, hurried: str = "", *more: object, **options: object) -> Running:
        arguments = ("sso", "reset-user-password", server.path, "user1", *more)
        return start_struck(arguments, strike, hurried, "", **options)

    return run


@pytest.fixture
def start_bulk() -> Start:
    """Start a reset of all users, two at a time, that strikes itself with a signal at a point."""

    def run(server: Server, strike: str, *args: object, hurried: str = "", **options: object) -> Running:
        arguments = (*RESET, server.path, "--all", "--yes", "--output-file", *(args or ("out.jsonl",)))
        return start_struck(arguments, strike, hurried, "2", **options)

    return run


@dataclass
class Proxied:
    """A server on a database that is reached through a proxy."""

    server: Server
    proxy: Proxy

    def end_other_connections(self, connection: Any) -> None:
        """Have the database end every connection of the server's user but this one."""
        if self.server.database.engine == "postgresql":
            run(
                connection,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE usename = current_user AND pid <> pg_backend_pid()",
            )
            return
        others = "SELECT id FROM information_schema.processlist WHERE id <> connection_id()"
        for (process,) in run(connection, others):
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


def printed(stdout: str) -> str:
    """Return the password of the line, which is all there is."""
    match = LINE.fullmatch(stdout)
    assert match, stdout
    return match["password"]


def assert_old(server: Server, stdout: str = "") -> None:
    """See that nothing was changed, or printed."""
    assert stdout == ""
    assert server.opens("user1", OLD)


def assert_new(server: Server, stdout: str) -> None:
    """See that what was printed whole is what opens the account."""
    assert server.opens("user1", printed(stdout))
    assert not server.opens("user1", OLD)


def one_line(stderr: str) -> bool:
    """Tell whether an error is told in one line."""
    return stderr.startswith("Error: ") and stderr.count("\n") == 1


def check_refusal(exit_code: int, stdout: str, stderr: str, expected: int) -> None:
    """See the exit code, nothing on stdout, and one line on stderr that any terminal can show."""
    assert (exit_code, stdout) == (expected, ""), stderr
    assert one_line(stderr), stderr
    assert stderr[:-1].isprintable()
    assert len(stderr) < 600
    assert SECRET not in stderr


@pytest.fixture
def refuse(invoke: Invoke) -> Refuse:
    """Run a reset that is to end with an exit code; return the line it tells why in."""

    def run(server: Server, exit_code: int, *arguments: object) -> str:
        before = server.database.dump("zato_sso_user")
        done = invoke("sso", "reset-user-password", *(arguments or (server.path, "user1")))
        check_refusal(done.exit_code, done.stdout, done.stderr, exit_code)
        assert server.database.dump("zato_sso_user") == before
        return done.stderr

    return run


@pytest.fixture
def refuse_in_time(process: Process) -> Refuse:
    """Do the same as a process of its own, which may not hang and gets its arguments as bytes."""

    def run(server: Server, exit_code: int, *arguments: object) -> str:
        before = server.database.dump("zato_sso_user")
        done = process("sso", "reset-user-password", *(arguments or (server.path, "user1")))
        check_refusal(done.returncode, done.stdout, done.stderr, exit_code)
        assert server.database.dump("zato_sso_user") == before
        return done.stderr

    return run
