"""The progress of a bulk reset."""

import io
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO, cast

import click

if TYPE_CHECKING:
    from zato_sso_reset.services.bulk_reset import Batch


@dataclass
class Tally:
    """The number of users reset so far, of those that no longer existed, and the other changes."""

    total: int
    reset: int = 0
    missing: int = 0
    changed: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        return f"{self.done} of {self.total} users are done."

    @property
    def done(self) -> int:
        """The number of users that a --resume need not look at."""
        return self.reset + self.missing

    def add(self, batch: "Batch") -> None:
        """Count a batch."""
        self.reset += len(batch.new)
        self.missing += batch.missing
        self.changed.update(batch.changed)


class _Terminal(io.TextIOBase):
    """stderr, which may disappear together with a connection: no reason to stop."""

    def isatty(self) -> bool:
        return bool(sys.stderr and sys.stderr.isatty())

    def write(self, text: str) -> int:
        with suppress(OSError):
            sys.stderr.write(text)
            sys.stderr.flush()
        return len(text)


@contextmanager
def progress_bar(total: int, *, hidden: bool) -> Iterator[Callable[[int], None]]:
    """Show a bar with the rate and the time left, on a terminal, and yield a function that moves it."""
    terminal = _Terminal()
    file = cast("TextIO", terminal)
    hidden = hidden or not terminal.isatty()
    bar = click.progressbar(length=total, label="Resetting", file=file, hidden=hidden, show_pos=True)
    bar.item_show_func = lambda _: f"{1 / bar.time_per_iteration:.0f}/s" if bar.avg else None
    with bar:
        yield bar.update
