"""Bounds on what could wait for ever."""

import errno
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Interrupt whatever system call is still waiting after so long; for the main thread alone.

    Raises:
        TimeoutError: the time is up.
    """

    def give_up(*_: object) -> NoReturn:
        raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def ignore_signals() -> None:
    """Ignore, from here to the end of the process, what would end it.

    They are not blocked: a blocked signal would still end the process when it is released.
    """
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt, so that a terminal gets its echo back."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def signals_noted() -> Iterator[Callable[[], int]]:
    """Let what would end the process only be noted; what is yielded returns the signal's number, or 0."""
    noted = 0

    def note(number: int, _frame: object) -> None:
        nonlocal noted
        noted = number

    # What is ignored, as under nohup, stays so.
    asked = [number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, note) for number in asked}
    try:
        yield lambda: noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
