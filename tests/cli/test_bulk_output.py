"""`--output-file` of `zato sso reset-user-passwords`."""

import os
import re
import stat
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.conftest import Invoke, error_line, shell
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
    unwarned,
)
from tests.support.servers import Server


def identity(path: Path) -> tuple[int, ...]:
    """Return attributes that change if a file is written to or replaced."""
    status = path.lstat()
    return status.st_ino, status.st_mode, status.st_size, status.st_mtime_ns


class TestOutputFile:
    """The file itself."""

    def test_is_new_and_private(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """The mode does not depend on the umask; stdout stays empty."""
        before = os.umask(0)
        try:
            done = bulk_reset("--all", output=OUT)
        finally:
            os.umask(before)

        assert (done.exit_code, done.stdout, unwarned(done.stderr)) == (
            0,
            "",
            "Done: 4 passwords reset.\n",
        )
        assert stat.S_IMODE(OUT.stat().st_mode) == 0o600
        assert_valid(sqlite_server, OUT.read_text())

    @pytest.mark.parametrize("kind", ["file", "folder", "link", "dangling link", "fifo"])
    def test_is_never_overwritten(self, sqlite_server: Server, bulk_reset: Invoke, kind: str) -> None:
        """An existing file stays as it is, and a link is not followed."""
        existing, victim = Path("existing"), Path("victim")
        if kind == "file":
            existing.write_text("kept")
        elif kind == "folder":
            existing.mkdir()
        elif kind == "fifo":
            os.mkfifo(existing)
        else:
            existing.symlink_to(victim)
            if kind == "link":
                victim.write_text("kept")
        before = identity(existing)
        done = bulk_reset("--all", output=existing)

        words = "`existing` already exists. Use another file, or --resume"
        assert_refused(sqlite_server, done, 73, words)
        assert identity(existing) == before
        assert victim.read_text() == "kept" if kind == "link" else not victim.exists()

    @pytest.mark.parametrize("path", ["no/such/folder", "users.txt/out", "x" * 300])
    def test_impossible_path_is_an_error(self, sqlite_server: Server, bulk_reset: Invoke, path: str) -> None:
        """No user is reset."""
        done = bulk_reset("--users-from", listed("user1"), output=path)

        assert_refused(sqlite_server, done, 73, "can't be created")

    def test_closed_streams_are_not_needed(self, sqlite_server: Server) -> None:
        """No file or connection gets the number of a standard stream."""
        arguments = bulk_arguments(sqlite_server, "--all", "--yes", output=OUT)

        assert shell('exec zato "$@" <&- >&- 2>&-', *arguments).returncode == 0
        assert_valid(sqlite_server, OUT.read_text())


class TestLines:
    """The fields of a line."""

    @pytest.mark.parametrize(
        ("args", "flags"),
        [
            ([], {"user1": False, "changing1": True}),
            (["--must-change", "true"], {"user1": True, "changing1": True}),
            (["--must-change", "false"], {"user1": False, "changing1": False}),
        ],
    )
    def test_must_change_is_the_option_or_unchanged(
        self, sqlite_server: Server, bulk_reset: Invoke, args: list[str], flags: dict[str, bool]
    ) -> None:
        """Without the option, each user's own flag is reported."""
        done = bulk_reset("--users-from", listed("user1", "changing1"), *args)

        assert {record.username: record.must_change for record in records(done.stdout)} == flags
        assert_valid(sqlite_server, done.stdout)

    def test_expiry_is_iso_8601_in_utc(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """--expiry counts from the change of the password."""
        done = bulk_reset("--all", "--expiry", "3")
        [expiry] = {record.password_expiry for record in records(done.stdout)}

        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", expiry)
        for name in APPROVED:
            row = sqlite_server.database.row(name)
            assert as_time(row["password_expiry"]) == datetime.fromisoformat(expiry[:-1])
            assert as_time(row["password_expiry"]) - as_time(row["password_last_set"]) == timedelta(days=3)
        assert_valid(sqlite_server, done.stdout)


class TestStdout:
    """Lines on stdout."""

    @pytest.mark.parametrize(("umask", "warned"), [("022", True), ("077", False)])
    def test_file_that_others_can_read_causes_a_warning(
        self, sqlite_server: Server, umask: str, *, warned: bool
    ) -> None:
        """The warning says what to do."""
        command = f'umask {umask}; exec zato "$@" >{OUT}'
        done = shell(command, *bulk_arguments(sqlite_server, "--all", "--yes"))

        assert done.returncode == 0
        assert (re.search("(?m)^Warning: .+chmod 600", done.stderr) is not None) is warned
        assert_valid(sqlite_server, OUT.read_text())

    @pytest.mark.parametrize("redirection", [">/dev/full", ">&-", "1</dev/null"])
    def test_full_closed_or_read_only_stdout_is_an_error(
        self, sqlite_server: Server, redirection: str
    ) -> None:
        """Rows 4 and 6: no user is reset."""
        command = f'exec zato "$@" {redirection}'

        error_line(shell(command, *bulk_arguments(sqlite_server, "--all", "--yes")), 74)
        assert_all_old(sqlite_server)
