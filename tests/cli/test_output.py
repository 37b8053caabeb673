"""`--output` and `--output-file`: the format and the destination of a result."""

import json
import os
import re
import stat
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.conftest import RESET, Invoke, delivered_password, error_line, shell, tables
from tests.support.bulk import as_time, unwarned
from tests.support.limits import without_privileges
from tests.support.servers import OLD, Server, insert_user

JSON = ("--output", "json")

OUT = Path("out")


class TestJson:
    """`--output json`."""

    def test_has_the_values_in_the_database(self, server: Server, invoke: Invoke) -> None:
        """One line on stdout is an object with the account's new state."""
        done = invoke(*RESET, *JSON, "--expiry", "99", "--must-change", "no", server.path, "locked1")

        assert done.exit_code == 0
        assert re.fullmatch(r"\{.*\}\n", done.stdout)
        account = json.loads(done.stdout)
        row = server.database.row("locked1")
        expiry = datetime.fromisoformat(account["password_expiry"].removesuffix("Z"))
        assert account == {
            "username": "locked1",
            "password": account["password"],
            "password_expiry": f"{expiry.isoformat(timespec='microseconds')}Z",
            "must_change": bool(row["password_must_change"]),
            "is_locked": bool(row["is_locked"]),
            "warnings": ["The user is locked and can't log in. Use --unlock to unlock the account."],
        }
        # MySQL stores whole seconds.
        assert abs(as_time(row["password_expiry"]) - expiry) < timedelta(seconds=1)
        assert server.opens("locked1", account["password"])
        assert done.stderr == f"Warning: {account['warnings'][0]}\n"

    @pytest.mark.parametrize(
        ("username", "must_change"), [("user1", False), ("changing1", True), ("al\u00edce", False)]
    )
    def test_has_the_unchanged_flags_of_the_user(
        self, sqlite_server: Server, invoke: Invoke, username: str, *, must_change: bool
    ) -> None:
        """The text is ASCII, and the keys have a fixed order."""
        insert_user(sqlite_server, 9, "al\u00edce", {})
        done = invoke(*RESET, *JSON, sqlite_server.path, username)

        assert (done.exit_code, unwarned(done.stderr)) == (0, "")
        assert done.stdout.isascii()
        account = json.loads(done.stdout)
        keys = ["username", "password", "password_expiry", "must_change", "is_locked", "warnings"]
        assert list(account) == keys
        assert account["username"] == username
        assert (account["must_change"], account["is_locked"]) == (must_change, False)
        assert len(account["warnings"]) == must_change

    def test_another_program_can_parse_it(self, sqlite_server: Server) -> None:
        """Python's own parser reads it from a pipe."""
        command = 'zato sso reset-user-password "$1" user1 --output json | python -m json.tool'
        done = shell(command, sqlite_server.path)

        assert (done.returncode, done.stderr) == (0, "")
        assert sqlite_server.opens("user1", json.loads(done.stdout)["password"])


class TestPassword:
    """`--output password`."""

    def test_stdout_has_only_the_password(self, sqlite_server: Server, invoke: Invoke) -> None:
        """The password and a line end are all."""
        done = invoke(*RESET, "--output", "password", sqlite_server.path, "user1")

        assert (done.exit_code, done.stderr) == (0, "")
        assert re.fullmatch("[A-Za-z0-9_-]{32}\n", done.stdout)
        assert sqlite_server.opens("user1", done.stdout[:-1])

    def test_a_shell_can_read_it(self, sqlite_server: Server) -> None:
        """A variable holds it without anything to cut off."""
        read = '{ IFS= read -r password; printf %s "$password"; }'
        done = shell(
            f'zato sso reset-user-password "$1" user1 --output password | {read}', sqlite_server.path
        )

        assert (done.returncode, done.stderr) == (0, "")
        assert sqlite_server.opens("user1", done.stdout)


class TestText:
    """`--output text`."""

    @pytest.mark.parametrize("option", [(), ("--output", "text"), (*JSON, "--output=text")])
    def test_is_the_default(self, sqlite_server: Server, invoke: Invoke, option: tuple[str, ...]) -> None:
        """The line is the stock command's; the last option counts."""
        done = invoke(*RESET, *option, sqlite_server.path, "user1")

        password = delivered_password(done.stdout)
        assert (done.exit_code, done.stderr) == (0, "")
        assert done.stdout == f"Password for user `user1` reset to `{password}`\n"

    @pytest.mark.parametrize("output", ["yaml", "", "JSON"])
    def test_other_formats_are_usage_errors(self, sqlite_server: Server, invoke: Invoke, output: str) -> None:
        """Only the three names are accepted."""
        done = invoke(*RESET, "--output", output, sqlite_server.path, "user1")

        assert error_line(done, 2).startswith("Error: Invalid value for '-o' / '--output': ")
        assert sqlite_server.opens("user1", OLD)


