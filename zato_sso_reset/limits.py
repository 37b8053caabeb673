"""Bounds on what could wait for ever."""

import errno
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn


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
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
