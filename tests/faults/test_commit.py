"""Rows 10 to 14: the commit fails after the line was printed."""

import time
from collections.abc import Callable

import pytest

from tests.faults.conftest import (
    RESET,
    AfterLine,
    Invoke,
    Proxied,
    Start,
    assert_new,
    assert_old,
    one_line,
    printed,
)
from tests.support.databases import run
from tests.support.servers import OLD
from zato_sso_reset.database import watchdog


class TestProcess:
    """The exit code and stderr say whether the account has its old password or the printed one."""

    def reset(
        self, proxied: Proxied, start: Start, fault: Callable[[], object], hurried: str = ""
    ) -> tuple[int, str, str]:
        """Reset the password of `user1`, with a fault between the line and its COMMIT."""
        running = start(proxied.server, "after-line:SIGSTOP", hurried=hurried)
        running.wait_until_stopped()
        fault()
        return running.finish()

    @pytest.mark.parametrize("fault", ["cut", "end"])
    def test_lost_connection_makes_the_printed_password_void(
        self, proxied: Proxied, start: Start, fault: str
    ) -> None:
        """Rows 10 and 14: the connection is cut, or ended by the server, before COMMIT arrives."""
        faults = {"cut": lambda: proxied.proxy.arm("cut"), "end": proxied.end_connections}
        code, stdout, stderr = self.reset(proxied, start, faults[fault])

        assert code == 79
        assert one_line(stderr)
        assert "the new password is void, and the old one stays" in stderr
        assert printed(stdout)
        assert_old(proxied.server)

    @pytest.mark.parametrize("answer", ["lose-answer", "garble-answer"])
    def test_answer_lost(self, proxied: Proxied, start: Start, answer: str) -> None:
        """Row 11: the new password is found on a new connection, whatever the driver makes of the answer."""
        hurried = "1" if answer == "garble-answer" else ""
        code, stdout, stderr = self.reset(proxied, start, lambda: proxied.proxy.arm(answer), hurried)

        assert (code, stderr) == (0, "")
        assert_new(proxied.server, stdout)

    def test_server_hangs_and_commit_is_late(self, proxied: Proxied, start: Start) -> None:
        """Rows 12 and 13: while the row is locked, the outcome is unknown; later, the new password holds."""
        begun = time.monotonic()
        code, stdout, stderr = self.reset(proxied, start, lambda: proxied.proxy.arm("hold"), hurried="1")

        assert code == 76
        assert time.monotonic() - begun < 30
        assert one_line(stderr)
        assert "Run the command again" in stderr
        proxied.proxy.release()
        while proxied.server.opens("user1", OLD):
            time.sleep(0.05)
        assert_new(proxied.server, stdout)


class TestLookup:
    """A lookup that does not find the outcome of the commit."""

    def reset(self, proxied: Proxied, invoke: Invoke) -> str:
        """Reset the password of `user1`, which must end with 76; return stderr."""
        done = invoke(*RESET, proxied.server.path, "user1")
        assert done.exit_code == 76
        assert printed(done.stdout)
        assert one_line(done.stderr)
        assert "It is unknown whether the new password was stored." in done.stderr
        return done.stderr

    def test_lookup_fails(
        self, proxied: Proxied, invoke: Invoke, after_line: AfterLine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Row 10: a nonsensical answer to the lookup leaves the outcome unknown."""
        monkeypatch.setattr(watchdog, "TRANSACTION_TIMEOUT", 2)

        def fault() -> None:
            proxied.proxy.arm("cut")
            proxied.proxy.arm("garble-answer", at=b"FOR UPDATE")

        after_line(fault)
        self.reset(proxied, invoke)

        assert_old(proxied.server)

    @pytest.mark.usefixtures("hurried")
    def test_row_locked(self, proxied: Proxied, invoke: Invoke, after_line: AfterLine) -> None:
        """Row 14: a row that another session has locked meanwhile can't be looked up."""
        with proxied.server.database.connect() as connection:

            def fault() -> None:
                proxied.end_other_connections(connection)
                run(connection, "BEGIN")
                run(connection, "SELECT * FROM zato_sso_user WHERE username = 'user1' FOR UPDATE")

            after_line(fault)

            assert "is locked by another process" in self.reset(proxied, invoke)
