"""Time limits and signal handling."""

import os
import signal
import threading
import time

import pytest

from zato_sso_reset.signals import call_in_time, deferred_signals, keyboard_interrupts, time_limit


class TestKeyboardInterrupts:
    """`keyboard_interrupts`."""

    def test_ctrl_c_raises_inside_only(self) -> None:
        """Outside, Ctrl-C ends the process at once."""
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        with pytest.raises(KeyboardInterrupt), keyboard_interrupts():
            os.kill(os.getpid(), signal.SIGINT)

        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL

    def test_ignored_ctrl_c_stays_ignored(self) -> None:
        """It is ignored under nohup."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with keyboard_interrupts():
            os.kill(os.getpid(), signal.SIGINT)

        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_time_limit_interrupts_a_system_call() -> None:
    """The handler of SIGALRM is restored."""
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(TimeoutError), time_limit(0.05):
        time.sleep(10)

    assert signal.getsignal(signal.SIGALRM) is before


def test_time_limit_unblocks_its_signal() -> None:
    """Row 33: SIGALRM may be blocked in the inherited mask, which is restored."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    try:
        with pytest.raises(TimeoutError), time_limit(0.05):
            time.sleep(1)
    finally:
        mask = signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})

    assert signal.SIGALRM in mask


class TestCallInTime:
    """`call_in_time`."""

    def test_result_or_exception_is_the_functions(self) -> None:
        """They are the same as in a plain call."""
        assert call_in_time(lambda: 1, 10) == 1
        with pytest.raises(ZeroDivisionError):
            call_in_time(lambda: 1 / 0, 10)

    def test_late_function_is_a_timeout(self) -> None:
        """No signal could interrupt this wait."""
        late = threading.Event()
        with pytest.raises(TimeoutError, match="timed out"):
            call_in_time(late.wait, 0.05)
        late.set()


def test_deferred_signals_are_counted_and_handlers_restored() -> None:
    """An ignored signal stays ignored."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with deferred_signals() as received:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            os.kill(os.getpid(), number)

    assert received == [signal.SIGTERM, signal.SIGINT]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
