"""`--output`: the formats of a result."""

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from click.testing import Result

from tests.cli.conftest import shell
from tests.support.servers import LINE, OLD, Server, insert_user

Invoke = Callable[..., Result]

RESET = ("sso", "reset-user-password")

JSON = ("--output", "json")


class TestJSON:
    """`--output json`, where all is well."""

    def test_is_what_the_database_has(self, server: Server, invoke: Invoke) -> None:
        """One line, alone on stdout, is an object of the account as it is now."""
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
        # MySQL keeps whole seconds.
        assert abs(datetime.fromisoformat(str(row["password_expiry"])) - expiry) < timedelta(seconds=1)
        assert server.opens("locked1", account["password"])
        assert done.stderr == f"Warning: {account['warnings'][0]}\n"

    @pytest.mark.parametrize(
        ("username", "must_change"), [("user1", False), ("changing1", True), ("al\u00edce", False)]
    )
    def test_flags_are_those_of_the_user(
        self, sqlite_server: Server, invoke: Invoke, username: str, *, must_change: bool
    ) -> None:
        """What was not asked for is told as it is; there is nothing to warn of; all of it is ASCII."""
        insert_user(sqlite_server, 9, "al\u00edce", {})
        done = invoke(*RESET, *JSON, sqlite_server.path, username)

        assert (done.exit_code, done.stderr) == (0, "")
        assert done.stdout.isascii()
        account = json.loads(done.stdout)
        assert list(account) == [
            "username",
            "password",
            "password_expiry",
            "must_change",
            "is_locked",
            "warnings",
        ]
        assert account["username"] == username
        assert (account["must_change"], account["is_locked"], account["warnings"]) == (must_change, False, [])

    def test_other_programs_read_it(self, sqlite_server: Server) -> None:
        """A pipe into Python's own reader of JSON works."""
        done = shell(
            'zato sso reset-user-password "$0" user1 --output json | python -m json.tool', sqlite_server
        )

        assert (done.returncode, done.stderr) == (0, "")
        assert sqlite_server.opens("user1", json.loads(done.stdout)["password"])


class TestPassword:
    """`--output password`."""

    def test_is_alone(self, sqlite_server: Server, invoke: Invoke) -> None:
        """The password and the end of its line are all that is on stdout."""
        done = invoke(*RESET, "--output", "password", sqlite_server.path, "user1")

        assert (done.exit_code, done.stderr) == (0, "")
        assert re.fullmatch("[A-Za-z0-9_-]{32}\n", done.stdout)
        assert sqlite_server.opens("user1", done.stdout[:-1])

    def test_other_programs_read_it(self, sqlite_server: Server) -> None:
        """A shell has it in a variable, without anything to cut off."""
        done = shell(
            'zato sso reset-user-password "$0" user1 --output password | '
            '{ IFS= read -r password; printf %s "$password"; }',
            sqlite_server,
        )

        assert (done.returncode, done.stderr) == (0, "")
        assert sqlite_server.opens("user1", done.stdout)


class TestText:
    """`--output text`."""

    @pytest.mark.parametrize("option", [(), ("--output", "text"), (*JSON, "--output=text")])
    def test_is_what_there_is_without_it(
        self, sqlite_server: Server, invoke: Invoke, option: tuple[str, ...]
    ) -> None:
        """The line is the stock command's; the last option counts."""
        done = invoke(*RESET, *option, sqlite_server.path, "user1")

        match = LINE.fullmatch(done.stdout)
        assert (done.exit_code, done.stderr) == (0, "")
        assert match
        assert done.stdout == f"Password for user `user1` reset to `{match['password']}`\n"

    @pytest.mark.parametrize("output", ["yaml", "", "JSON"])
    def test_others_are_refused(self, sqlite_server: Server, invoke: Invoke, output: str) -> None:
        """There are three, by these names."""
        done = invoke(*RESET, "--output", output, sqlite_server.path, "user1")

        assert (done.exit_code, done.stdout) == (2, "")
        assert re.fullmatch("Error: Invalid value for '--output': .+\n", done.stderr)
        assert sqlite_server.opens("user1", OLD)
