"""`zato sso reset-user-password`: arguments, --verbose and --dry-run.

Single invalid arguments, with their errors, are in tests/faults/test_bad_arguments.py.
"""

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from click.testing import Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cli.conftest import RESET, Invoke, delivered_password, error_line, tables
from tests.support.harms import no_database, no_expiry, no_password_is_taken, nothing
from tests.support.servers import OLD, USERS, Server, insert_user, quick_server

fuzz = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
"""All examples of a test share the server, because none of them changes it."""

TRUE, FALSE = {"true", "yes", "on", "y", "t", "1"}, {"false", "no", "off", "n", "f", "0"}


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Server:
    """Return a server for the tests that change nothing."""
    return quick_server(tmp_path_factory.mktemp("shared") / "server1")


@pytest.fixture
def unchanged(shared_server: Server) -> Iterator[Server]:
    """Return a server, and check after the test that its database was not changed."""
    before = tables(shared_server)
    yield shared_server
    assert tables(shared_server) == before


def stored_days(server: Server, username: str) -> float:
    """Return the number of days between the change of a password and its expiry."""
    row = server.database.row(username)
    lasts = datetime.fromisoformat(row["password_expiry"]) - datetime.fromisoformat(row["password_last_set"])
    return lasts / timedelta(days=1)


def is_usage_error(done: Result) -> bool:
    """Return whether the error is a short line about an invalid value."""
    error = error_line(done, 2)
    return error.startswith("Error: Invalid value for ") and len(error) < 400


