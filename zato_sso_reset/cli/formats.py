"""Password statuses as a table, JSON or CSV, a page at a time."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from unicodedata import combining, east_asian_width

import click

from zato_sso_reset.domain.users import APPROVED, iso_utc
from zato_sso_reset.services.status import PasswordStatus
from zato_sso_reset.text import printable

KEYS = list(PasswordStatus.__dataclass_fields__)

HEADER = ("USERNAME", "STATE", "EXPIRES", "DAYS", "SESSIONS", "HASH (! below setting)", "LAST SET")

NUMBERS = {HEADER.index("DAYS"), HEADER.index("SESSIONS")}  # right-aligned columns
FORMULA = ("=", "+", "-", "@")  # the first characters of texts that a spreadsheet would evaluate as a formula
STATE_COLOURS = {"expired": "red", "locked": "red", "not approved": "red", "must change": "yellow"}
LONGEST = 2000  # characters of an escaped text


def to_json(pages: Iterable[Sequence[PasswordStatus]]) -> Iterator[str]:
    """Yield an array with one object per line."""
    start = "[\n"
    for page in filter(None, pages):
        yield start + ",\n".join(json.dumps(vars(status), default=iso_utc) for status in page)
        start = ",\n"
    yield "[]\n" if start == "[\n" else "\n]\n"


def to_csv(pages: Iterable[Sequence[PasswordStatus]]) -> Iterator[str]:
    """Yield a header and one line per user; prefix text that would be a formula with `'`."""
    header: Iterable[Sequence[object]] = [KEYS]
    for rows in chain([header], (map(_csv_row, page) for page in pages)):
        lines = io.StringIO()
        csv.writer(lines, lineterminator="\n").writerows(rows)
        yield lines.getvalue()


def to_table(
    pages: Iterable[Sequence[PasswordStatus]], width: int | None, *, colour: bool = False
) -> Iterator[str]:
    """Yield a header and one line per user, with the column widths of the first page.

    With the `width` of a terminal, no line is longer than that. With `colour`, states stand out.
    """
    pages = iter(pages)
    first = [HEADER, *map(_table_row, next(pages, ()))]
    widths = [max(map(_width, column)) for column in zip(*first, strict=True)]
    if width:
        widths[:2] = min(widths[0], width // 4), min(widths[1], width * 3 // 8)
    for rows in chain([first], (map(_table_row, page) for page in pages)):
        yield "".join(_line(row, widths, width, colour=colour) for row in rows)


def _csv_row(status: PasswordStatus) -> list[object]:
    return [_csv_value(value) for value in vars(status).values()]


def _csv_value(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return iso_utc(value)
    if isinstance(value, str):
        text = printable(value, LONGEST)
        return f"'{text}" if text.startswith(FORMULA) else text
    return value


def _table_row(status: PasswordStatus) -> tuple[str, ...]:
    states = {
        "expired": status.expired,
        "locked": status.is_locked,
        "not approved": status.approval_status != APPROVED,
        "must change": status.must_change,
        "never changed": status.never_changed,
        "no TOTP": status.totp is False,
    }
    costs = {"": status.rounds, "m=": status.memory_cost, "t=": status.time_cost, "p=": status.parallelism}
    hashed = [f"{name}{cost}" for name, cost in costs.items() if cost is not None]
    return (
        printable(status.username, LONGEST),
        ", ".join(state for state, holds in states.items() if holds),
        _date(status.password_expiry),
        "" if status.days_left is None else str(status.days_left),
        str(status.open_sessions),
        " ".join([*(["!"] if status.below_setting else []), status.hash_scheme, *hashed]),
        _date(status.password_last_set),
    )


def _date(time: datetime | None) -> str:
    return time.date().isoformat() if time else "unknown"


def _line(row: Sequence[str], widths: Sequence[int], width: int | None, *, colour: bool) -> str:
    cells = []
    for number, (cell, room) in enumerate(zip(row, widths, strict=True)):
        text = _cut(cell, room) if width and number < 2 else cell  # noqa: PLR2004 the username and the state
        padding = " " * (room - _width(text))
        cells.append(padding + text if number in NUMBERS else text + padding)
    line = "  ".join(cells).rstrip()
    if width:
        line = _cut(line, width)
    if colour:
        start, end = len(cells[0]), len(cells[0]) + 2 + len(cells[1])
        line = line[:start] + _coloured(line[start:end]) + line[end:]
    return f"{line}\n"


def _coloured(states: str) -> str:
    pattern = "|".join(STATE_COLOURS)
    return re.sub(pattern, lambda state: click.style(state[0], STATE_COLOURS[state[0]]), states)


def _cut(text: str, width: int) -> str:
    if _width(text) <= width:
        return text
    kept = text[:width]
    while kept and _width(kept) >= width:
        kept = kept[:-1]
    return f"{kept}…"


def _width(text: str) -> int:
    """Return the number of terminal columns of a printable text."""
    if text.isascii():
        return len(text)
    return sum(2 if east_asian_width(c) in {"W", "F"} else not combining(c) for c in text)
