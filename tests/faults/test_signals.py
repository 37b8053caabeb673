"""Rows 1 to 3: a process that is killed, or asked to end, at each point of the commit path."""

from collections.abc import Callable

import pytest

from tests.faults.conftest import Running, assert_new, assert_old, printed
from tests.support.servers import OLD, Server

Start = Callable[..., Running]

SIGNALS = {"SIGHUP": 1, "SIGINT": 2, "SIGTERM": 15}


class TestKilled:
    """SIGKILL, at which no code of ours runs any more."""

    def test_before_the_line(self, server: Server, start: Start) -> None:
        """Row 1: the old password, and nothing printed."""
        code, stdout, _ = start(server, "after-update:SIGKILL").go_on()

        assert code == -9
        assert_old(server, stdout)

    def test_between_line_and_commit(self, server: Server, start: Start) -> None:
        """Row 1: the old password, though a line was printed whole."""
        code, stdout, _ = start(server, "after-line:SIGKILL").go_on()

        assert code == -9
        assert printed(stdout) != OLD
        assert_old(server)

    def test_after_the_commit(self, server: Server, start: Start) -> None:
        """Row 1: the new password, which was printed whole."""
        code, stdout, _ = start(server, "after-commit:SIGKILL").go_on()

        assert code == -9
        assert_new(server, stdout)


@pytest.mark.parametrize(
    ("server", "signal"),
    [
        *(("sqlite", signal) for signal in SIGNALS),
        ("postgresql", "SIGINT"),
        ("mysql", "SIGTERM"),
    ],
    indirect=["server"],
)
class TestAskedToEnd:
    """The signals of a shell, a terminal and a service manager."""

    def test_before_the_line(self, server: Server, start: Start, signal: str) -> None:
        """Row 2: the process ends at once, without a traceback, with the old password."""
        code, stdout, stderr = start(server, f"after-update:{signal}").go_on()

        assert code == -SIGNALS[signal]  # which is 128 + n in a shell
        assert stderr == ""
        assert_old(server, stdout)

    def test_after_the_line(self, server: Server, start: Start, signal: str) -> None:
        """Row 3: the signal is ignored, and the change committed."""
        code, stdout, stderr = start(server, f"after-line:{signal}").go_on()

        assert (code, stderr) == (0, "")
        assert_new(server, stdout)