class TestReset:
    """The command as a whole."""

    def test_is_found_through_its_entry_point(self, invoke: Invoke) -> None:
        """The group lists it, and its help is available."""
        assert "reset-user-password" in invoke("sso", "--help").stdout
        assert "Reset a user's password to a generated one." in invoke(*RESET, "--help").stdout

    def test_tilde_in_path_is_the_home_directory(
        self, sqlite_server: Server, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As stock does: no shell expands it in a list of arguments; an unknown user's stays as it is."""
        monkeypatch.setenv("HOME", str(sqlite_server.path.parent))
        done = invoke(*RESET, "~/server1", "user1")

        assert (done.exit_code, done.stderr) == (0, "")
        assert sqlite_server.opens("user1", delivered_password(done.stdout))
        assert "`~no-such-user/server1`" in error_line(invoke(*RESET, "~no-such-user/server1", "user1"), 23)

    def test_prints_one_line_and_stores_that_password(self, sqlite_server: Server, invoke: Invoke) -> None:
        """The printed password replaces the old one."""
        done = invoke(*RESET, sqlite_server.path, "user1")

        assert (done.exit_code, done.stderr) == (0, "")
        assert sqlite_server.opens("user1", delivered_password(done.stdout))
        assert not sqlite_server.opens("user1", OLD)

    def test_each_run_generates_another_password(self, sqlite_server: Server, invoke: Invoke) -> None:
        """Three runs print three passwords."""
        assert len({invoke(*RESET, sqlite_server.path, "user1").stdout for _ in range(3)}) == 3

    @pytest.mark.parametrize("username", ["nobody", "pending1", "USER1", "mixedcase"])
    def test_unknown_or_unapproved_user_is_an_error(
        self, unchanged: Server, invoke: Invoke, username: str
    ) -> None:
        """The case of a name matters."""
        error_line(invoke(*RESET, unchanged.path, username), 22)

    def test_path_without_a_server_is_an_error(self, invoke: Invoke, tmp_path: Path) -> None:
        """The error names the path."""
        error = error_line(invoke(*RESET, tmp_path, "user1"), 23)

        assert error.startswith(f"Error: No server found at `{tmp_path}`.")


class TestExpiry:
    """`--expiry`."""

    @pytest.mark.parametrize("option", [["--expiry", "2"], ["--expiry=2"], ["--expiry", "9", "--expiry=2"]])
    def test_is_in_days(self, sqlite_server: Server, invoke: Invoke, option: list[str]) -> None:
        """The password expires that many days after it was set; the last option counts."""
        assert invoke(*RESET, *option, sqlite_server.path, "user1").exit_code == 0
        assert stored_days(sqlite_server, "user1") == 2

    def test_last_day_is_in_the_year_9999(self, sqlite_server: Server, invoke: Invoke) -> None:
        """The last possible day is accepted."""
        last = (datetime(9999, 12, 31, tzinfo=timezone.utc) - datetime.now(timezone.utc)).days

        assert invoke(*RESET, f"--expiry={last}", sqlite_server.path, "user1").exit_code == 0
        assert stored_days(sqlite_server, "user1") == last
        before = tables(sqlite_server)
        done = invoke(*RESET, f"--expiry={last + 2}", sqlite_server.path, "user1")
        assert "beyond the year 9999" in error_line(done, 2)
        assert tables(sqlite_server) == before

    @given(st.text().filter(lambda text: not re.fullmatch("[1-9][0-9]*", text)))
    @fuzz
    def test_any_other_text_is_a_usage_error(self, unchanged: Server, invoke: Invoke, text: str) -> None:
        """Only the ASCII digits of a number of at least 1 are accepted."""
        assert is_usage_error(invoke(*RESET, f"--expiry={text}", unchanged.path, "user1"))


class TestMustChange:
    """`--must-change`."""

    @pytest.mark.parametrize(
        ("words", "expected"), [((*TRUE, "TRUE", " Yes "), 1), ((*FALSE, "False", " nO "), 0)]
    )
    def test_sets_or_clears_the_flag(
        self, sqlite_server: Server, invoke: Invoke, words: tuple[str, ...], expected: int
    ) -> None:
        """Each word changes the opposite value."""
        for word in words:
            sqlite_server.database.run("UPDATE zato_sso_user SET password_must_change = %s", 1 - expected)

            assert invoke(*RESET, "--must-change", word, sqlite_server.path, "user1").exit_code == 0
            assert sqlite_server.database.row("user1")["password_must_change"] == expected

    @pytest.mark.parametrize(("username", "expected"), [("user1", 0), ("changing1", 1)])
    def test_default_leaves_the_flag_unchanged(
        self, sqlite_server: Server, invoke: Invoke, username: str, expected: int
    ) -> None:
        """Either value stays."""
        assert invoke(*RESET, sqlite_server.path, username).exit_code == 0
        assert sqlite_server.database.row(username)["password_must_change"] == expected

    @given(st.text())
    @fuzz
    def test_any_other_text_is_a_usage_error(self, invoke: Invoke, text: str) -> None:
        """Only with one of the twelve words is the server looked for."""
        done = invoke(*RESET, f"--must-change={text}", "no-such-path", "user1")

        assert done.exit_code == 23 if text.strip(" ").lower() in TRUE | FALSE else is_usage_error(done)


class TestUsername:
    """USERNAME."""

    def test_may_have_191_characters(self, sqlite_server: Server, invoke: Invoke) -> None:
        """The width of the column is the limit."""
        username = "\N{LATIN SMALL LETTER E WITH ACUTE}" * 191
        insert_user(sqlite_server, 9, username, {})
        done = invoke(*RESET, sqlite_server.path, username)

        assert (done.exit_code, done.stderr) == (0, "")
        assert f"`{username}`" in done.stdout

    @given(
        st.tuples(
            st.text(max_size=50),
            st.characters(categories=["Cc", "Cs"])
            | st.sampled_from("\u200e\u200f\u202a\u202d\u202e\u2066\u2069"),
            st.text(max_size=50),
        ).map("".join)
    )
    @fuzz
    def test_any_control_character_is_a_usage_error(self, invoke: Invoke, username: str) -> None:
        """Its position in the name does not matter."""
        assert is_usage_error(invoke(*RESET, "--", "no-such-path", username))

    @given(st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=191))
    @fuzz
    def test_any_other_name_is_looked_up(self, unchanged: Server, invoke: Invoke, username: str) -> None:
        """Letters, numbers, punctuation and symbols of any script are accepted."""
        if username not in USERS:
            error_line(invoke(*RESET, "--", unchanged.path, username), 22)


class TestVerbose:
    """`--verbose`."""

    @pytest.mark.parametrize(
        ("option", "expiry"), [([], "730 days, from `"), (["--expiry=2"], "2 days, from --expiry.")]
    )
    def test_prints_the_files_and_settings_used(
        self, sqlite_server: Server, invoke: Invoke, option: list[str], expiry: str
    ) -> None:
        """They go to stderr, with the source of the expiry; stdout is the same as without."""
        done = invoke(*RESET, "--verbose", *option, sqlite_server.path, "user1")

        assert done.exit_code == 0
        assert delivered_password(done.stdout)
        for name in ("secrets.conf", "server.conf", "sso.conf"):
            assert str(sqlite_server.repo / name) in done.stderr
        for text in ("PBKDF2-SHA512, 1000 rounds", expiry, sqlite_server.database.name):
            assert text in done.stderr
        assert all(line.isprintable() for line in done.stderr.split("\n"))


