"""Rows 4 to 9: a stdout that does not accept the password."""

import os
import pty
import resource
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ZATO
from tests.faults.conftest import RESET, assert_new, assert_old, check_refusal
from tests.support.processes import STRUCK, environment
from tests.support.servers import Server


def reset(
    server: Server, shell: str = "", program: Sequence[object] = (ZATO,), **options: object
) -> "subprocess.CompletedProcess[str]":
    """Reset the password of `user1`, with the redirections of a shell."""
    command = ["sh", "-c", f'exec "$@" {shell}', "sh", *map(str, program), *RESET, str(server.path), "user1"]
    options = {"env": environment(), "text": True, "stderr": subprocess.PIPE, "timeout": 60, **options}
    return subprocess.run(command, check=False, **options)  # type: ignore[call-overload,no-any-return]


def reset_hurried(server: Server, **options: Any) -> "subprocess.CompletedProcess[str]":
    """Do the same with short time limits, and check that the wait ends."""
    begun = time.monotonic()
    done = reset(server, program=STRUCK, env=environment(HURRIED="1"), **options)
    assert time.monotonic() - begun < 15
    return done


def assert_undelivered(server: Server, done: "subprocess.CompletedProcess[str]") -> None:
    """Check for exit code 74, one error line and the old password."""
    done.stdout = done.stdout or ""  # None: it was redirected
    check_refusal(done, 74)
    assert_old(server)


def fill(end: int) -> None:
    """Write to a pipe or terminal until it accepts no more."""
    os.set_blocking(end, False)
    with suppress(BlockingIOError):
        while True:
            os.write(end, b"x")
    os.set_blocking(end, True)


@contextmanager
def full_pipe() -> Iterator[int]:
    """Yield the writing end of a full pipe that nobody reads."""
    reader, writer = os.pipe()
    fill(writer)
    yield writer
    os.close(reader)
    os.close(writer)


def test_full_stdout_changes_nothing(sqlite_server: Server) -> None:
    """Row 4: /dev/full; tests/services/test_access_faults.py has the test on each engine."""
    assert_undelivered(sqlite_server, reset(sqlite_server, ">/dev/full"))


def test_reader_gone(server: Server) -> None:
    """Row 5: a pipe whose reading end is closed."""
    reader, writer = os.pipe()
    os.close(reader)
    done = reset(server, stdout=writer)
    os.close(writer)

    assert_undelivered(server, done)


@pytest.mark.parametrize("redirection", [">&-", "1</dev/null"])
def test_closed_or_read_only(sqlite_server: Server, redirection: str) -> None:
    """Row 6: noticed before any file is opened, because that file would become stdout."""
    secrets = sqlite_server.repo / "secrets.conf"
    secrets.rename(secrets.with_suffix(".away"))  # opening the directory would end with 23
    done = reset(sqlite_server, redirection)
    secrets.with_suffix(".away").rename(secrets)

    assert_undelivered(sqlite_server, done)


# On SQLite, that limit stops the journal first, which is row 18.
@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_partial_write(server: Server, tmp_path: Path) -> None:
    """Row 7: a file that accepts ten bytes."""
    written = tmp_path / "written"
    with written.open("w") as file:
        done = reset(
            server,
            stdout=file,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10)),
        )

    assert_undelivered(server, done)
    assert written.read_text() == "Password f"


def test_blocked_alarm(sqlite_server: Server) -> None:
    """Row 33: the wait for the reader of a full pipe is bounded although SIGALRM is blocked at the start."""
    with full_pipe() as writer:
        done = reset_hurried(
            sqlite_server,
            stdout=writer,
            preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM}),
        )

    assert_undelivered(sqlite_server, done)


# tests/cli/test_streams.py has the test on SQLite.
@pytest.mark.parametrize("server", ["postgresql", "mysql"], indirect=True)
def test_reader_stuck(server: Server) -> None:
    """Row 8: the wait for the reader of a full pipe is bounded, and no lock is left behind."""
    with full_pipe() as writer:
        assert_undelivered(server, reset_hurried(server, stdout=writer))
    server.database.run("UPDATE zato_sso_user SET display_name = 'free' WHERE username = 'user1'")


def test_terminal_stuck(sqlite_server: Server) -> None:
    """Row 8: a full terminal that nobody reads."""
    master, slave = pty.openpty()
    for _ in range(3):  # the kernel moves some of it on after a while
        fill(slave)
        time.sleep(0.1)
    done = reset_hurried(sqlite_server, stdout=slave)
    for end in (master, slave):
        os.close(end)

    assert_undelivered(sqlite_server, done)


def test_stderr_stuck(sqlite_server: Server) -> None:
    """Row 9: a full stderr that nobody reads does not stop the delivery."""
    with full_pipe() as writer:
        done = reset(sqlite_server, "--verbose", stdout=subprocess.PIPE, stderr=writer)

    assert done.returncode == 0
    assert_new(sqlite_server, done.stdout)


# tests/cli/test_streams.py has the test on SQLite.
@pytest.mark.parametrize("server", ["postgresql", "mysql"], indirect=True)
def test_stderr_closed(server: Server) -> None:
    """Row 9: the password is delivered, and no database connection becomes stdin or stderr."""
    done = reset(server, "<&- 2>&-", stdout=subprocess.PIPE)

    assert (done.returncode, done.stderr) == (0, "")
    assert_new(server, done.stdout)
