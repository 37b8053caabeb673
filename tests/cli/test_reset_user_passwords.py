"""`zato sso reset-user-passwords`: options, batches, dry runs and logs."""

import re
import stat
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Invoke, error_line, shell
from tests.support.bulk import (
    OUT,
    RESET,
    all_rows,
    assert_refused,
    assert_valid,
    bulk_arguments,
    listed,
    names,
    records,
    unwarned,
)
from tests.support.servers import Server, insert_users
from zato_sso_reset.host.program import zato
from zato_sso_reset.services import bulk_reset as bulk
from zato_sso_reset.services import selection


class TestUsage:
    """Usage errors."""

    @pytest.mark.parametrize(
        "args",
        [
            [],
            ["--all", "--users-from", "users.txt"],
            ["--users-from", "users.txt", "--exclude", "user1"],
            ["--all", "--exclude", ""],
            ["--all", "--exclude", "a\x1b[31m"],
            ["--all", "--resume", "--output-file", "-"],
            ["--all", "--jobs", "0"],
            ["--all", "--jobs", "1025"],
            ["--all", "--jobs", "two"],
            ["--all", "--expiry", "0"],
            ["--all", "--expiry", "2932898"],
            ["--all", "--must-change", "maybe"],
            ["--users-from", "no-such\x1bfile"],
            ["--users-from", "."],
        ],
    )
    def test_invalid_options_are_usage_errors(
        self, sqlite_server: Server, invoke: Invoke, args: list[str]
    ) -> None:
        """Nothing is changed or created."""
        listed("user1")
        done = invoke(*bulk_arguments(sqlite_server, "--yes", *args, output=OUT))

        assert_refused(sqlite_server, done, 2)

    def test_output_file_is_required(self, sqlite_server: Server, invoke: Invoke) -> None:
        """Passwords go to a terminal only on request."""
        done = invoke(*RESET, sqlite_server.path, "--yes", "--all")

        assert_refused(sqlite_server, done, 2, "--output-file")

    @pytest.mark.parametrize("args", [["--all"], ["--users-from", "-"]])
    def test_confirmation_needs_a_terminal(
        self, sqlite_server: Server, invoke: Invoke, args: list[str]
    ) -> None:
        """Without a terminal, --yes is required."""
        done = invoke(*bulk_arguments(sqlite_server, *args, output=OUT), input="user1\n")

        assert_refused(sqlite_server, done, 2, "Add --yes.")

    def test_closed_stdin_is_a_usage_error(
        self, monkeypatch: pytest.MonkeyPatch, sqlite_server: Server
    ) -> None:
        """Python has no stream then."""
        arguments = bulk_arguments(sqlite_server, "--users-from", "-", "--yes", output=OUT)
        assert "stdin is closed" in error_line(shell('exec zato "$@" <&-', *arguments), 2)

        monkeypatch.setattr(sys, "stdin", None)
        with pytest.raises(SystemExit) as ended:
            zato.main(arguments, prog_name="zato")
        assert ended.value.code == 2

    @pytest.mark.parametrize(("path", "code"), [("", 2), ("no-such-path", 23)])
    def test_path_without_a_server_is_an_error(self, invoke: Invoke, path: str, code: int) -> None:
        """No file is created."""
        error_line(invoke(*RESET, path, "--all", "--yes", "--output-file", OUT), code)

        assert not OUT.exists()


