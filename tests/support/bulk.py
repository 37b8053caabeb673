"""Bulk resets in tests: arguments, and independent checks of the output and the database."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from pathlib import Path

from click.testing import Result

from tests.support.databases import Database
from tests.support.servers import OLD, Server

RESET = ("sso", "reset-user-passwords")

OUT = Path("out.jsonl")

APPROVED = {"user1", "locked1", "MixedCase", "changing1"}
"""The users that --all resets."""


@dataclass(frozen=True)
class Record:
    """A line of the output."""

    username: str
    password: str
    password_expiry: str
    must_change: bool


def bulk_arguments(server: Server, *args: object, output: object = "-") -> list[str]:
    """Return the arguments of a bulk reset."""
    return [*RESET, str(server.path), "--output-file", str(output), *map(str, args)]


def records(text: str) -> list[Record]:
    """Read JSON Lines, which must have exactly the documented keys."""
    assert text.endswith("\n") or not text
    lines = [json.loads(line) for line in text.splitlines()]
    keys = [field.name for field in fields(Record)]
    assert all(list(line) == keys for line in lines)
    return [Record(**line) for line in lines]


def kept(path: Path = Path("kept")) -> dict[str, str]:
    """Return the passwords that a program appended to a file, by username; the last one counts."""
    return {record.username: record.password for record in records(path.read_text())}


def fingerprints(text: str) -> dict[str, str]:
    """Return the SHA-256 of what was stored, by username, of a record with exactly the documented keys."""
    assert text.endswith("\n")
    lines = [json.loads(line) for line in text.splitlines()]
    keys = ["username", "stored_sha256", "password_expiry", "must_change"]
    assert all(list(line) == keys for line in lines)
    found = {line["username"]: line["stored_sha256"] for line in lines}
    assert len(found) == len(lines)
    return found


def recorded(server: Server, text: str, passwords: Mapping[str, str]) -> set[str]:
    """Return the users of a record: those, and no others, who have one of these passwords."""
    valid = server.opened_by(passwords)
    rows = all_rows(server.database)
    stored = {name: str(rows[name]["password"]).encode() for name in valid}
    assert fingerprints(text) == {name: hashlib.sha256(stored[name]).hexdigest() for name in valid}
    assert not [password for password in passwords.values() if password in text]
    return valid


def names(text: str) -> list[str]:
    """Return the usernames of JSON Lines."""
    return [record.username for record in records(text)]


def as_time(value: object) -> datetime:
    """Return a time from any engine."""
    return value if isinstance(value, datetime) else datetime.fromisoformat(str(value))


def assert_valid(server: Server, text: str) -> None:
    """Check that the database has the lines' values, one line per user, and `OLD` for all others."""
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
    """Check that no user was reset."""
    assert_valid(server, "")


def all_rows(database: Database) -> dict[str, dict[str, object]]:
    """Return all columns of all users, by name."""
    return {row["username"]: row for row in database.rows("zato_sso_user")}


def listed(*usernames: str) -> Path:
    """Write a list of usernames to the current directory."""
    path = Path("users.txt")
    path.write_text("".join(f"{username}\n" for username in usernames))
    return path


def assert_refused(server: Server, done: Result, exit_code: int, *words: str) -> None:
    """Check for one error line with `words`, no output, and no user that was reset."""
    assert (done.exit_code, done.stdout) == (exit_code, ""), done.stderr
    match = re.fullmatch("(Log: .+\n)?(Error: .+)\n", done.stderr)
    assert match
    assert match[2].isprintable()
    for word in words:
        assert word in done.stderr
    assert not OUT.exists()
    assert_all_old(server)


def unwarned(stderr: str) -> str:
    """Return stderr without what many tests do not look at.

    That is the warnings about the accounts of `locked1` and `changing1`, and where the passwords are.
    """
    options = ("(--unlock)", "--must-change false", "ALTER DATABASE")
    lines = stderr.splitlines(keepends=True)
    kept = "".join(line for line in lines if not any(option in line for option in options))
    return re.sub(r"passwords? reset( \(\d+ earlier\))?\..*", "passwords reset.", kept)
