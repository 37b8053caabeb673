"""`--dry-run`."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests.cli.conftest import RESET, Invoke, error_line, tables
from tests.support.harms import no_database, no_expiry, no_password_is_taken, nothing
from tests.support.servers import Server


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

        assert (done.exit_code, done.stdout) == (0, "")
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
        assert not re.search("[A-Za-z0-9_-]{32}", done.stderr.replace(str(server.path), ""))

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
        assert log.read_text().endswith(f" NOTICE {done.stderr}")
        assert "has the new password" not in log.read_text()