class TestManyUsers:
    """Several pages and batches."""

    @pytest.fixture(autouse=True)
    def _small(self, monkeypatch: pytest.MonkeyPatch, sqlite_server: Server) -> None:
        """Use small pages and batches, and insert twenty more users."""
        monkeypatch.setattr(selection, "PAGE", 4)
        monkeypatch.setattr(bulk, "BATCH", 3)
        monkeypatch.setattr(bulk, "AHEAD", 6)
        sqlite_server.edit("sso.conf", "hash_secret", rounds="1")
        insert_users(sqlite_server, [f"many{number}" for number in range(20)])

    @pytest.mark.parametrize("jobs", [[], ["--jobs", "1"], ["--jobs=7"]])
    @pytest.mark.parametrize("output", ["-", OUT])
    def test_each_user_has_one_line(
        self, sqlite_server: Server, bulk_reset: Invoke, jobs: list[str], output: object
    ) -> None:
        """Each batch has its own expiry, which marks it in the file."""
        done = bulk_reset("--all", *jobs, output=output)
        text = OUT.read_text() if output is OUT else done.stdout

        assert (done.exit_code, unwarned(done.stderr)) == (
            0,
            "Done: 24 passwords reset.\n",
        )
        assert len(names(text)) == 24
        assert len({record.password_expiry for record in records(text)}) == 8
        assert_valid(sqlite_server, text)

    def test_batches_follow_the_list(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """Users outside the list keep their passwords."""
        wanted = [f"many{number}" for number in range(19, 6, -1)]
        done = bulk_reset("--users-from", listed(*wanted))

        assert set(names(done.stdout)[:3]) == {"many19", "many18", "many17"}
        assert set(names(done.stdout)) == set(wanted)
        assert_valid(sqlite_server, done.stdout)

    @pytest.fixture
    def disappearing(self, sqlite_server: Server) -> None:
        """Rename, delete and reject users of a later batch once the first batch is reset."""
        sqlite_server.database.run(
            "CREATE TRIGGER go AFTER UPDATE ON zato_sso_user WHEN new.username = 'user1' BEGIN "
            "UPDATE zato_sso_user SET username = 'gone' WHERE username = 'many8'; "
            "DELETE FROM zato_sso_user WHERE username = 'many9'; "
            "UPDATE zato_sso_user SET approval_status = 'rejected' WHERE username = 'many10'; END"
        )

    @pytest.mark.usefixtures("disappearing")
    def test_listed_user_that_disappears_stops_the_run(
        self, sqlite_server: Server, bulk_reset: Invoke
    ) -> None:
        """--resume continues it."""
        users = listed("user1", *(f"many{number}" for number in range(20)))

        assert re.fullmatch(
            "Error: User `many8` no longer exists, or is no longer approved. [0-9]+ of 21 users are done. "
            "Run the command again with --resume.\n",
            error_line(bulk_reset("--users-from", users, output=OUT), 22),
        )
        assert_valid(sqlite_server, OUT.read_text())
        again = bulk_reset("--users-from", users, "--resume", "--skip-missing", output=OUT)
        assert again.exit_code == 0
        assert len(names(OUT.read_text())) == 18
        assert_valid(sqlite_server, OUT.read_text())

    @pytest.mark.usefixtures("disappearing")
    def test_user_that_disappears_from_all_is_left_out(
        self, sqlite_server: Server, bulk_reset: Invoke
    ) -> None:
        """The other users are reset, and a warning has the number of users left out."""
        done = bulk_reset("--all", output=OUT)

        assert (done.exit_code, unwarned(done.stderr)) == (
            0,
            (
                "Warning: 3 users were left out, because they no longer exist or are no longer approved.\n"
                "Done: 21 passwords reset.\n"
            ),
        )
        assert len(names(OUT.read_text())) == 21
        assert_valid(sqlite_server, OUT.read_text())

    def test_user_deleted_after_the_reset_does_not_matter(
        self, sqlite_server: Server, bulk_reset: Invoke
    ) -> None:
        """--resume does not look up users with a line."""
        bulk_reset("--users-from", listed("user1", "many1"), output=OUT)
        sqlite_server.database.run("DELETE FROM zato_sso_user WHERE username = 'many1'")
        done = bulk_reset("--users-from", listed("user1", "many1", "many2", "many3"), "--resume", output=OUT)

        assert (done.exit_code, unwarned(done.stderr)) == (
            0,
            "Done: 2 passwords reset.\n",
        )
        assert set(names(OUT.read_text())) == {"user1", "many1", "many2", "many3"}


class TestDryRun:
    """`--dry-run`."""

    @pytest.mark.parametrize("output", ["-", OUT])
    def test_changes_nothing(self, sqlite_server: Server, invoke: Invoke, output: object) -> None:
        """It reports the number of users without asking, and creates no file."""
        before = all_rows(sqlite_server.database)
        done = invoke(*bulk_arguments(sqlite_server, "--all", "--dry-run", output=output))

        assert (done.exit_code, done.stdout) == (0, "")
        assert unwarned(done.stderr) == (
            "Would reset the passwords of 4 users (0 super-users). Nothing was changed.\n"
        )
        assert all_rows(sqlite_server.database) == before
        assert not OUT.exists()

    @pytest.mark.parametrize("end", ["", "half a line"])
    def test_resume_leaves_the_file_unchanged(self, bulk_reset: Invoke, end: str) -> None:
        """An incomplete line at the end stays too."""
        bulk_reset("--users-from", listed("user1"), output=OUT)
        before = OUT.read_text() + end
        OUT.write_text(before)
        done = bulk_reset("--all", "--resume", "--dry-run", output=OUT)

        assert (done.exit_code, done.stdout) == (0, "")
        assert "Would reset the passwords of 3 users" in unwarned(done.stderr)
        assert OUT.read_text() == before

    def test_failing_change_is_the_only_line(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """The change itself is tried before a success is reported."""
        sqlite_server.database.run(
            "CREATE TRIGGER no BEFORE UPDATE ON zato_sso_user BEGIN SELECT RAISE(ABORT, 'no'); END"
        )

        assert_refused(sqlite_server, bulk_reset("--all", "--dry-run", output=OUT), 69)


class TestReport:
    """`--verbose` and `--store-log`."""

    def test_has_settings_and_progress_but_no_secret(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """No password, hash or key is on stderr or in the log."""
        done = bulk_reset("--all", "--verbose", "--store-log", "--expiry", "2", output=OUT)
        [log] = Path.cwd().glob("zato.*.log")

        assert (done.exit_code, done.stdout) == (0, "")
        expected = ("secrets.conf", "PBKDF2-SHA512, 1000 rounds", "2 days, from --expiry", "4 of 4 users")
        passwords = [record.password for record in records(OUT.read_text())]
        for text in (done.stderr, log.read_text()):
            assert all(word in text for word in expected)
            for secret in (*passwords, sqlite_server.key, "pbkdf2-sha512$", "gAAAA"):
                assert secret not in text
        assert stat.S_IMODE(log.stat().st_mode) == 0o600

    def test_log_has_the_error(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """The error that ends the command is in the log too."""
        done = bulk_reset("--users-from", listed("nobody"), "--store-log", output=OUT)
        [log] = Path.cwd().glob("zato.*.log")

        assert_refused(sqlite_server, done, 22)
        assert "ERROR 1 user can't be reset: `nobody` (no such user)" in log.read_text()
