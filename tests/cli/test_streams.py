"""stdin, stdout and stderr: closed, full, stuck or public."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import FileIO, TextIOWrapper
from pathlib import Path
from typing import TextIO

import pytest

from tests.cli.conftest import RESET, Completed, Invoke, delivered_password, error_line, shell
from tests.support.servers import OLD, Server, insert_user
from zato_sso_reset.host.messages import print_line
from zato_sso_reset.host.program import zato

LIMITED = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
os.execvp(sys.argv[2], sys.argv[2:])
"""
"""A program that runs another, whose files may not grow beyond a number of bytes."""


def limited(size: int, *args: object, **options: object) -> Completed:
    """Run `zato` as a process whose files may not grow beyond `size` bytes."""
    return shell('exec python -c "$@"', LIMITED, size, "zato", *args, **options)


Main = Callable[..., Completed]


@pytest.fixture
def main(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Main:
    """Run `zato` in this process with a stream as stdout."""

    def run(stdout: TextIO | None, *args: object) -> Completed:
        with monkeypatch.context() as context:
            context.setattr(sys, "stdout", stdout)
            with pytest.raises(SystemExit) as ended:
                zato.main([str(arg) for arg in args], prog_name="zato")
        return subprocess.CompletedProcess([], int(ended.value.code or 0), "", capsys.readouterr().err)

    return run


Reset = Callable[[int], Completed]


@pytest.fixture
def reset(sqlite_server: Server, main: Main) -> Reset:
    """Reset the password of `user1` in this process, with a file descriptor as stdout."""

    def run(stdout: int) -> Completed:
        with open(stdout, "w", closefd=False) as stream:
            return main(stream, *RESET, sqlite_server.path, "user1")

    return run


@contextmanager
def opened(path: str | Path, flags: int) -> Iterator[int]:
    """Open a file, and close it at the end."""
    fd = os.open(path, flags)
    try:
        yield fd
    finally:
        os.close(fd)


class TestStdoutFails:
    """A password that can't be written completely is not set."""

    @pytest.mark.parametrize(("path", "flags"), [("/dev/full", os.O_WRONLY), (os.devnull, os.O_RDONLY)])
    def test_full_or_read_only_stdout_keeps_the_old_password(
        self, sqlite_server: Server, reset: Reset, path: str, flags: int
    ) -> None:
        """Rows 4 and 6, in this process."""
        with opened(path, flags) as stdout:
            error_line(reset(stdout), 74)

        assert sqlite_server.opens("user1", OLD)

    def test_pipe_without_a_reader_keeps_the_old_password(self, sqlite_server: Server, reset: Reset) -> None:
        """Row 5, in this process."""
        reader, writer = os.pipe()
        os.close(reader)
        error_line(reset(writer), 74)
        os.close(writer)

        assert sqlite_server.opens("user1", OLD)

    @pytest.mark.usefixtures("hurried")
    def test_stuck_reader_times_out(self, sqlite_server: Server, reset: Reset) -> None:
        """Row 8: the wait for a full pipe is bounded, and leaves no lock behind."""
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        with suppress(BlockingIOError):
            while True:
                os.write(writer, bytes(4096))
        os.set_blocking(writer, True)
        error = error_line(reset(writer), 74)
        os.close(reader)
        os.close(writer)

        assert "1 seconds" in error
        assert sqlite_server.opens("user1", OLD)
        sqlite_server.database.run("BEGIN EXCLUSIVE")

    def test_missing_stream_keeps_the_old_password(self, sqlite_server: Server, main: Main) -> None:
        """Row 6: Python has no stream for a closed stdout; no server is looked for."""
        assert "stdout is closed" in error_line(main(None, *RESET, "no-such-path", "user1"), 74)
        error_line(main(None, *RESET, sqlite_server.path, "user1"), 74)
        assert sqlite_server.opens("user1", OLD)

    def test_all_streams_closed_still_set_the_exit_code(self, sqlite_server: Server) -> None:
        """Without a stream for the error, the exit code reports it."""
        done = shell('exec zato "$@" <&- >&- 2>&-', *RESET, sqlite_server.path, "user1")

        assert done.returncode == 74
        assert sqlite_server.opens("user1", OLD)

    def test_partial_write_keeps_the_old_password(self, sqlite_server: Server) -> None:
        """Row 7: a disk that fills up after ten bytes has ten bytes of the line."""
        size = 64 * 1024 * 1024
        with Path("result").open("w+b") as stdout:
            stdout.truncate(size - 10)
            stdout.seek(0, os.SEEK_END)
            error_line(limited(size, *RESET, sqlite_server.path, "user1", stdout=stdout), 74)
            stdout.seek(size - 10)
            assert stdout.read() == b"Password f"

        assert sqlite_server.opens("user1", OLD)

    @pytest.mark.parametrize("option", ["--help", "--version"])
    def test_help_reports_a_full_stdout(self, main: Main, option: str) -> None:
        """Help that can't be printed ends with an error line too."""
        ours = os.dup(1)
        stream = Path("/dev/full").open("w")  # noqa: SIM115 closing it fails again
        try:
            error_line(main(stream, option), 74)
        finally:
            with suppress(OSError):
                stream.close()
            os.dup2(ours, 1)
            os.close(ours)

    @pytest.mark.parametrize("redirection", [">&-", "1</dev/null"])
    def test_quickstart_reports_a_failed_stdout(self, redirection: str) -> None:
        """Nothing is created if the next command can't be printed."""
        done = shell(f"zato sso quickstart server1 {redirection}")

        assert done.returncode == 74
        assert re.fullmatch("Error: stdout .+\n", done.stderr)


class TestStdoutWorks:
    """The password is delivered, and set."""

    @pytest.mark.parametrize(
        ("mode", "warned"), [(0o644, True), (0o604, True), (0o640, True), (0o600, False), (0o622, False)]
    )
    def test_file_that_others_can_read_causes_a_warning(
        self, sqlite_server: Server, reset: Reset, mode: int, *, warned: bool
    ) -> None:
        """The warning says what to do."""
        file = Path("result")
        file.touch()
        file.chmod(mode)
        with opened(file, os.O_WRONLY) as stdout:
            done = reset(stdout)

        password = delivered_password(file.read_text())
        assert done.returncode == 0
        assert sqlite_server.opens("user1", password)
        assert password not in done.stderr
        assert re.fullmatch("Warning: .+chmod 600.+\n" if warned else "", done.stderr)

    def test_pipe_gets_the_line_without_a_warning(self, sqlite_server: Server, reset: Reset) -> None:
        """No other user can read from a pipe."""
        reader, writer = os.pipe()
        done = reset(writer)
        line = os.read(reader, 1000).decode()
        os.close(reader)
        os.close(writer)

        assert (done.returncode, done.stderr) == (0, "")
        assert sqlite_server.opens("user1", delivered_password(line))

    @pytest.mark.parametrize(
        ("encoding", "shown"), [("ascii", r"al\xedce"), ("latin-1", "al\u00edce"), ("utf-8", "al\u00edce")]
    )
    def test_characters_outside_the_encoding_are_escaped(
        self, sqlite_server: Server, monkeypatch: pytest.MonkeyPatch, encoding: str, shown: str
    ) -> None:
        """The password is delivered although stdout's encoding lacks a character of the name."""
        insert_user(sqlite_server, 9, "al\u00edce", {})
        monkeypatch.setenv("PYTHONIOENCODING", encoding)
        done = shell('exec zato "$@"', *RESET, sqlite_server.path, "al\u00edce", encoding=encoding)

        assert (done.returncode, done.stderr) == (0, "")
        assert sqlite_server.opens("al\u00edce", delivered_password(done.stdout, shown))


class TestOtherStreams:
    """The state of stdin and stderr does not lose a password."""

    @pytest.mark.parametrize("redirections", ["2>&-", "<&-", "<&- 2>&-", "2>/dev/full", "2</dev/null"])
    def test_password_is_delivered(self, sqlite_server: Server, redirections: str) -> None:
        """Row 9: with stdin or stderr closed or full, the password is printed and set."""
        done = shell(f'exec zato "$@" {redirections}', *RESET, "--verbose", sqlite_server.path, "user1")

        assert done.returncode == 0
        assert sqlite_server.opens("user1", delivered_password(done.stdout))
        assert sqlite_server.database.run("PRAGMA integrity_check") == [("ok",)]

    @pytest.mark.parametrize("redirections", ["2>&-", "2>/dev/full"])
    def test_exit_code_of_an_error_stays(self, sqlite_server: Server, redirections: str) -> None:
        """An error that can't be printed keeps its exit code."""
        done = shell(f'exec zato "$@" {redirections}', *RESET, sqlite_server.path, "nobody")

        assert (done.returncode, done.stdout, done.stderr) == (22, "", "")

    def test_closed_stdin_becomes_the_null_device(self, sqlite_server: Server, invoke: Invoke) -> None:
        """No file or connection gets its number."""
        ours = os.dup(0)
        os.close(0)
        try:
            done = invoke(*RESET, sqlite_server.path, "user1")
            now = os.fstat(0)
        finally:
            os.dup2(ours, 0)
            os.close(ours)

        assert done.exit_code == 0
        assert now.st_rdev == Path(os.devnull).stat().st_rdev

    def test_full_stderr_is_discarded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A line that stderr does not accept is no error, now or at exit."""
        with opened("/dev/full", os.O_WRONLY) as full:
            kept = os.dup(2)
            try:
                stream = TextIOWrapper(FileIO(full, "w", closefd=False), write_through=True)
                monkeypatch.setattr(sys, "stderr", stream)
                print_line("not printed")
                assert os.path.samestat(os.fstat(2), Path(os.devnull).stat())
            finally:
                os.dup2(kept, 2)
                os.close(kept)
