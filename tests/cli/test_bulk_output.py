"""Where the lines of `zato sso reset-user-passwords` go."""

import os
import re
import stat
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result

from tests.conftest import ZATO
from tests.support.bulk import (
    APPROVED,
    OUT,
    as_time,
    assert_all_old,
    assert_refused,
    assert_valid,
    bulk_arguments,
    listed,
    records,
)
from tests.support.servers import Server

Invoke = Callable[..., Result]


def identity(path: Path) -> tuple[int, ...]:
    """Return what changes where a file is written to or replaced."""
    status = path.lstat()
    return status.st_ino, status.st_mode, status.st_size, status.st_mtime_ns


class TestOutputFile:
    """`--output-file`, and what goes there."""

    def test_is_new_and_private(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """Even without a umask its owner alone can read it; stdout stays empty."""
        before = os.umask(0)
        try:
            done = bulk_reset("--all", output=OUT)
        finally:
            os.umask(before)

        assert (done.exit_code, done.stdout, done.stderr) == (0, "", "Reset the passwords of 4 user(s).\n")
        assert stat.S_IMODE(OUT.stat().st_mode) == 0o600
        assert_valid(sqlite_server, OUT.read_text())

    @pytest.mark.parametrize("make", ["file", "folder", "link", "dangling link", "fifo"])
    def test_is_never_written_over(self, sqlite_server: Server, bulk_reset: Invoke, make: str) -> None:
        """Whatever has the name already stays as it is, and leads nowhere."""
        there = Path("there")
        if make == "file":
            there.write_text("kept")
        elif make == "folder":
            there.mkdir()
        elif make == "fifo":
            os.mkfifo(there)
        else:
            there.symlink_to("victim")
            if make == "link":
                Path("victim").write_text("kept")
        before = identity(there)
        done = bulk_reset("--all", output=there)

        assert_refused(sqlite_server, done, 73, "`there` already exists. Use another file, or --resume")
        assert identity(there) == before
        assert make != "link" or Path("victim").read_text() == "kept"
        assert make == "link" or not Path("victim").exists()

    @pytest.mark.parametrize("path", ["no/such/folder", "users.txt/out", "x" * 300])
    def test_can_not_be_made(self, sqlite_server: Server, bulk_reset: Invoke, path: str) -> None:
        """Where it can't be made, nobody is reset."""
        assert_refused(
            sqlite_server, bulk_reset("--users-from", listed("user1"), output=path), 73, "can't be created"
        )

    @pytest.mark.parametrize(
        ("args", "flags"),
        [
            ([], {"user1": False, "changing1": True}),
            (["--must-change", "true"], {"user1": True, "changing1": True}),
            (["--must-change", "false"], {"user1": False, "changing1": False}),
        ],
    )
    def test_tells_must_change_as_it_stands(
        self, sqlite_server: Server, bulk_reset: Invoke, args: list[str], flags: dict[str, bool]
    ) -> None:
        """It is what the option says, or what the user had."""
        done = bulk_reset("--users-from", listed("user1", "changing1"), *args)

        assert {record.username: record.must_change for record in records(done.stdout)} == flags
        assert_valid(sqlite_server, done.stdout)

    def test_tells_when_the_password_expires(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """In ISO 8601 of UTC, so many days after it was set."""
        done = bulk_reset("--all", "--expiry", "3")
        (expiry,) = {record.password_expiry for record in records(done.stdout)}

        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", expiry)
        for name in APPROVED:
            row = sqlite_server.database.row(name)
            assert as_time(row["password_expiry"]) == datetime.fromisoformat(expiry[:-1])
            assert as_time(row["password_expiry"]) - as_time(row["password_last_set"]) == timedelta(days=3)
        assert_valid(sqlite_server, done.stdout)

    @pytest.mark.parametrize(("mode", "warned"), [(0o644, True), (0o600, False)])
    def test_warns_of_a_file_that_others_can_read(
        self, sqlite_server: Server, mode: int, *, warned: bool
    ) -> None:
        """Where stdout is such a file, a warning says what to do."""
        OUT.touch()
        OUT.chmod(mode)
        argv = [str(ZATO), *bulk_arguments(sqlite_server, "--all", "--yes")]
        with OUT.open("w") as stdout:
            done = subprocess.run(argv, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False)

        assert done.returncode == 0
        assert (re.search("^Warning: .+chmod 600", done.stderr, re.MULTILINE) is not None) is warned
        assert_valid(sqlite_server, OUT.read_text())

    @pytest.mark.parametrize("redirection", [">/dev/full", ">&-", "1</dev/null"])
    def test_stdout_fails(self, sqlite_server: Server, redirection: str) -> None:
        """A stdout that takes nothing ends the run with 74 and nobody reset."""
        argv = [str(ZATO), *bulk_arguments(sqlite_server, "--all", "--yes")]
        done = subprocess.run(
            ["/bin/sh", "-c", f'exec "$0" "$@" {redirection}', *argv],
            capture_output=True,
            text=True,
            check=False,
        )

        assert (done.returncode, done.stdout) == (74, "")
        assert re.fullmatch("Error: .+\n", done.stderr)
        assert_all_old(sqlite_server)

    def test_stdout_is_not_needed_for_a_file(self, sqlite_server: Server) -> None:
        """With every stream closed, no file of ours gets the number of one, and the file gets its lines."""
        argv = [str(ZATO), *bulk_arguments(sqlite_server, "--all", "--yes", output=OUT)]
        done = subprocess.run(["/bin/sh", "-c", 'exec "$0" "$@" <&- >&- 2>&-', *argv], check=False)

        assert done.returncode == 0
        assert_valid(sqlite_server, OUT.read_text())
