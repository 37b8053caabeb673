"""stdout, stderr and the files beside them, closed, full, stuck or public."""

import logging
import os
import re
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from io import FileIO, TextIOWrapper
from pathlib import Path
from typing import TextIO

import pytest
from click.testing import Result

from tests.conftest import ZATO
from tests.support.databases import Database, make_tables
from tests.support.limits import size_limit
from tests.support.servers import LINE, OLD, Server, insert_user, quick_server
from zato_sso_reset.cli.report import execution_log, log_to_stderr, store_arguments
from zato_sso_reset.errors import FileNotMadeError
from zato_sso_reset.host.messages import print_line
from zato_sso_reset.host.program import zato

RESET = ("sso", "reset-user-password")

NOW = datetime(2026, 1, 2, 3, 4, 5, 6)  # noqa: DTZ001 naive UTC, as Zato has it

STAMP = "2026_01_02T03_04_05_000006"

LOGGER = logging.getLogger("zato_sso_reset.test")

LIMITED = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
os.execv(sys.argv[2], sys.argv[2:])
"""
"""A program that runs another, none of whose files may grow beyond a number of bytes."""


def shell(redirections: str, *args: object, **options: object) -> "subprocess.CompletedProcess[str]":
    """Run `zato` as a process with redirections of the shell."""
    argv = ["/bin/sh", "-c", f'exec "$0" "$@" {redirections}', str(ZATO), *map(str, args)]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, **options)  # type: ignore[call-overload,no-any-return]


def limited(size: int, *args: object, **options: object) -> "subprocess.CompletedProcess[str]":
    """Run `zato` as a process none of whose files may grow beyond `size` bytes."""
    argv = [sys.executable, "-c", LIMITED, str(size), str(ZATO), *map(str, args)]
    return subprocess.run(argv, stderr=subprocess.PIPE, text=True, timeout=60, check=False, **options)  # type: ignore[call-overload,no-any-return]


def is_one_line(text: str) -> bool:
    """Tell whether `text` is one line of an error."""
    return re.fullmatch(r"Error: .+\n", text) is not None


MainWith = Callable[..., tuple[object, str]]


@pytest.fixture
def main_with(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> MainWith:
    """Run `zato` in this process with this stream as stdout; return the exit code and stderr."""

    def main_with(stdout: TextIO | None, *args: object) -> tuple[object, str]:
        with monkeypatch.context() as context:
            context.setattr(sys, "stdout", stdout)
            with pytest.raises(SystemExit) as ended:
                zato.main([str(arg) for arg in args], prog_name="zato")
        return ended.value.code or 0, capsys.readouterr().err

    return main_with


Reset = Callable[[int], tuple[object, str]]


@pytest.fixture
def reset_here(sqlite_server: Server, main_with: MainWith) -> Reset:
    """Reset the password of `user1` in this process, with this file as stdout."""

    def reset(stdout: int) -> tuple[object, str]:
        with open(stdout, "w", closefd=False) as stream:
            return main_with(stream, *RESET, sqlite_server.path, "user1")

    return reset


@pytest.fixture(params=["process", "here"])
def reset(request: pytest.FixtureRequest, sqlite_server: Server, reset_here: Reset) -> Reset:
    """Reset the password of `user1` with this file as stdout; return the exit code and stderr."""
    if request.param == "here":
        return reset_here

    def reset(stdout: int) -> tuple[object, str]:
        argv = [str(ZATO), *RESET, str(sqlite_server.path), "user1"]
        done = subprocess.run(argv, stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
        return done.returncode, done.stderr

    return reset


@contextmanager
def opened(path: str | Path, flags: int, mode: int = 0o600) -> Iterator[int]:
    """Open a file, and close it at the end."""
    fd = os.open(path, flags, mode)
    try:
        yield fd
    finally:
        os.close(fd)


class TestStdoutFails:
    """A password that can't be written out whole is not set."""

    @pytest.mark.parametrize(("path", "flags"), [("/dev/full", os.O_WRONLY), (os.devnull, os.O_RDONLY)])
    def test_full_or_read_only(self, sqlite_server: Server, reset: Reset, path: str, flags: int) -> None:
        """The exit code is 74, one line says why, and the old password stays."""
        with opened(path, flags) as stdout:
            code, stderr = reset(stdout)

        assert code == 74
        assert is_one_line(stderr)
        assert sqlite_server.opens("user1", OLD)

    def test_reader_is_gone(self, sqlite_server: Server, reset: Reset) -> None:
        """A pipe that nobody can read from is as bad as a full disk."""
        reading, writing = os.pipe()
        os.close(reading)
        try:
            code, stderr = reset(writing)
        finally:
            os.close(writing)

        assert code == 74
        assert is_one_line(stderr)
        assert sqlite_server.opens("user1", OLD)

    def test_reader_is_stuck(self, sqlite_server: Server, reset_here: Reset) -> None:
        """Row 8: a pipe that is full is waited for, but not for ever, and the database is let go."""
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        with suppress(BlockingIOError):
            while True:
                os.write(writing, bytes(4096))
        os.set_blocking(writing, True)
        try:
            code, stderr = reset_here(writing)
        finally:
            os.close(reading)
            os.close(writing)

        assert code == 74
        assert is_one_line(stderr)
        assert "5 seconds" in stderr
        assert sqlite_server.opens("user1", OLD)
        sqlite_server.database.run("BEGIN EXCLUSIVE")

    def test_is_closed(self, sqlite_server: Server) -> None:
        """It is seen before any file is opened, which would become stdout: no server is looked for."""
        before = (sqlite_server.repo / "server.conf").read_bytes()
        done = shell(">&-", *RESET, sqlite_server.path, "user1")
        nowhere = shell(">&-", *RESET, "no-such-path", "user1")

        assert (done.returncode, nowhere.returncode) == (74, 74)
        assert is_one_line(done.stderr)
        assert nowhere.stderr == done.stderr
        assert sqlite_server.opens("user1", OLD)
        assert (sqlite_server.repo / "server.conf").read_bytes() == before

    def test_is_closed_in_this_process(self, sqlite_server: Server, main_with: MainWith) -> None:
        """Python has no stream then."""
        code, stderr = main_with(None, *RESET, sqlite_server.path, "user1")

        assert code == 74
        assert is_one_line(stderr)
        assert sqlite_server.opens("user1", OLD)

    def test_all_streams_are_closed(self, sqlite_server: Server) -> None:
        """Nobody is there to be told, but the exit code."""
        done = shell("<&- >&- 2>&-", *RESET, sqlite_server.path, "user1")

        assert done.returncode == 74
        assert sqlite_server.opens("user1", OLD)

    def test_takes_a_part(self, sqlite_server: Server) -> None:
        """A disk that fills up after ten bytes has ten bytes, and no password of an account."""
        size = 64 * 1024 * 1024
        file = Path("result")
        with file.open("wb") as stdout:
            stdout.truncate(size - 10)
            stdout.seek(0, os.SEEK_END)
            done = limited(size, *RESET, sqlite_server.path, "user1", stdout=stdout)

        assert done.returncode == 74
        assert is_one_line(done.stderr)
        with file.open("rb") as written:
            written.seek(size - 10)
            assert written.read() == b"Password f"
        assert sqlite_server.opens("user1", OLD)

    @pytest.mark.parametrize("redirection", [">/dev/full", ">&-", "1</dev/null"])
    def test_quickstart_is_told(self, redirection: str) -> None:
        """The next command can't be printed: that is no bug, and no success."""
        done = shell(redirection, "sso", "quickstart", "server1")

        assert done.returncode == 74
        assert is_one_line(done.stderr.splitlines(keepends=True)[-1])
        assert "bug" not in done.stderr

    @pytest.mark.parametrize("option", ["--help", "--version"])
    def test_help_is_told(self, main_with: MainWith, option: str) -> None:
        """Help that can't be printed is an error of one line too."""
        ours = os.dup(1)
        stream = Path("/dev/full").open("w")  # noqa: SIM115 it fails once more as it is closed
        try:
            code, stderr = main_with(stream, option)
        finally:
            with suppress(OSError):
                stream.close()
            os.dup2(ours, 1)
            os.close(ours)

        assert code == 74
        assert is_one_line(stderr)


