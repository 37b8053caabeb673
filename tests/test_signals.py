"""Bounds on what could wait for ever."""

import os
import signal

import pytest

from zato_sso_reset.signals import interruptible


class TestInterruptible:
    """`interruptible`."""

    def test_ctrl_c_raises(self) -> None:
        """Where Ctrl-C would end the process at once, it raises; afterwards it is as before."""
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        with pytest.raises(KeyboardInterrupt), interruptible():
            os.kill(os.getpid(), signal.SIGINT)

        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL

    def test_ignored_stays_ignored(self) -> None:
        """As under nohup."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with interruptible():
            os.kill(os.getpid(), signal.SIGINT)

        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
