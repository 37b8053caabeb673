"""`--dry-run`."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from click.testing import Result

from tests.cli.conftest import tables
from tests.support.harms import no_database, no_expiry, no_password_is_taken, nothing
from tests.support.servers import Server

Invoke = Callable[..., Result]

RESET = ("sso", "reset-user-password")

OUT = Path("out")


class TestDryRun:
    """`--dry-run`."""

    @pytest.mark.parametrize("output", ["text", "json", "password"])
    def test_changes_nothing(self, server: Server, invoke: Invoke, output: str) -> None:
        """Not in any table, nor on stdout, nor in a file; stderr tells what would be, without a password."""
        before = tables(server)
        done = invoke(
            *(*RESET, "--dry-run", "--verbose", "--output", output, "--output-file", OUT),
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

    def test_must_change_is_told_as_it_stays(self, sqlite_server: Server, invoke: Invoke) -> None:
        """What was not asked for is as the user has it; warnings are told as ever."""
        told = invoke(*RESET, "--dry-run", sqlite_server.path, "changing1").stderr
        locked = invoke(*RESET, "--dry-run", sqlite_server.path, "locked1").stderr

        assert "and must be changed at the next login." in told
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
    def test_fails_as_the_change_would(
        self,
        sqlite_server: Server,
        invoke: Invoke,
        harm: Callable[[Server], None],
        arguments: tuple[str, ...],
    ) -> None:
        """The exit code and the line are those of the run that it tries."""
        harm(sqlite_server)
        argv = [*RESET, *(str(sqlite_server.path) if each == "PATH" else each for each in arguments)]
        tried, done = invoke(*argv, "--dry-run"), invoke(*argv)

        assert done.exit_code != 0
        assert (tried.exit_code, tried.stdout, tried.stderr) == (done.exit_code, "", done.stderr)

    def test_is_logged_and_stored(self, sqlite_server: Server, invoke: Invoke) -> None:
        """The log tells that nothing was changed; what is stored is a dry run again."""
        argv = [*RESET, "--dry-run", "--store-log", "--store-config", sqlite_server.path, "user1"]
        told = invoke(*argv).stderr
        (log,) = Path.cwd().glob("*.log")
        (config,) = Path.cwd().glob("*.config")

        assert "dry_run=True\n" in config.read_text()
        assert log.read_text().endswith(f" NOTICE {told}")
        assert "has the new password" not in log.read_text()