class TestStdoutWorks:
    """The password is delivered, and set."""

    @pytest.mark.parametrize(
        ("mode", "warned"), [(0o644, True), (0o604, True), (0o640, True), (0o600, False), (0o622, False)]
    )
    def test_file(self, sqlite_server: Server, reset_here: Reset, mode: int, *, warned: bool) -> None:
        """A file gets the line; where others can read it, a warning says what to do."""
        file = Path("result")
        file.touch()
        file.chmod(mode)
        with opened(file, os.O_WRONLY) as stdout:
            code, stderr = reset_here(stdout)

        assert code == 0
        match = LINE.fullmatch(file.read_text())
        assert match
        assert sqlite_server.opens("user1", match["password"])
        assert match["password"] not in stderr
        assert (re.fullmatch("Warning: .+chmod 600.+\n", stderr) is not None) is warned
        assert warned or stderr == ""

    def test_pipe(self, sqlite_server: Server, reset: Reset) -> None:
        """Nobody else can read from a pipe."""
        reading, writing = os.pipe()
        try:
            outcome = reset(writing)
            match = LINE.fullmatch(os.read(reading, 1000).decode())
        finally:
            os.close(reading)
            os.close(writing)

        assert outcome == (0, "")
        assert match
        assert sqlite_server.opens("user1", match["password"])

    @pytest.mark.parametrize(
        ("encoding", "shown"), [("ascii", r"al\xedce"), ("latin-1", "al\u00edce"), ("utf-8", "al\u00edce")]
    )
    def test_encoding(
        self, sqlite_server: Server, monkeypatch: pytest.MonkeyPatch, encoding: str, shown: str
    ) -> None:
        """A name that stdout's encoding lacks is shown escaped, and the password is delivered."""
        insert_user(sqlite_server, 9, "al\u00edce", {})
        monkeypatch.setenv("PYTHONIOENCODING", encoding)
        done = shell("", *RESET, sqlite_server.path, "al\u00edce", encoding=encoding)

        assert (done.returncode, done.stderr) == (0, "")
        match = LINE.fullmatch(done.stdout)
        assert match
        assert match["username"] == shown
        assert sqlite_server.opens("al\u00edce", match["password"])


