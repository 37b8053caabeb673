"""The progress bar of a bulk reset, on stderr."""

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO, cast

import click


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
