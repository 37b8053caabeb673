"""The files of `--store-log` and `--store-config`."""

import getpass
import os
import re
import socket
import stat
import subprocess
from contextlib import AbstractContextManager
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tests.cli.conftest import RESET, Invoke, Process, delivered_password, error_line, tables
from tests.cli.test_streams import limited
from tests.support.databases import Database, make_tables
from tests.support.limits import in_no_directory, size_limit
from tests.support.servers import OLD, Server, quick_server
from zato_sso_reset.cli.report import execution_log, log_to_stderr, logger, store_arguments
from zato_sso_reset.errors import FileNotMadeError

NOW = datetime(2026, 1, 2, 3, 4, 5, 6)  # noqa: DTZ001 Zato's times are naive

STAMP = "2026_01_02T03_04_05_000006"

LOG, CONFIG = Path(f"zato.{STAMP}.log"), Path(f"zato.{STAMP}.config")

ALL = ("--store-log", "--store-config", "--verbose")


@pytest.fixture
def quiet() -> AbstractContextManager[None]:
    """Print notices and warnings to stderr, as a command does without --verbose."""
    return log_to_stderr(verbose=False)


def stored(suffix: str) -> Path:
    """Return the only file with a suffix in the current directory."""
    [file] = Path.cwd().glob(f"zato.*.{suffix}")
    return file


class TestBoth:
    """Both kinds of file."""

    @pytest.mark.parametrize("suffix", ["log", "config"])
    def test_name_has_the_time_and_only_the_owner_can_read_it(
        self, sqlite_server: Server, invoke: Invoke, suffix: str
    ) -> None:
        """The time is UTC; the mode does not depend on the umask."""
        before = os.umask(0)
        try:
            assert invoke(*RESET, f"--store-{suffix}", sqlite_server.path, "user1").exit_code == 0
        finally:
            os.umask(before)

        [file] = Path.cwd().iterdir()
        match = re.fullmatch(rf"zato\.(\d{{4}}_\d\d_\d\dT\d\d_\d\d_\d\d_\d{{6}})\.{suffix}", file.name)
        assert match
        created = datetime.strptime(f"{match[1]}+0000", "%Y_%m_%dT%H_%M_%S_%f%z")
        assert abs(datetime.now(timezone.utc) - created) < timedelta(minutes=1)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600

    def test_no_file_without_the_options(self, sqlite_server: Server, invoke: Invoke) -> None:
        """--verbose creates no file."""
        invoke(*RESET, "--verbose", sqlite_server.path, "user1")

        assert list(Path.cwd().iterdir()) == []

    @pytest.mark.parametrize("username", ["user1", "nobody"])
    def test_no_secret_is_in_any_file_or_on_stderr(
        self, sqlite_server: Server, process: Process, tmp_path: Path, username: str
    ) -> None:
        """Neither the password, nor a hash, nor the key."""
        before = sqlite_server.database.row("user1")["password"]
        done = process(*RESET, *ALL, sqlite_server.path, username)
        after = sqlite_server.database.row("user1")["password"]

        passwords = [delivered_password(done.stdout)] if done.stdout else []
        assert (done.returncode, len(passwords)) == ((0, 1) if username == "user1" else (22, 0))
        texts = [done.stderr, *(file.read_text() for file in Path.cwd().iterdir())]
        assert len(texts) == 3
        hashes = [Fernet(sqlite_server.key).decrypt(token).decode() for token in (before, after)]
        for secret in (before, after, *hashes, *passwords, OLD, sqlite_server.key):
            assert not any(secret in text for text in texts)
        for file in (file for file in tmp_path.rglob("*") if file.is_file()):
            assert not any(password.encode() in file.read_bytes() for password in passwords)

    @pytest.fixture
    def unwritable(self, tmp_path: Path) -> Path:
        """Return a directory in which even root can't create a file."""
        if os.geteuid() == 0:
            return Path("/proc")
        folder = tmp_path / "unwritable"
        folder.mkdir(mode=0o555)
        return folder

    @pytest.mark.parametrize("option", ["--store-log", "--store-config"])
    def test_unwritable_directory_is_an_error(
        self, sqlite_server: Server, process: Process, unwritable: Path, option: str
    ) -> None:
        """Without the requested file, nothing is changed."""
        before = tables(sqlite_server)
        error_line(process(*RESET, option, sqlite_server.path, "user1", cwd=unwritable), 73)

        assert tables(sqlite_server) == before

    @pytest.mark.parametrize("option", ["--store-log", "--store-config"])
    @pytest.mark.parametrize("absolute", [True, False])
    def test_removed_directory_is_an_error(
        self,
        sqlite_server: Server,
        invoke: Invoke,
        monkeypatch: pytest.MonkeyPatch,
        option: str,
        *,
        absolute: bool,
    ) -> None:
        """A current directory that no longer exists holds no files."""
        with in_no_directory(monkeypatch):
            done = invoke(*RESET, option, sqlite_server.path if absolute else "server1", "user1")

        error_line(done, 73)
        assert sqlite_server.opens("user1", OLD)


