"""Rows 1 to 3: signals at each point of the commit path."""

from tests.faults.conftest import Start, assert_new, assert_old, each_signal, printed
from tests.support.servers import OLD, Server

SIGNALS = {"SIGHUP": 1, "SIGINT": 2, "SIGTERM": 15}


class TestKilled:
    """SIGKILL, after which none of our code runs."""

    def test_before_the_line(self, server: Server, start: Start) -> None:
        """Row 1: the old password stays, and nothing is printed."""
        code, stdout, _ = start(server, "after-update:SIGKILL").finish()

        assert code == -9
        assert_old(server, stdout)

    def test_between_line_and_commit(self, server: Server, start: Start) -> None:
        """Row 1: the old password stays, although a complete line was printed."""
        code, stdout, _ = start(server, "after-line:SIGKILL").finish()

        assert code == -9
        assert printed(stdout) != OLD
        assert_old(server)

    def test_after_the_commit(self, server: Server, start: Start) -> None:
        """Row 1: the account has the printed password."""
        code, stdout, _ = start(server, "after-commit:SIGKILL").finish()

        assert code == -9
        assert_new(server, stdout)


@each_signal("signal")
class TestTerminated:
    """The signals of a shell, a terminal and a service manager."""

    def test_before_the_line(self, server: Server, start: Start, signal: str) -> None:
        """Row 2: the process ends at once, without a traceback, and the old password stays."""
        code, stdout, stderr = start(server, f"after-update:{signal}").finish()

        assert code == -SIGNALS[signal]  # which is 128 + n in a shell
        assert stderr == ""
        assert_old(server, stdout)

    def test_after_the_line(self, server: Server, start: Start, signal: str) -> None:
        """Row 3: the signal is ignored, and the change is committed."""
        code, stdout, stderr = start(server, f"after-line:{signal}").finish()

        assert (code, stderr) == (0, "")
        assert_new(server, stdout)
