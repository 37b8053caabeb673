"""How far many resets have gone, on stderr."""

import io
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO, cast

import click

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar


class _Terminal(io.TextIOBase):
    """stderr, which may go away, as when a line is cut: no reason to stop."""

    def isatty(self) -> bool:
        return bool(sys.stderr and sys.stderr.isatty())

    def write(self, text: str) -> int:
        with suppress(OSError):
            sys.stderr.write(text)
            sys.stderr.flush()
        return len(text)


def progress_bar(total: int) -> "ProgressBar[int]":
    """Return a bar with rate and time left, which is seen where stderr is a terminal."""
    terminal = _Terminal()
    bar = click.progressbar(
        length=total,
        label="Resetting",
        file=cast("TextIO", terminal),
        hidden=not terminal.isatty(),
        show_pos=True,
    )
    bar.item_show_func = lambda _: f"{1 / bar.time_per_iteration:.0f} a second" if bar.avg else None
    return bar


def so_far(bar: "ProgressBar[int]") -> str:
    """Return the words for how far a bar is."""
    return f"{bar.pos} of {bar.length} users are done."
