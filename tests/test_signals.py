"""Time limits and signal handling."""

import os
import signal
import subprocess
import threading
import time

import pytest

from zato_sso_reset.signals import (
    call_in_time,
    deferred_signals,
    ended_together,
    keyboard_interrupts,
    time_limit,
)


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


@pytest.mark.parametrize("is_early", [True, False])
def test_signal_ends_a_group_and_then_this_process(
    monkeypatch: pytest.MonkeyPatch, *, is_early: bool
) -> None:
    """A signal that comes before the group is known is not lost."""
    send, raised = signal.raise_signal, list[int]()
    monkeypatch.setattr(signal, "raise_signal", raised.append)
    with (
        subprocess.Popen(["sleep", "60"], start_new_session=True) as process,
        ended_together() as end_together_with,
    ):
        for is_signal in (is_early, not is_early):
            assert raised == []
            send(signal.SIGTERM) if is_signal else end_together_with(process.pid)

    assert process.returncode == -signal.SIGKILL
    assert raised == [signal.SIGTERM]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_deferred_signal_ends_no_group() -> None:
    """It is received when the block ends; an ignored one never is."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with (
        subprocess.Popen(["cat"], stdin=subprocess.PIPE, start_new_session=True) as process,
        deferred_signals() as received,
        ended_together() as end_together_with,
    ):
        end_together_with(process.pid)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.raise_signal(number)

    assert process.returncode == 0
    assert received == [signal.SIGTERM]
