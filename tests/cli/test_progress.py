"""The progress of a bulk reset, as a terminal emulator shows it."""

import fcntl
import os
import pty
import struct
import sys
import termios
from collections.abc import Iterator
from contextlib import closing
from typing import TextIO

import pyte
import pytest

from zato_sso_reset.cli import progress
from zato_sso_reset.cli.progress import Progress

TOTAL = 100_000


class Emulator:
    """A terminal that can be stderr."""

    def __init__(self, master: int, slave: TextIO) -> None:
        self._master, self._slave = master, slave
        self._screen = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self._screen)

    def show(self, total: int = TOTAL, *, hidden: bool = False) -> "closing[Progress]":
        """Return the progress of a run, on this terminal."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stderr", self._slave)
            return closing(Progress(total, hidden=hidden))

    def resize(self, columns: int) -> None:
        """Change the width."""
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
        self._screen.resize(24, columns)

    def lines(self) -> list[str]:
        """Return the lines that are not blank, without trailing blanks."""
        os.write(self._slave.fileno(), b"\0")  # the end of what has been written so far
        data = b""
        while not data.endswith(b"\0"):
            data += os.read(self._master, 65536)
        self._stream.feed(data)
        return [line.rstrip() for line in self._screen.display if line.strip()]


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """Return a terminal, on which each change is drawn."""
    monkeypatch.setattr(progress, "INTERVAL", 0)
    master, slave = pty.openpty()
    with os.fdopen(slave, "w") as stderr:
        yield Emulator(master, stderr)
    os.close(master)


@pytest.mark.parametrize("columns", [20, 60, 80, 200])
def test_progress_is_one_line(emulator: Emulator, monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    """A hundred thousand users need no more, at any width that shows the numbers."""
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    emulator.resize(columns)
    with emulator.show() as line:
        for done in range(3000, TOTAL, 3000):
            now = done / 2640
            line.advance(3000)
            [shown] = emulator.lines()
            assert shown.startswith("Resetting")
            assert f"{done / TOTAL:.0%}" in shown
            if columns >= 60:
                assert f"{done}/{TOTAL}" in shown
                assert now < 1 or shown.partition("/s  ETA ")[0].endswith("  2640")
                assert done != 39_000 or shown.endswith("  ETA 0:23")


@pytest.mark.parametrize(
    ("rate", "shown"),
    [(0.4, "  0.4/s  ETA 2 days, 21:22:30"), (8.6, "  9/s  ETA 3:13:36"), (99, "  99/s  ETA 16:49")],
)
def test_rate_and_time_may_have_any_size(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, rate: float, shown: str
) -> None:
    """Argon2id may take seconds for a hash, and a run hours."""
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    with emulator.show() as line:
        now = 100 / rate
        line.advance(100)

        assert emulator.lines()[0].endswith(shown)


def test_width_is_that_of_the_moment(emulator: Emulator) -> None:
    """A wider terminal gets a longer bar on the same line."""
    with emulator.show() as line:
        line.advance()
        [narrow] = emulator.lines()
        emulator.resize(120)
        line.advance()
        [wide] = emulator.lines()

    assert (len(narrow), len(wide)) == (77, 117)


def test_line_is_not_redrawn_too_often(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal over a slow connection keeps up."""
    monkeypatch.setattr(progress, "INTERVAL", 60)
    with emulator.show() as line:
        line.advance(1)
        line.advance(1)
        [shown] = emulator.lines()

    assert f" 1/{TOTAL}" in shown


@pytest.mark.parametrize("hidden", [True, False])
def test_stop_is_shown_at_once(emulator: Emulator, *, hidden: bool) -> None:
    """It replaces the progress, until the end."""
    with emulator.show(hidden=hidden) as line:
        line.advance()
        line.stop()
        shown = emulator.lines()
        line.advance()

    assert shown == emulator.lines() == ["Stopping after this batch ..."]


def test_nothing_to_do_is_shown_as_done(emulator: Emulator) -> None:
    """A resumed run may have no users left."""
    with emulator.show(0):
        pass

    assert emulator.lines()[0].endswith("  100%  0/0")
