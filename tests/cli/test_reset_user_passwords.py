"""`zato sso reset-user-passwords`: its options, its batches, its report."""

import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from tests.conftest import ZATO
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
)
from tests.support.servers import Server, insert_users
from zato_sso_reset.host.program import zato
from zato_sso_reset.services import bulk_reset as bulk
from zato_sso_reset.services import selection

Invoke = Callable[..., Result]


class TestUsage:
    """What can't be meant."""

    @pytest.mark.parametrize(
        "args",
        [
            ["--output-file", "out.jsonl"],
            ["--all"],
            ["--all", "--users-from", "users.txt", "--output-file", "out.jsonl"],
            ["--users-from", "users.txt", "--exclude", "user1", "--output-file", "out.jsonl"],
            ["--all", "--exclude", "", "--output-file", "out.jsonl"],
            ["--all", "--exclude", "a\x1b[31m", "--output-file", "out.jsonl"],
            ["--all", "--resume", "--output-file", "-"],
            ["--all", "--jobs", "0", "--output-file", "out.jsonl"],
            ["--all", "--jobs", "1025", "--output-file", "out.jsonl"],
            ["--all", "--jobs", "two", "--output-file", "out.jsonl"],
            ["--all", "--expiry", "0", "--output-file", "out.jsonl"],
            ["--all", "--expiry", "2932898", "--output-file", "out.jsonl"],
            ["--all", "--must-change", "maybe", "--output-file", "out.jsonl"],
            ["--users-from", "no-such\x1bfile", "--output-file", "out.jsonl"],
            ["--users-from", ".", "--output-file", "out.jsonl"],
        ],
    )
    def test_is_refused(self, sqlite_server: Server, invoke: Invoke, args: list[str]) -> None:
        """A mistake on the command line ends with 2 before anything is changed or made."""
        listed("user1")

        assert_refused(sqlite_server, invoke(*RESET, sqlite_server.path, "--yes", *args), 2)

    @pytest.mark.parametrize("args", [["--all"], ["--users-from", "-"]])
    def test_no_terminal_to_ask_on(self, sqlite_server: Server, invoke: Invoke, args: list[str]) -> None:
        """Without --yes and without a terminal, nobody has agreed."""
        done = invoke(*bulk_arguments(sqlite_server, *args, output=OUT), input="user1\n")

        assert_refused(sqlite_server, done, 2, "Add --yes.")

    def test_stdin_is_closed(self, sqlite_server: Server) -> None:
        """A list that is to come from a stdin that is none is a mistake, not a bug."""
        argv = [str(ZATO), *bulk_arguments(sqlite_server, "--users-from", "-", "--yes", output=OUT)]
        done = subprocess.run(
            ["/bin/sh", "-c", 'exec "$0" "$@" <&-', *argv], capture_output=True, text=True, check=False
        )

        assert (done.returncode, done.stdout) == (2, "")
        assert re.fullmatch("Error: .*stdin is closed.*\n", done.stderr)

    def test_stdin_is_closed_here(self, monkeypatch: pytest.MonkeyPatch, sqlite_server: Server) -> None:
        """The same in this process, where Python has no stream then."""
        monkeypatch.setattr(sys, "stdin", None)
        with pytest.raises(SystemExit) as ended:
            zato.main(bulk_arguments(sqlite_server, "--users-from", "-"), prog_name="zato")

        assert ended.value.code == 2

    @pytest.mark.parametrize("path", ["", "no-such-path"])
    def test_path_is_no_server(self, invoke: Invoke, path: str) -> None:
        """PATH must be a server's directory."""
        done = invoke(*RESET, path, "--all", "--yes", "--output-file", OUT)

        assert (done.exit_code, done.stdout) == (23 if path else 2, "")
        assert not OUT.exists()


