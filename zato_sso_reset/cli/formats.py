"""Password statuses as a table, JSON, CSV or names, a page at a time."""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import chain
from logging import getLogger
from unicodedata import combining, east_asian_width

import click

from zato_sso_reset.cli.options import username_type
from zato_sso_reset.domain.users import STATES, UNREADABLE, iso_utc
from zato_sso_reset.services.status import PasswordStatus
from zato_sso_reset.text import plural, printable, quoted

logger = getLogger(__name__)

KEYS = list(PasswordStatus.__dataclass_fields__)

HEADER = ("USERNAME", "STATE", "EXPIRES", "DAYS", "SESSIONS", "HASH (! below setting)", "LAST SET")

STATE = HEADER.index("STATE")
NUMBERS = {HEADER.index("DAYS"), HEADER.index("SESSIONS")}  # right-aligned columns
FORMULA = ("=", "+", "-", "@")  # the first characters of texts that a spreadsheet would evaluate as a formula
STATE_COLOURS = dict.fromkeys(("expired", "locked", "not-approved", "not-confirmed", "unreadable"), "red")
STATE_COLOURS |= dict.fromkeys(("expiring", "must-change", "weak-hash"), "yellow")
_COLOURED = "|".join(STATE_COLOURS)
GAP = "  "
HEX = r"stored as \x...: reset it"
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


def counted(pages: Iterable[list[PasswordStatus]], counts: Counter[str]) -> Iterator[list[PasswordStatus]]:
    """Yield the pages, counting users by state; the empty text counts them all."""
    for page in pages:
        for status in page:
            counts.update(["", *status.states])
        yield page


def summary(counts: Counter[str]) -> str:
    """Return the numbers of `counted` as a sentence."""
    states = ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state] and state != "no-totp")
    users = plural(counts[""], "user", "users")
    return f"{users}: {states}." if states else f"{users}."


def to_names(pages: Iterable[Sequence[PasswordStatus]]) -> Iterator[str]:
    """Yield one username per line, as `--users-from` reads them; warn of names that it refuses."""
    for page in pages:
        for status in page:
            with suppress(click.BadParameter):
                if UNREADABLE not in status.username:
                    yield f"{username_type(status.username)}\n"
                    continue
            logger.warning("%s is left out: --users-from refuses this username.", quoted(status.username))


def to_table(
    pages: Iterable[Sequence[PasswordStatus]],
    width: int | None,
    states: Collection[str],
    *,
    colour: bool = False,
) -> Iterator[str]:
    """Yield a header and one line per user, with the column widths of the first page.

    With the `width` of a terminal, no line is longer than that; if the columns need more, those that are
    empty on a page are left out there. Users without TOTP are marked if that is one of `states`. With
    `colour`, states stand out.
    """
    tables = ([_table_row(status, states) for status in page] for page in pages if page)
    first = next(tables, [])
    widths = [max(map(_width, column)) for column in zip(HEADER, *first, strict=True)]
    if width:
        widths[:2] = min(widths[0], width // 4), min(widths[1], width * 3 // 8)
    needed = sum(widths) + len(GAP) * (len(widths) - 1)
    shown: list[int] = []
    for rows in chain([first], tables):
        empty = {number for number, column in enumerate(zip(*rows, strict=True)) if not any(column)}
        left_out = empty if width and needed > width else set()
        columns = [number for number in range(len(HEADER)) if number not in left_out]
        header = [] if columns == shown else [HEADER]
        shown = columns
        lines = (_cells(row, columns, widths, width) for row in header + rows)
        yield "".join(_line(cells, width, has_state=colour and STATE in columns) for cells in lines)


def _csv_row(status: PasswordStatus) -> list[object]:
    return [_csv_value(value) for value in vars(status).values()]


def _csv_value(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return iso_utc(value)
    if isinstance(value, list):
        return " ".join(value)
    if isinstance(value, str):
        text = printable(value, LONGEST)
        return f"'{text}" if text.startswith(FORMULA) else text
    return value


def _table_row(status: PasswordStatus, states: Collection[str]) -> tuple[str, ...]:
    costs = {"": status.rounds, "m=": status.memory_cost, "t=": status.time_cost, "p=": status.parallelism}
    hashed = [f"{name}{cost}" for name, cost in costs.items() if cost is not None]
    scheme = HEX if status.hash_scheme == "hex" else status.hash_scheme
    return (
        printable(status.username, LONGEST),
        ", ".join(state for state in status.states if state != "no-totp" or state in states),
        _date(status.password_expiry),
        "" if status.days_left is None else str(status.days_left),
        str(status.open_sessions),
        " ".join([*(["!"] if status.below_setting else []), scheme, *hashed]),
        _date(status.password_last_set),
    )


def _date(time: datetime | None) -> str:
    return time.date().isoformat() if time else "unknown"


def _cells(row: Sequence[str], columns: Iterable[int], widths: Sequence[int], width: int | None) -> list[str]:
    """Return the padded cells of some columns."""
    cells = []
    for number in columns:
        cell, room = row[number], widths[number]
        text = _cut(cell, room) if width and number <= STATE else cell
        padding = " " * (room - _width(text))
        cells.append(padding + text if number in NUMBERS else text + padding)
    return cells


def _line(cells: Sequence[str], width: int | None, *, has_state: bool) -> str:
    """Return a line, with colours in its second cell if it `has_state`."""
    line = GAP.join(cells).rstrip()
    if width:
        line = _cut(line, width)
    if has_state:
        start, end = len(cells[0]), len(cells[0]) + len(GAP) + len(cells[1])
        line = line[:start] + re.sub(_COLOURED, _with_colour, line[start:end]) + line[end:]
    return f"{line}\n"


def _with_colour(state: "re.Match[str]") -> str:
    return click.style(state[0], STATE_COLOURS[state[0]])


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
