"""Time limits and signal handling."""

import errno
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Thread
from typing import NoReturn, TypeVar

_Result = TypeVar("_Result")

_TERMINATING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in a system call that still waits after `seconds`; for the main thread only."""

    def interrupt(*_: object) -> NoReturn:
        raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))

    before = signal.signal(signal.SIGALRM, interrupt)
    mask = signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})  # it may be blocked from the start
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGALRM, before)


def call_in_time(function: Callable[[], _Result], seconds: float) -> _Result:
    """Return the result of `function`, or raise TimeoutError after `seconds`; for waits that no signal ends.

    A late function continues in a daemon thread, so the process can still end.
    """
    from concurrent.futures import Future
    from concurrent.futures import TimeoutError as FutureTimeoutError  # before Python 3.11, another class

    future: Future[_Result] = Future()

    def work() -> None:
        try:
            future.set_result(function())
        except BaseException as error:  # noqa: BLE001 the caller gets it
            future.set_exception(error)

    Thread(target=work, daemon=True).start()
    try:
        return future.result(seconds)
    except FutureTimeoutError:
        raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)) from None


def ignore_signals() -> None:
    """Ignore SIGINT, SIGTERM and SIGHUP until the process ends.

    They are not blocked: a blocked signal would still end the process when it is unblocked.
    """
    for number in _TERMINATING:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def keyboard_interrupts() -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt, so that an interrupted prompt restores the terminal's echo."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def immediate_interrupts() -> Iterator[None]:
    """Let Ctrl-C end the process at once, even inside a database driver, as SIGTERM does."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # unless it is ignored until the end
            signal.signal(signal.SIGINT, before)


@contextmanager
def deferred_signals(notify: Callable[[], object] = lambda: None) -> Iterator[Sequence[int]]:
    """Defer SIGINT, SIGTERM and SIGHUP, calling `notify` at each, and yield the numbers of those received."""
    received: list[int] = []

    def receive(number: int, _frame: object) -> None:
        received.append(number)
        notify()

    # A signal that is ignored, as under nohup, stays ignored.
    deferred = [number for number in _TERMINATING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, receive) for number in deferred}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def ended_together() -> Iterator[Callable[[int], None]]:
    """Kill a process group before a signal ends this process; yield a function that names the group.

    A signal that arrives earlier takes effect when the group is named. Deferred or ignored, it kills nothing.
    """
    groups: list[int] = []
    received: list[int] = []

    def end(number: int, _: object = None) -> None:
        received.append(number)
        if groups:
            kill_group(groups[0])
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    def watch(group: int) -> None:
        groups.append(group)
        if received:
            end(received[0])

    ending = [number for number in _TERMINATING if signal.getsignal(number) is signal.SIG_DFL]
    for number in ending:
        signal.signal(number, end)
    try:
        yield watch
    finally:
        for number in ending:
            signal.signal(number, signal.SIG_DFL)


def kill_group(group: int) -> None:
    """Kill a process group; do nothing if it does not exist or may not be killed."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