class TestLog:
    """`zato.<now>.log`."""

    def test_has_the_lines_of_verbose(self, sqlite_server: Server, invoke: Invoke) -> None:
        """Each line has a time and a level, and is there with or without --verbose."""
        verbose = invoke(*RESET, "--verbose", sqlite_server.path, "user1").stderr.splitlines()
        done = invoke(*RESET, "--store-log", sqlite_server.path, "user1")

        assert done.stderr == f"Log: ./{stored('log').name}\n"
        lines = [line.split(" ", maxsplit=2) for line in stored("log").read_text().splitlines()]
        expected = [("NOTICE", done.stderr[:-1]), *(("INFO", text) for text in verbose)]
        assert [(level, text) for _, level, text in lines] == expected
        assert all(datetime.fromisoformat(time).tzinfo for time, _, _ in lines)

    def test_ends_with_the_error(self, sqlite_server: Server, invoke: Invoke) -> None:
        """The error that ends the command is the last line, as on stderr."""
        error = error_line(invoke(*RESET, "--store-log", sqlite_server.path, "nobody"), 22)

        last = stored("log").read_text().splitlines()[-1]
        assert last.split(" ", maxsplit=1)[1] == error.rstrip("\n").replace("Error: ", "ERROR ")

    @pytest.mark.parametrize("kind", ["file", "link"])
    def test_is_never_overwritten(self, kind: str) -> None:
        """An existing file stays as it is, and a link is not followed."""
        if kind == "file":
            LOG.write_text("kept")
        else:
            LOG.symlink_to("victim")
        with pytest.raises(FileNotMadeError), execution_log(NOW):
            pytest.fail("the file was opened")

        assert [path.name for path in Path.cwd().iterdir()] == [LOG.name]
        assert kind == "link" or LOG.read_text() == "kept"

    def test_has_warnings(
        self, capsys: pytest.CaptureFixture[str], quiet: AbstractContextManager[None]
    ) -> None:
        """A warning goes to stderr and to the log, with control characters escaped in both."""
        with quiet, execution_log(NOW):
            logger.warning("red \x1b[31m\nflag")

        assert capsys.readouterr().err == f"Log: ./{LOG}\nWarning: red \\x1b[31m\\nflag\n"
        assert LOG.read_text().endswith(" WARNING red \\x1b[31m\\nflag\n")

    def test_full_disk_is_ignored(
        self, capsys: pytest.CaptureFixture[str], quiet: AbstractContextManager[None]
    ) -> None:
        """A log that can't be written is no reason to fail."""
        with quiet, size_limit(10), execution_log(NOW):
            logger.info("more than ten bytes")
            logger.info("and more")

        assert LOG.stat().st_size <= 10
        assert capsys.readouterr() == ("", f"Log: ./{LOG}\n")

    def test_full_disk_does_not_prevent_a_reset(self, postgresql: Database, tmp_path: Path) -> None:
        """The command succeeds if only its log can't be written."""
        make_tables(postgresql)
        server = quick_server(tmp_path / "server1", postgresql)
        done = limited(10, *RESET, "--store-log", server.path, "user1")

        assert done.returncode == 0
        assert server.opens("user1", delivered_password(done.stdout))


class TestStoredArguments:
    """`zato.<now>.config`."""

    def test_has_the_given_arguments(
        self, sqlite_server: Server, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A comment has the time and the operator; the arguments follow, False among them."""
        monkeypatch.chdir(sqlite_server.path.parent)
        options = [*ALL, "--expiry", "5", "--must-change", "no"]
        assert invoke(*RESET, *options, "server1", "changing1").exit_code == 0

        file = stored("config")
        comment, *lines = file.read_text().splitlines()
        stamp = file.name.removeprefix("zato.").removesuffix(".config")
        assert comment == f"# {stamp} - {getpass.getuser()}@{socket.gethostname()}"
        assert sorted(lines) == [
            *("command=sso_reset_user_password", "expiry=5", "must_change=False"),
            *(f"path={sqlite_server.path}", "store_config=True", "store_log=True"),
            *("username=changing1", "verbose=True"),
        ]

    def test_has_no_argument_that_was_not_given(self, sqlite_server: Server, invoke: Invoke) -> None:
        """Options with their default values are left out."""
        invoke(*RESET, "--store-config", sqlite_server.path, "user1")

        assert sorted(stored("config").read_text().splitlines()[1:]) == [
            *("command=sso_reset_user_password", f"path={sqlite_server.path}"),
            *("store_config=True", "username=user1"),
        ]

    def test_is_never_overwritten(self) -> None:
        """Of two commands at the same time, the second is refused."""
        store_arguments("command", {"name": "first"}, now=NOW)
        with pytest.raises(FileNotMadeError):
            store_arguments("command", {"name": "second"}, now=NOW)

        assert CONFIG.read_text().endswith("command=command\nname=first\n")

    @pytest.mark.parametrize("name", ["a\nusername=user2", "a\udcff"])
    def test_unprintable_argument_is_an_error(self, invoke: Invoke, name: str) -> None:
        """A line break would begin another argument when the file is read again."""
        assert "unprintable" in error_line(invoke(*RESET, "--store-config", name, "user1"), 73)
        assert list(Path.cwd().iterdir()) == []

    def test_full_disk_is_an_error(self, sqlite_server: Server) -> None:
        """A requested file that can't be written stops the command before any change."""
        done = limited(10, *RESET, "--store-config", sqlite_server.path, "user1", stdout=subprocess.PIPE)

        error_line(done, 73)
        assert sqlite_server.opens("user1", OLD)
        with size_limit(10), pytest.raises(FileNotMadeError, match="can't be written to"):
            store_arguments("command", {"name": "value"}, now=NOW)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user without a name")
    def test_user_without_a_name_is_written_as_a_number(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A container may run as any user id."""
        for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
            monkeypatch.delenv(name, raising=False)
        os.setresuid(54321, -1, -1)
        try:
            store_arguments("command", {}, now=NOW)
        finally:
            os.setresuid(0, -1, -1)

        assert CONFIG.read_text().splitlines()[0] == f"# {STAMP} - 54321@{socket.gethostname()}"
