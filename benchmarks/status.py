"""Cost of listing many passwords: `python -m benchmarks.status [--quick]`.

It runs the `zato` that is installed in its Python's environment, which should not be editable.
"""

import sqlite3
import subprocess
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import median

from benchmarks.measure import QUICK, Command, compare, measure
from benchmarks.one_reset import ZATO, full_server

FEW, MANY = 10, 10_000 if QUICK else 1_000_000
"""Users in the table."""

FIRST_ROWS = 10
"""The number of times that the wait for the first row is measured."""


def main() -> None:
    """Print the time to the first row, and the cost of all rows."""
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
        costs, to = measure(status(many), status(few), rounds=1)
        compare(f"the status of {MANY:,} users to that of {FEW}", costs, to)


def status(path: Path) -> Command:
    """Return the command that lists all users."""
    return (ZATO, "sso", "password-status", path)


def spread_expiry(path: Path) -> None:
    """Let the passwords expire at different times, in no order."""
    with closing(sqlite3.connect(path / "zato.db")) as database, database:
        database.execute(
            "UPDATE zato_sso_user SET password_expiry = strftime('%Y-%m-%d %H:%M:%S', '2026-01-01', "
            "(id * 7919 % 100003 * 600) || ' seconds') || '.000000'"
        )


def first_row(path: Path) -> float:
    """Return the seconds from the start of the command until it prints a user."""
    start = time.perf_counter()
    with subprocess.Popen(status(path), stdout=subprocess.PIPE) as process:
        assert process.stdout  # noqa: S101 it is a pipe
        for _ in ("header", "user"):
            process.stdout.readline()
        seconds = time.perf_counter() - start
        process.stdout.close()  # which ends it
    return seconds


if __name__ == "__main__":
    main()
