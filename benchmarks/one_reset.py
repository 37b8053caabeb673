"""Cost of one reset: `python -m benchmarks.one_reset [--quick]`.

It runs the `zato` that is installed in its Python's environment, which should not be editable.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from benchmarks.measure import QUICK, Command, compare, measure
from tests.support import databases
from tests.support.servers import USERS, Server, quick_server
from zato_sso_reset.services.quickstart import create_server

PYTHON = sys.executable
ZATO = Path(PYTHON).with_name("zato")
HANDWRITTEN = Path(__file__).with_name("handwritten.py")

ROUNDS = 120_000
"""PBKDF2's rounds on a stock server."""

SIZES = (10, 1_000) if QUICK else (10, 1_000, 1_000_000)
"""Users in the table."""


def main(rounds: int) -> None:
    """Print each figure as a median of `rounds`."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        server = create_server(folder / "server1", "user1")
        handwritten = (PYTHON, HANDWRITTEN, server, "user1")
        hashing = f"from hashlib import pbkdf2_hmac; pbkdf2_hmac('sha512', bytes(32), bytes(64), {ROUNDS})"
        bare = (PYTHON, "-I", "-S", "-c", hashing)
        library = (PYTHON, "-c", "import sqlalchemy")
        ours, *theirs = measure(reset(server), handwritten, library, bare, rounds=rounds)
        compare("a reset to the hand-written script", ours, theirs[0])
        compare("a reset to `import sqlalchemy`", ours, theirs[1])
        compare("a reset to the hash alone in a bare interpreter", ours, theirs[2])

        page = (ZATO, "sso", "reset-user-password", "--help")
        ours, click = measure(page, (PYTHON, "-c", "import click"), rounds=rounds)
        compare("--help to `import click`", ours, click)

        for engine in ("sqlite", "postgresql", "mysql"):
            compare_sizes(engine, folder, rounds)


def compare_sizes(engine: str, folder: Path, rounds: int) -> None:
    """Print the cost of a reset with many users in the table, relative to one with few."""
    with ExitStack() as stack:
        try:
            servers = [stack.enter_context(full_server(engine, size, folder)) for size in SIZES]
        except pytest.skip.Exception as reason:
            print(f"a reset on {engine}: skipped, {reason}")
            return
        few, *more = measure(*map(reset, servers), rounds=rounds)
        for size, costs in zip(SIZES[1:], more, strict=True):
            compare(f"a reset on {engine} among {size:,} users to one among {SIZES[0]}", costs, few)


def reset(server: Path) -> Command:
    """Return the command that resets a password."""
    return (ZATO, "sso", "reset-user-password", server, "user1")


@contextmanager
def full_server(engine: str, users: int, folder: Path) -> Iterator[Path]:
    """Create a server with many users, and drop its database afterwards.

    Raises:
        pytest.skip.Exception: the database server is not available.
    """
    path = folder / f"{engine}-{users}"
    if engine == "sqlite":
        fill(quick_server(path), users)
        yield path
        return
    make_database = databases.postgresql if engine == "postgresql" else databases.mysql
    database = make_database(f"benchmark_{users}_{os.getpid()}")
    try:
        databases.make_tables(database)
        fill(quick_server(path, database), users)
        database.run("ANALYZE" if engine == "postgresql" else "ANALYZE TABLE zato_sso_user")
        yield path
    finally:
        databases.drop(database)


def fill(server: Server, users: int) -> None:
    """Copy the users of the test server under new names until there are `users`, all approved."""
    server.edit("sso.conf", "hash_secret", rounds=str(ROUNDS))
    server.database.run("UPDATE zato_sso_user SET approval_status = 'approved'")
    values = {column: column for column in server.database.row("user1")}
    count = len(USERS)
    while count < users:
        values["id"] = f"id + {count}"
        for column in ("user_id", "username", "sign_up_confirm_token"):
            values[column] = f"REPLACE('{column}-#', '#', CAST(id + {count} AS CHAR(10)))"
        server.database.run(
            f"INSERT INTO zato_sso_user ({', '.join(values)}) "
            f"SELECT {', '.join(values.values())} FROM zato_sso_user WHERE id <= {users - count}"
        )
        count = min(2 * count, users)


if __name__ == "__main__":
    main(rounds=7 if QUICK else 30)
