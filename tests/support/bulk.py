"""What the tests of many resets share: an independent reading of what such a run wrote."""

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from click.testing import Result

from tests.support.databases import Database
from tests.support.servers import OLD, Server

RESET = ("sso", "reset-user-passwords")

OUT = Path("out.jsonl")

KEYS = ["username", "password", "password_expiry", "must_change"]


APPROVED = {"user1", "locked1", "MixedCase", "changing1"}
"""The users whom --all resets."""


@dataclass(frozen=True)
class Record:
    """A line."""

    username: str
    password: str
    password_expiry: str
    must_change: bool


def bulk_arguments(server: Server, *args: object, output: object = "-") -> list[str]:
    """Return what `zato` is run with."""
    return [*RESET, str(server.path), "--output-file", str(output), *map(str, args)]


def records(text: str) -> list[Record]:
    """Read JSON Lines, each of which has exactly the keys that are promised."""
    assert text.endswith("\n") or not text
    lines = [json.loads(line) for line in text.splitlines()]
    assert all(list(line) == KEYS for line in lines)
    return [Record(**line) for line in lines]


def names(text: str) -> list[str]:
    """Return the usernames of JSON Lines."""
    return [record.username for record in records(text)]


def as_time(value: object) -> datetime:
    """Return a time of any engine."""
    return value if isinstance(value, datetime) else datetime.fromisoformat(str(value))


def assert_valid(server: Server, text: str) -> None:
    """See that every line is true of the database, that no user has two, and that all others have `OLD`."""
    found = {record.username: record for record in records(text)}
    assert len(found) == len(records(text))
    rows = all_rows(server.database)
    for username, record in found.items():
        assert len(record.password) == 32
        assert record.password_expiry.endswith("Z")
        expiry = datetime.fromisoformat(record.password_expiry[:-1])
        assert abs(expiry - as_time(rows[username]["password_expiry"])) < timedelta(seconds=1)
        assert record.must_change is bool(rows[username]["password_must_change"])
    assert server.opened_by({name: record.password for name, record in found.items()}) == set(found)
    assert server.opened_by(dict.fromkeys(rows, OLD)) == rows.keys() - found


def assert_all_old(server: Server) -> None:
    """See that nobody was reset."""
    assert_valid(server, "")


def all_rows(database: Database) -> dict[str, dict[str, object]]:
    """Return all columns of all users, by name."""
    with database.connect() as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT * FROM zato_sso_user")
        columns = [column[0] for column in cursor.description]
        rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    return {str(row["username"]): row for row in rows}


def listed(*usernames: str) -> Path:
    """Write a list of usernames into the current directory."""
    path = Path("users.txt")
    path.write_text("".join(f"{username}\n" for username in usernames))
    return path


def assert_refused(server: Server, done: Result, exit_code: int, *words: str) -> None:
    """See one line on stderr that has `words`, nothing on stdout, no new file, and nobody reset."""
    assert (done.exit_code, done.stdout) == (exit_code, ""), done.stderr
    assert re.fullmatch("Error: .+\n", done.stderr)
    assert done.stderr[:-1].isprintable()
    for word in words:
        assert word in done.stderr
    assert not OUT.exists()
    assert_all_old(server)