class TestManyUsers:
    """More than one page is looked up, and more than one batch written."""

    @pytest.fixture(autouse=True)
    def _small(self, monkeypatch: pytest.MonkeyPatch, sqlite_server: Server) -> None:
        monkeypatch.setattr(selection, "PAGE", 4)
        monkeypatch.setattr(bulk, "BATCH", 3)
        monkeypatch.setattr(bulk, "AHEAD", 6)
        sqlite_server.edit("sso.conf", "hash_secret", rounds="1")
        insert_users(sqlite_server, [f"many{number}" for number in range(20)])

    @pytest.mark.parametrize("jobs", [[], ["--jobs", "1"], ["--jobs=7"]])
    @pytest.mark.parametrize("output", ["-", OUT])
    def test_each_has_one_line(
        self, sqlite_server: Server, bulk_reset: Invoke, jobs: list[str], output: object
    ) -> None:
        """Nobody is missed, and nobody is done twice."""
        done = bulk_reset("--all", *jobs, output=output)
        text = OUT.read_text() if output is OUT else done.stdout

        assert (done.exit_code, done.stderr) == (0, "Reset the passwords of 24 user(s).\n")
        assert len(names(text)) == 24
        assert len({record.password_expiry for record in records(text)}) == 8
        assert_valid(sqlite_server, text)

    def test_a_list_has_its_order_by_batches(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """The batches follow the list; those who are not in it are left alone."""
        wanted = [f"many{number}" for number in range(19, 6, -1)]
        done = bulk_reset("--users-from", listed(*wanted))

        assert set(names(done.stdout)[:3]) == {"many19", "many18", "many17"}
        assert set(names(done.stdout)) == set(wanted)
        assert_valid(sqlite_server, done.stdout)

    @pytest.fixture
    def who_go(self, sqlite_server: Server) -> None:
        """Have a whole batch of users gone, or not approved any more, once the first is reset."""
        sqlite_server.database.run(
            "CREATE TRIGGER go AFTER UPDATE ON zato_sso_user WHEN new.username = 'user1' BEGIN "
            "UPDATE zato_sso_user SET username = 'gone' WHERE username = 'many8'; "
            "DELETE FROM zato_sso_user WHERE username = 'many9'; "
            "UPDATE zato_sso_user SET approval_status = 'rejected' WHERE username = 'many10'; END"
        )

    @pytest.mark.usefixtures("who_go")
    def test_who_goes_meanwhile(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """A listed user who was there at the look-up and is not any more ends the run; --resume goes on."""
        users = listed("user1", *(f"many{number}" for number in range(20)))
        done = bulk_reset("--users-from", users, output=OUT)

        assert (done.exit_code, done.stdout) == (22, "")
        assert re.fullmatch(
            "Error: User `many8` no longer exists, or is no longer approved. [0-9]+ of 21 users are done. "
            "Run the command again with --resume.\n",
            done.stderr,
        )
        assert_valid(sqlite_server, OUT.read_text())
        again = bulk_reset("--users-from", users, "--resume", "--skip-missing", output=OUT)
        assert again.exit_code == 0
        assert len(names(OUT.read_text())) == 18
        assert_valid(sqlite_server, OUT.read_text())

    @pytest.mark.usefixtures("who_go")
    def test_who_goes_meanwhile_was_not_asked_for(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """With --all the others are reset, and the count is of those."""
        done = bulk_reset("--all", output=OUT)

        assert done.exit_code == 0
        assert done.stderr == (
            "Warning: 3 user(s) no longer exist or are no longer approved; left out.\n"
            "Reset the passwords of 21 user(s).\n"
        )
        assert len(names(OUT.read_text())) == 21
        assert_valid(sqlite_server, OUT.read_text())

    def test_who_went_after_a_reset(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """Whoever has a line already is not looked up again."""
        path = listed("user1", "many1", "many2", "many3")
        bulk_reset("--users-from", listed("user1", "many1"), output=OUT)
        sqlite_server.database.run("DELETE FROM zato_sso_user WHERE username = 'many1'")
        listed("user1", "many1", "many2", "many3")
        done = bulk_reset("--users-from", path, "--resume", output=OUT)

        assert (done.exit_code, done.stderr) == (0, "Reset the passwords of 2 user(s).\n")
        assert set(names(OUT.read_text())) == {"user1", "many1", "many2", "many3"}


class TestDryRun:
    """`--dry-run`."""

    @pytest.mark.parametrize("output", ["-", OUT])
    def test_changes_nothing(self, sqlite_server: Server, bulk_reset: Invoke, output: object) -> None:
        """It tells what would be done, rolls back, and makes no file."""
        before = all_rows(sqlite_server.database)
        done = bulk_reset("--all", "--dry-run", output=output)

        assert (done.exit_code, done.stdout) == (0, "")
        assert done.stderr == (
            "Would reset the passwords of 4 user(s), 0 of them super-user(s). Nothing was changed.\n"
        )
        assert all_rows(sqlite_server.database) == before
        assert not OUT.exists()

    def test_needs_no_answer(self, sqlite_server: Server, invoke: Invoke) -> None:
        """There is nothing to agree to."""
        assert invoke(*bulk_arguments(sqlite_server, "--all", "--dry-run", output=OUT)).exit_code == 0

    @pytest.mark.parametrize("end", ["", "half a line"])
    def test_of_a_resume(self, bulk_reset: Invoke, end: str) -> None:
        """The file stays as it is, half a line at its end too."""
        bulk_reset("--users-from", listed("user1"), output=OUT)
        before = OUT.read_text() + end
        OUT.write_text(before)
        done = bulk_reset("--all", "--resume", "--dry-run", output=OUT)

        assert (done.exit_code, done.stdout) == (0, "")
        assert "Would reset the passwords of 3 user(s)" in done.stderr
        assert OUT.read_text() == before

    def test_finds_what_would_fail(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """Even the change itself is tried."""
        sqlite_server.database.run(
            "CREATE TRIGGER no BEFORE UPDATE ON zato_sso_user BEGIN SELECT RAISE(ABORT, 'no'); END"
        )

        assert_refused(sqlite_server, bulk_reset("--all", "--dry-run", output=OUT), 69)


class TestReport:
    """`--verbose` and `--store-log`."""

    def test_never_hold_a_secret(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """What was found where is told; no password, hash or key is."""
        done = bulk_reset("--all", "--verbose", "--store-log", "--expiry", "2", output=OUT)
        (log,) = Path.cwd().glob("zato.*.log")

        assert (done.exit_code, done.stdout) == (0, "")
        for text in (done.stderr, log.read_text()):
            for word in (
                "secrets.conf",
                "PBKDF2-SHA512, 1000 rounds",
                "2 days, from --expiry",
                "4 of 4 users",
            ):
                assert word in text
            for record in records(OUT.read_text()):
                assert record.password not in text
            for secret in (sqlite_server.key, "pbkdf2-sha512$", "gAAAA"):
                assert secret not in text
        assert stat.S_IMODE(log.stat().st_mode) == 0o600

    def test_log_has_the_error(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """Why the command failed is in the log too."""
        done = bulk_reset("--users-from", listed("nobody"), "--store-log", output=OUT)
        (log,) = Path.cwd().glob("zato.*.log")

        assert_refused(sqlite_server, done, 22)
        assert "ERROR 1 can't be reset: `nobody` (no such user)" in log.read_text()