class TestOtherStreams:
    """What becomes of stdin and stderr is no reason to lose a password."""

    @pytest.mark.parametrize("redirections", ["2>&-", "<&-", "<&- 2>&-", "2>/dev/full", "2</dev/null"])
    def test_password_is_delivered(self, sqlite_server: Server, redirections: str) -> None:
        """With stdin or stderr closed or full, the line is printed, that password set, the exit code 0."""
        done = shell(redirections, *RESET, "--verbose", sqlite_server.path, "user1")

        assert done.returncode == 0
        match = LINE.fullmatch(done.stdout)
        assert match
        assert sqlite_server.opens("user1", match["password"])
        assert sqlite_server.database.run("PRAGMA integrity_check") == [("ok",)]

    @pytest.mark.parametrize("redirections", ["2>&-", "2>/dev/full"])
    def test_exit_code_of_an_error_stays(self, sqlite_server: Server, redirections: str) -> None:
        """An error that nobody can be told of still has its exit code."""
        done = shell(redirections, *RESET, sqlite_server.path, "nobody")

        assert (done.returncode, done.stdout, done.stderr) == (22, "", "")

    def test_no_database_gets_their_numbers(
        self, sqlite_server: Server, invoke: Callable[..., Result]
    ) -> None:
        """A closed stdin is replaced by the null device, so that no file that is opened becomes it."""
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


