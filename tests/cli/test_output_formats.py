"""`--output`: the formats of a result."""

import json
import re
from datetime import datetime, timedelta

import pytest

from tests.cli.conftest import RESET, Invoke, delivered_password, error_line, shell
from tests.support.bulk import as_time
from tests.support.servers import OLD, Server, insert_user

JSON = ("--output", "json")


class TestJson:
    """`--output json`."""

    def test_has_the_values_in_the_database(self, server: Server, invoke: Invoke) -> None:
        """One line on stdout is an object with the account's new state."""
        done = invoke(*RESET, *JSON, "--expiry", "99", "--must-change", "yes", server.path, "locked1")

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

        assert (done.exit_code, done.stderr) == (0, "")
        assert done.stdout.isascii()
        account = json.loads(done.stdout)
        keys = ["username", "password", "password_expiry", "must_change", "is_locked", "warnings"]
        assert list(account) == keys
        assert account["username"] == username
        assert (account["must_change"], account["is_locked"], account["warnings"]) == (must_change, False, [])

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

        assert error_line(done, 2).startswith("Error: Invalid value for '--output': ")
        assert sqlite_server.opens("user1", OLD)
