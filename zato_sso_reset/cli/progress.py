"""The progress of a bulk reset: a tally, and a line on the terminal that is stderr."""

import os
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zato_sso_reset.services.bulk_reset import Batch

INTERVAL = 0.1  # seconds between two drawings
STOPPING = "Stopping after this batch ..."


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
        """The number of users that a resumed run would skip."""
        return self.reset + self.missing

    def add(self, batch: "Batch") -> None:
        """Count a batch."""
        self.reset += len(batch.new)
        self.missing += batch.missing
        self.changed.update(batch.changed)


class Progress:
    """A line with the share, the number, the rate and the time left, redrawn in place.

    The terminal may disappear together with a connection, which is no reason to stop.
    """

    def __init__(self, total: int, *, hidden: bool) -> None:
        """Start to measure; `hidden` shows nothing but that the run is about to stop."""
        self._total = total
        self._done = 0
        self._fd = sys.stderr.fileno() if sys.stderr and sys.stderr.isatty() else None
        self._hidden = hidden
        self._stopping = False
        self._started = time.monotonic()
        self._drawn = 0.0

    def advance(self, count: int = 1) -> None:
        """Count passwords, and redraw the line if it is time to."""
        self._done += count
        if time.monotonic() - self._drawn >= INTERVAL:
            self._draw()

    def stop(self) -> None:
        """Show at once that the run stops after the current batch; a signal's handler may call this."""
        self._stopping = True
        self._draw()

    def close(self) -> None:
        """Leave the line as it is, and continue on the next one."""
        self._draw(end="\n")

    def _draw(self, end: str = "") -> None:
        """Write the line with a single system call: a signal's handler may interrupt it."""
        self._drawn = time.monotonic()
        if self._fd is not None and (self._stopping or not self._hidden):
            with suppress(OSError):
                width = (os.get_terminal_size(self._fd).columns or 80) - len("^C ")  # the echo of Ctrl-C
                text = STOPPING if self._stopping else self._text(width)
                os.write(self._fd, f"\r{text[:width]}\x1b[K{end}".encode())

    def _text(self, width: int) -> str:
        share = self._done / self._total if self._total else 1
        text = f"  {share:4.0%}  {self._done:{len(str(self._total))}}/{self._total}"
        elapsed = self._drawn - self._started
        if elapsed >= 1 and self._done:
            rate = self._done / elapsed
            left = str(timedelta(seconds=round((self._total - self._done) / rate)))
            left = left.removeprefix("0:").removeprefix("0")  # 0:23 instead of 0:00:23
            text += f"  {round(rate) or round(rate, 1)}/s  ETA {left}"
        room = max(width - len("Resetting []") - len(text), 0)
        bar = "#" * int(share * room)
        return f"Resetting [{bar:{room}}]{text}" if room else f"Resetting{text}"
