"""The formats of `password-status`, with any values."""

import csv
import io
import json
from dataclasses import replace
from datetime import datetime
from itertools import chain
from unicodedata import combining, east_asian_width

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zato_sso_reset.cli.formats import to_csv, to_json, to_table
from zato_sso_reset.domain.users import STATES
from zato_sso_reset.services.status import PasswordStatus
from zato_sso_reset.text import printable

times = st.none() | st.datetimes(min_value=datetime(1000, 1, 1))  # noqa: DTZ001 Zato's times are naive
names = st.tuples(st.sampled_from(["=", "+", "-", "@", "'", ""]), st.text(min_size=1, max_size=190)).map(
    "".join
)
numbers = st.none() | st.integers(1, 2**32)
statuses = st.builds(
    PasswordStatus,
    username=names,
    states=st.lists(st.sampled_from(STATES), unique=True),
    approval_status=st.sampled_from(["approved", "before_decision"]),
    password_last_set=times,
    password_expiry=times,
    days_left=st.integers(-3_000_000, 3_000_000),
    open_sessions=st.integers(0, 10**6),
    hash_scheme=st.sampled_from(["pbkdf2_sha512", "argon2id", "unknown"]),
    rounds=numbers,
    time_cost=numbers,
    memory_cost=numbers,
    parallelism=numbers,
)
few = settings(max_examples=30, deadline=None)
pages = st.lists(st.lists(statuses, max_size=3), max_size=3)

TIME = datetime(2026, 1, 2)  # noqa: DTZ001 Zato's times are naive

STATUS = PasswordStatus(
    username="user1",
    states=[],
    approval_status="approved",
    sign_up_status="final",
    is_locked=False,
    must_change=False,
    totp=None,
    expired=False,
    never_changed=False,
    password_last_set=TIME,
    password_expiry=TIME,
    days_left=0,
    open_sessions=0,
    hash_scheme="unknown",
    rounds=None,
    time_cost=None,
    memory_cost=None,
    parallelism=None,
    below_setting=None,
)


def columns_of(line: str) -> int:
    """Return the number of terminal columns of a line."""
    return sum(2 if east_asian_width(c) in {"W", "F"} else not combining(c) for c in line)


class TestJson:
    """JSON."""

    @few
    @given(pages)
    def test_all_values_are_preserved(self, pages: list[list[PasswordStatus]]) -> None:
        """All pages are one array, in ASCII."""
        text = "".join(to_json(pages))
        records = json.loads(text)

        assert text.isascii()
        assert len(records) == sum(map(len, pages))
        for each, status in zip(records, chain(*pages), strict=True):
            for key in ("password_last_set", "password_expiry"):
                each[key] = datetime.fromisoformat(each[key].removesuffix("Z")) if each[key] else None
            assert each == vars(status)


class TestCsv:
    """CSV."""

    @few
    @given(pages)
    def test_no_username_is_a_formula(self, pages: list[list[PasswordStatus]]) -> None:
        """There is one line per user, with the name readable."""
        text = "".join(to_csv(pages))
        header, *rows = csv.reader(io.StringIO(text))

        assert len(text.splitlines()) == len(rows) + 1
        for row, status in zip(rows, chain(*pages), strict=True):
            assert len(row) == len(header)
            assert row[0].removeprefix("'") == printable(status.username, 2000).removeprefix("'")
            assert not row[0].startswith(("=", "+", "-", "@"))
            assert row[9] == str(status.days_left)

    @pytest.mark.parametrize("first", ["=", "+", "-", "@"])
    def test_formula_gets_an_apostrophe(self, first: str) -> None:
        """A spreadsheet shows the name as text."""
        _, row = csv.reader(io.StringIO("".join(to_csv([[replace(STATUS, username=f"{first}1+1")]]))))

        assert row[0] == f"'{first}1+1"


class TestTable:
    """The table."""

    @few
    @given(pages, st.none() | st.integers(1, 200))
    def test_lines_fit_the_terminal(self, pages: list[list[PasswordStatus]], width: int | None) -> None:
        """There is one printable line per user."""
        text = "".join(to_table(pages, width, []))
        lines = text.split("\n")

        headers = len(lines) - sum(map(len, pages)) - 1
        assert headers == 1 or (width and 1 < headers <= len(pages))
        assert all(line.isprintable() for line in lines)
        assert not width or max(map(columns_of, lines)) <= width

    @few
    @given(pages, st.none() | st.integers(1, 200))
    def test_colours_change_no_text(self, pages: list[list[PasswordStatus]], width: int | None) -> None:
        """They take no columns, wherever a line is cut."""
        coloured = "".join(to_table(pages, width, STATES, colour=True))
        assert click.unstyle(coloured) == "".join(to_table(pages, width, STATES))

    def test_only_states_have_colours(self) -> None:
        """A name like a state has none."""
        status = replace(STATUS, username="locked", states=["locked", "must-change"])
        line = "".join(to_table([[status]], None, [], colour=True)).split("\n")[1]

        assert line.startswith("locked    \x1b[31mlocked\x1b[0m, \x1b[33mmust-change\x1b[0m")

    @given(statuses)
    def test_lines_are_complete_without_a_terminal(self, status: PasswordStatus) -> None:
        """Other programs get the whole name and all columns."""
        line = "".join(to_table([[], [status]], None, STATES)).split("\n")[1]

        assert line.startswith(printable(status.username, 2000))
        last_set = status.password_last_set
        assert line.endswith(last_set.date().isoformat() if last_set else "unknown")
        assert ", ".join(status.states) in line

    @pytest.mark.parametrize(
        ("username", "shown"),
        [
            ("ab" * 5, "ababababab"),
            ("ab" * 6, "ababababa…"),
            ("字" * 5, "字字字字字"),
            ("字" * 6, "字字字字…"),
        ],
    )
    def test_long_username_is_cut(self, username: str, shown: str) -> None:
        """It gets a quarter of the width; a wide character has two columns."""
        header, line, _ = "".join(to_table([[replace(STATUS, username=username)]], 40, [])).split("\n")

        assert line.startswith(f"{shown}  ")
        assert header.startswith("USERNAME    EXPIRES")