class TestOutputFile:
    """`--output-file`."""

    @pytest.mark.parametrize("umask", [0, 0o077])
    def test_only_the_owner_can_read_it(self, sqlite_server: Server, invoke: Invoke, umask: int) -> None:
        """The mode does not depend on the umask; stdout stays empty."""
        before = os.umask(umask)
        try:
            done = invoke(*RESET, "--output-file", OUT, sqlite_server.path, "user1")
        finally:
            os.umask(before)

        assert (done.exit_code, done.stdout, done.stderr) == (0, "", "The result is in `out`.\n")
        assert stat.S_IMODE(OUT.stat().st_mode) == 0o600
        assert sqlite_server.opens("user1", delivered_password(OUT.read_text()))
        assert list(Path.cwd().iterdir()) == [OUT.absolute()]

    @pytest.mark.parametrize(
        ("output", "pattern"),
        [
            ("text", r"Password for user `al\u00edce` reset to `(.{32})`\n"),
            ("json", r'\{"username": "al\\u00edce", "password": "(.{32})", .*\}\n'),
            ("password", "(.{32})\n"),
        ],
    )
    def test_has_the_same_line_as_stdout(
        self, sqlite_server: Server, invoke: Invoke, output: str, pattern: str
    ) -> None:
        """Each format is the same in both."""
        insert_user(sqlite_server, 9, "al\u00edce", {})
        argv = [*RESET, "--output", output, sqlite_server.path, "al\u00edce"]
        printed = invoke(*argv).stdout
        assert invoke(*argv, "--output-file", OUT).exit_code == 0

        assert re.fullmatch(pattern, printed)
        match = re.fullmatch(pattern, OUT.read_text("utf-8"))
        assert match
        assert sqlite_server.opens("al\u00edce", match[1])

    @pytest.mark.parametrize(
        ("path", "reason"),
        [
            *(
                (path, "already exists")
                for path in ("other", "symlink", "dangling", "folder", "/dev/full", "")
            ),
            *((path, "its folder is missing") for path in ("no-such/out", "other/out")),
        ],
    )
    @pytest.mark.parametrize("dry_run", [(), ("--dry-run",)])
    def test_existing_or_impossible_path_is_an_error(
        self, sqlite_server: Server, invoke: Invoke, path: str, reason: str, dry_run: tuple[str, ...]
    ) -> None:
        """An existing file is neither written to nor followed, and nothing is changed."""
        other = Path("other")
        other.write_text("precious")
        Path("symlink").symlink_to(other)
        Path("dangling").symlink_to("nowhere")
        Path("folder").mkdir()
        before, files = tables(sqlite_server), sorted(Path.cwd().iterdir())
        done = invoke(*RESET, *dry_run, f"--output-file={path}", sqlite_server.path, "user1")

        assert re.fullmatch(f"Error: `.+` .*{reason}.+\n", error_line(done, 73))
        assert tables(sqlite_server) == before
        assert sorted(Path.cwd().iterdir()) == files
        assert other.read_text() == "precious"

    def test_name_that_is_too_long_is_an_error(self, sqlite_server: Server, invoke: Invoke) -> None:
        """An error of the creation itself comes before the change."""
        done = invoke(*RESET, "--output-file", "x" * 300, sqlite_server.path, "user1")

        assert "` can't be created: File name too long." in error_line(done, 73)
        assert sqlite_server.opens("user1", OLD)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user without rights")
    def test_unwritable_folder_is_an_error(self, invoke: Invoke) -> None:
        """The folder is checked before the server is read."""
        with without_privileges():
            done = invoke(*RESET, "--output-file", "/etc/out", "no-such-path", "user1")

        assert "may not be written to" in error_line(done, 73)

    def test_closed_stdout_is_not_needed(self, sqlite_server: Server) -> None:
        """No connection gets its number."""
        done = shell('zato sso reset-user-password "$1" user1 --output-file out <&- >&-', sqlite_server.path)

        assert (done.returncode, done.stderr) == (0, "The result is in `out`.\n")
        assert sqlite_server.opens("user1", delivered_password(OUT.read_text()))

    def test_hyphen_is_stdout(self, sqlite_server: Server, invoke: Invoke) -> None:
        """`-` creates no file of that name."""
        done = invoke(*RESET, "--output-file", "-", sqlite_server.path, "user1")

        assert delivered_password(done.stdout)
        assert list(Path.cwd().iterdir()) == []

    def test_error_leaves_no_file(self, sqlite_server: Server, invoke: Invoke) -> None:
        """A refused reset creates none."""
        error_line(invoke(*RESET, "--output-file", OUT, sqlite_server.path, "nobody"), 22)

        assert not OUT.exists()
