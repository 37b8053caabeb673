"""Rows 4 to 9: a stdout that does not take the password."""

import os
import pty
import resource
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import ZATO
from tests.faults.conftest import assert_new, assert_old, one_line
from tests.support.processes import environment
from tests.support.servers import Server


def reset(server: Server, shell: str, **options: object) -> "subprocess.CompletedProcess[str]":
    """Reset the password of `user1`, with redirections as a shell has them."""
    command = ["sh", "-c", f'exec "{ZATO}" sso reset-user-password "$0" user1 {shell}', str(server.path)]
    options = {"env": environment(), "text": True, "stderr": subprocess.PIPE, "timeout": 60, **options}
    return subprocess.run(command, check=False, **options)  # type: ignore[call-overload,no-any-return]


def fill(end: int) -> None:
    """Write to a pipe or terminal until it takes no more."""
    os.set_blocking(end, False)
    with suppress(BlockingIOError):
        while True:
            os.write(end, b"x")
    os.set_blocking(end, True)


class TestStdout:
    """Nothing was changed where the line could not be written whole."""

    def test_full(self, server: Server) -> None:
        """Row 4: /dev/full."""
        done = reset(server, ">/dev/full")

        assert done.returncode == 74
        assert one_line(done.stderr)
        assert_old(server)

    def test_reader_gone(self, server: Server) -> None:
        """Row 5: a pipe whose reading end is closed."""
        reader, writer = os.pipe()
        os.close(reader)
        done = reset(server, "", stdout=writer)
        os.close(writer)

        assert done.returncode == 74
        assert one_line(done.stderr)
        assert_old(server)

    @pytest.mark.parametrize("redirection", [">&-", "1</dev/null"])
    def test_closed_or_read_only(self, sqlite_server: Server, redirection: str) -> None:
        """Row 6: seen before any file of the server is opened, for that one would become stdout."""
        secrets = sqlite_server.repo / "secrets.conf"
        secrets.rename(secrets.with_suffix(".away"))  # whoever looked would end with 23
        done = reset(sqlite_server, redirection)
        secrets.with_suffix(".away").rename(secrets)

        assert done.returncode == 74
        assert one_line(done.stderr)
        assert_old(sqlite_server)

    # On SQLite, that limit ends the journal first, which is row 18.
    @pytest.mark.parametrize("server", ["postgresql"], indirect=True)
    def test_partial_write(self, server: Server, tmp_path: Path) -> None:
        """Row 7: a file that takes ten bytes."""
        taken = tmp_path / "taken"
        with taken.open("w") as file:
            done = reset(
                server,
                "",
                stdout=file,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10)),
            )

        assert done.returncode == 74
        assert one_line(done.stderr)
        assert taken.read_text() == "Password f"
        assert_old(server)

    # On SQLite, tests/cli/test_output.py has it.
    @pytest.mark.parametrize("server", ["postgresql", "mysql"], indirect=True)
    def test_reader_stuck(self, server: Server) -> None:
        """Row 8: a full pipe that nobody reads; the wait is bounded, and no lock is left behind."""
        reader, writer = os.pipe()
        fill(writer)
        start = time.monotonic()
        done = reset(server, "", stdout=writer)

        assert done.returncode == 74
        assert time.monotonic() - start < 15
        assert one_line(done.stderr)
        assert_old(server)
        for end in (reader, writer):
            os.close(end)
        server.database.run("UPDATE zato_sso_user SET display_name = 'free' WHERE username = 'user1'")

    def test_terminal_that_is_stuck(self, sqlite_server: Server) -> None:
        """Row 8: a terminal that is full, and that nobody reads."""
        master, slave = pty.openpty()
        for _ in range(3):  # the kernel moves some of it on after a while
            fill(slave)
            time.sleep(0.1)
        done = reset(sqlite_server, "", stdout=slave)
        for end in (master, slave):
            os.close(end)

        assert done.returncode == 74
        assert one_line(done.stderr)
        assert_old(sqlite_server)

    def test_stderr_stuck(self, sqlite_server: Server) -> None:
        """Row 9: a full pipe that nobody reads keeps nothing back."""
        reader, writer = os.pipe()
        fill(writer)
        done = reset(sqlite_server, "--verbose", stdout=subprocess.PIPE, stderr=writer)
        for end in (reader, writer):
            os.close(end)

        assert done.returncode == 0
        assert_new(sqlite_server, done.stdout)

    def test_stderr_closed(self, server: Server) -> None:
        """Row 9: it is delivered all the same, and no database becomes stdin or stderr."""
        done = reset(server, "<&- 2>&-", stdout=subprocess.PIPE)

        assert (done.returncode, done.stderr) == (0, "")
        assert_new(server, done.stdout)