class TestDryRun:
    """`--dry-run`."""

    @pytest.mark.parametrize("output", ["text", "json", "password"])
    def test_changes_and_delivers_nothing(self, server: Server, invoke: Invoke, output: str) -> None:
        """The reset is described on stderr, without a password."""
        before = tables(server)
        done = invoke(
            *(*RESET, "--dry-run", "--verbose", "--output", output, "--output-file", "out"),
            *("--expiry", "9", "--must-change", "yes", "--unlock", "--revoke-access"),
            *(server.path, "MixedCase"),
        )

        assert done.exit_code == 0
        assert tables(server) == before
        assert list(Path.cwd().iterdir()) == []
        would = re.search(
            r"(?m)^Would reset the password of user `MixedCase`: it expires at (.+)Z, "
            r"and must be changed at the next login\. Nothing was changed\.$",
            done.stderr,
        )
        assert would
        left = datetime.fromisoformat(f"{would[1]}+00:00") - datetime.now(timezone.utc)
        assert abs(left - timedelta(days=9)) < timedelta(minutes=1)
        assert not re.search("[A-Za-z0-9_-]{32}", (done.stdout + done.stderr).replace(str(server.path), ""))
        if output != "json":
            assert done.stdout == ""
        else:
            record = json.loads(done.stdout)
            assert list(record) == ["username", "password_expiry", "must_change", "is_locked", "warnings"]
            assert record["password_expiry"] == f"{would[1]}Z"

    def test_options_have_short_names(self, unchanged: Server, invoke: Invoke) -> None:
        """`-v`, `-n` and `-o` may be written as one argument."""
        done = invoke(*RESET, unchanged.path, "user1", "-vno", "json")

        assert (done.exit_code, json.loads(done.stdout)["username"]) == (0, "user1")
        assert "Database: " in done.stderr
        assert "Nothing was changed." in done.stderr

    def test_reports_the_unchanged_flag_and_warnings(self, sqlite_server: Server, invoke: Invoke) -> None:
        """Without --must-change, the user's flag is reported."""
        changing = invoke(*RESET, "--dry-run", sqlite_server.path, "changing1").stderr
        locked = invoke(*RESET, "--dry-run", sqlite_server.path, "locked1").stderr

        assert "and must be changed at the next login." in changing
        assert "and need not be changed at the next login." in locked
        assert locked.splitlines()[1].startswith("Warning: The user is locked")

    @pytest.mark.parametrize(
        ("harm", "arguments"),
        [
            (nothing, ("PATH", "nobody")),
            (nothing, ("PATH", "pending1")),
            (nothing, ("no-such", "user1")),
            (nothing, ("PATH", "user1", "--expiry", "9999999")),
            (no_password_is_taken, ("PATH", "user1")),
            (no_database, ("PATH", "user1")),
            (no_expiry, ("PATH", "user1")),
        ],
    )
    def test_fails_as_the_reset_would(
        self,
        sqlite_server: Server,
        invoke: Invoke,
        harm: Callable[[Server], None],
        arguments: tuple[str, ...],
    ) -> None:
        """The exit code and the error are the same."""
        harm(sqlite_server)
        argv = [*RESET, *(str(sqlite_server.path) if each == "PATH" else each for each in arguments)]
        tried, done = invoke(*argv, "--dry-run"), invoke(*argv)

        assert done.exit_code != 0
        assert error_line(tried, done.exit_code) == done.stderr

    def test_is_logged_and_stored_as_one(self, sqlite_server: Server, invoke: Invoke) -> None:
        """The log says that nothing was changed; the stored arguments are a dry run again."""
        done = invoke(*RESET, "--dry-run", "--store-log", "--store-config", sqlite_server.path, "user1")
        [log] = Path.cwd().glob("*.log")
        [config] = Path.cwd().glob("*.config")

        assert "dry_run=True\n" in config.read_text()
        assert done.stderr.startswith(f"Log: ./{log.name}\nWould reset ")
        assert log.read_text().endswith(f" NOTICE {done.stderr.splitlines()[1]}\n")
        assert "has the new password" not in log.read_text()
