"""What a look at a million passwords costs: `python -m benchmarks.status [ROUNDS]`.

It runs the `zato` that is installed beside its Python, as users have it: not editable.
"""

import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import median

from benchmarks.measure import Command, compare, measure
from benchmarks.one_reset import ZATO, full_server

FEW, MANY = 10, 1_000_000
"""Users in the table."""

FIRST_ROWS = 10
"""How often the first row is waited for."""


def main(rounds: int = 1) -> None:
    """Print how soon the first row is there, and what all rows cost, as a median of so many rounds."""
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        folder = Path(temporary)
        few, many = (stack.enter_context(full_server("sqlite", users, folder)) for users in (FEW, MANY))
        spread_expiry(many)
        for users, path in ((FEW, few), (MANY, many)):
            seconds = [first_row(path) for _ in range(FIRST_ROWS)]
            print(
                f"the first row of {users:,} users: median {median(seconds) * 1000:.0f} ms, shortest "
                f"{min(seconds) * 1000:.0f} ms, longest {max(seconds) * 1000:.0f} ms (n={len(seconds)})",
                flush=True,
            )
        costs, to = measure(status(many), status(few), rounds=rounds)
        compare(f"the status of {MANY:,} users to that of {FEW}", costs, to)


def status(path: Path) -> Command:
    """Return the command that tells of all users."""
    return (ZATO, "sso", "password-status", path)


def spread_expiry(path: Path) -> None:
    """Let the passwords expire at times of their own, in no order."""
    with closing(sqlite3.connect(path / "zato.db")) as database, database:
        database.execute(
            "UPDATE zato_sso_user SET password_expiry = strftime('%Y-%m-%d %H:%M:%S', '2026-01-01', "
            "(id * 7919 % 100003 * 600) || ' seconds') || '.000000'"
        )


def first_row(path: Path) -> float:
    """Return the seconds from the start of the command until a user is there."""
    start = time.perf_counter()
    with subprocess.Popen(status(path), stdout=subprocess.PIPE) as process:
        assert process.stdout  # noqa: S101 it is a pipe
        for _ in ("header", "user"):
            process.stdout.readline()
        seconds = time.perf_counter() - start
        process.stdout.close()  # which ends it
    return seconds


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