class TestSay:
    """`say`, whose stderr may be anything."""

    def test_full_stderr_is_dropped(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What stderr does not take is no error."""
        with opened("/dev/full", os.O_WRONLY) as full:
            kept = os.dup(2)
            try:
                stream = TextIOWrapper(FileIO(full, "w", closefd=False), write_through=True)
                monkeypatch.setattr(sys, "stderr", stream)
                print_line("nobody hears this")
                assert os.path.samestat(os.fstat(2), Path(os.devnull).stat())
            finally:
                os.dup2(kept, 2)
                os.close(kept)


class TestLog:
    """`zato.<now>.log`."""

    def test_is_never_written_over(self) -> None:
        """Of two commands at the same instant, the second is refused."""
        with log_to_stderr(verbose=False), execution_log(NOW):
            LOGGER.info("first")
        with pytest.raises(FileNotMadeError), execution_log(NOW):
            pytest.fail("the log was opened again")

        assert Path(f"zato.{STAMP}.log").read_text().endswith(" INFO first\n")

    def test_follows_no_link(self) -> None:
        """A link that somebody has put there leads nowhere."""
        Path(f"zato.{STAMP}.log").symlink_to("victim")
        with pytest.raises(FileNotMadeError), execution_log(NOW):
            pytest.fail("the link was followed")

        assert not Path("victim").exists()

    def test_has_warnings(self, capsys: pytest.CaptureFixture[str]) -> None:
        """A warning goes to stderr and into the log, its control characters escaped in both."""
        with log_to_stderr(verbose=False), execution_log(NOW):
            LOGGER.warning("red \x1b[31m\nflag")

        assert capsys.readouterr().err == "Warning: red \\x1b[31m\\nflag\n"
        assert Path(f"zato.{STAMP}.log").read_text().endswith(" WARNING red \\x1b[31m\\nflag\n")

    def test_full_disk_stops_nothing(self, capsys: pytest.CaptureFixture[str]) -> None:
        """A log that can't be written is no reason to fail once the password is out."""
        with log_to_stderr(verbose=False), size_limit(10), execution_log(NOW):
            LOGGER.info("more than ten bytes")
            LOGGER.info("and more")

        assert Path(f"zato.{STAMP}.log").stat().st_size <= 10
        assert capsys.readouterr().out == ""

    def test_full_disk_still_delivers(self, postgresql: Database, tmp_path: Path) -> None:
        """The command ends well where only its log could not be written."""
        make_tables(postgresql)
        server = quick_server(tmp_path / "server1", postgresql)
        done = limited(10, *RESET, "--store-log", server.path, "user1", stdout=subprocess.PIPE)

        match = LINE.fullmatch(done.stdout)
        assert done.returncode == 0
        assert match
        assert server.opens("user1", match["password"])


class TestStoredArguments:
    """`zato.<now>.config`."""

    def test_is_never_written_over(self) -> None:
        """Of two commands at the same instant, the second is refused."""
        store_arguments("command", {"name": "first"}, now=NOW)
        with pytest.raises(FileNotMadeError):
            store_arguments("command", {"name": "second"}, now=NOW)

        file = Path(f"zato.{STAMP}.config")
        assert file.read_text().endswith("command=command\nname=first\n")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600

    def test_what_it_can_not_keep_is_refused(self) -> None:
        """A path with a line break would be another argument when it is read again."""
        with pytest.raises(FileNotMadeError, match="unprintable"):
            store_arguments("command", {"path": "server1\nusername=user2"}, now=NOW)

        assert list(Path.cwd().iterdir()) == []

    def test_full_disk_is_an_error(self, sqlite_server: Server) -> None:
        """A file that was asked for and can't be written whole stops the command before any change."""
        done = limited(10, *RESET, "--store-config", sqlite_server.path, "user1", stdout=subprocess.PIPE)

        assert (done.returncode, done.stdout) == (73, "")
        assert is_one_line(done.stderr)
        assert sqlite_server.opens("user1", OLD)

    def test_full_disk_is_an_error_here(self) -> None:
        """The same in this process."""
        with size_limit(10), pytest.raises(FileNotMadeError, match="can't be written"):
            store_arguments("command", {"name": "value"}, now=NOW)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user without a name")
    def test_user_may_have_no_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """In a container with any number as its user, that number is written."""
        for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
            monkeypatch.delenv(name, raising=False)
        os.setresuid(54321, -1, -1)
        try:
            store_arguments("command", {}, now=NOW)
        finally:
            os.setresuid(0, -1, -1)

        first = Path(f"zato.{STAMP}.config").read_text().splitlines()[0]
        assert first == f"# {STAMP} - 54321@{socket.gethostname()}"
