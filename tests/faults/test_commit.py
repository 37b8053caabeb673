"""Rows 10 to 14: what becomes of a password that is out when its COMMIT goes wrong."""

import os
import time
from collections.abc import Callable

import pytest

from tests.faults.conftest import Proxied, Running, assert_new, assert_old, one_line, printed
from tests.support.databases import run
from tests.support.servers import OLD
from zato_sso_reset.database import engine as odb
from zato_sso_reset.errors import CommitRefusedError, CommitUnknownError
from zato_sso_reset.server.config import ServerConfig
from zato_sso_reset.services.reset import Outcome, reset_user_password

Start = Callable[..., Running]


class TestProcess:
    """The account has its old password, or the printed one; exit code and stderr say which."""

    def reset(
        self, proxied: Proxied, start: Start, harm: Callable[[], object], hurried: str = ""
    ) -> tuple[int, str, str]:
        """Reset the password of `user1`, and do harm once the line is out and the COMMIT is not."""
        running = start(proxied.server, "after-line:SIGSTOP", hurried)
        running.wait_until_stopped()
        harm()
        return running.go_on()

    def test_cut_before_it_arrives(self, proxied: Proxied, start: Start) -> None:
        """Row 10: the printed password is said to be void."""
        code, stdout, stderr = self.reset(proxied, start, lambda: proxied.proxy.arm("cut"))

        assert code == 79
        assert one_line(stderr)
        assert "printed password is void" in stderr
        assert printed(stdout)
        assert_old(proxied.server)

    def test_answer_lost(self, proxied: Proxied, start: Start) -> None:
        """Row 11: the new password is found on a new connection, so that all is well."""
        code, stdout, stderr = self.reset(proxied, start, lambda: proxied.proxy.arm("lose-answer"))

        assert (code, stderr) == (0, "")
        assert_new(proxied.server, stdout)

    def test_answer_is_nonsense(self, proxied: Proxied, start: Start) -> None:
        """Row 11: whatever a driver makes of the answer, it is the database that is asked."""
        code, stdout, stderr = self.reset(
            proxied, start, lambda: proxied.proxy.arm("garble-answer"), hurried="1"
        )

        assert (code, stderr) == (0, "")
        assert_new(proxied.server, stdout)

    def test_server_hangs_and_commit_is_late(self, proxied: Proxied, start: Start) -> None:
        """Rows 12 and 13: while the row is locked nobody can know; later the new password is there."""
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

    def test_backend_ended_before_it(self, proxied: Proxied, start: Start) -> None:
        """Row 14: the printed password is said to be void."""
        code, stdout, stderr = self.reset(proxied, start, proxied.end_connections)

        assert code == 79
        assert one_line(stderr)
        assert printed(stdout)
        assert_old(proxied.server)


class TestUseCase:
    """The same, of the use case itself: which error it raises after the delivery."""

    def reset(self, proxied: Proxied, harm: Callable[[], object]) -> str:
        """Reset the password of `user1`, and do harm as it is delivered; return what was delivered."""
        delivered = []

        def deliver(outcome: Outcome) -> None:
            delivered.append(outcome.new.password)
            harm()

        config = ServerConfig.read(proxied.server.path, env=os.environ, stdin=None, warn=pytest.fail)
        reset_user_password(
            config, "user1", expiry=None, must_change=None, deliver=deliver, note=lambda _: None
        )
        return delivered[0]

    def test_is_refused(self, proxied: Proxied) -> None:
        """A connection that was ended is told from a change that took place."""
        with pytest.raises(CommitRefusedError):
            self.reset(proxied, proxied.end_connections)

        assert_old(proxied.server)

    def test_is_unknown_where_somebody_else_came_in_between(self, proxied: Proxied) -> None:
        """With a third password there, nobody can tell whether ours was stored before."""

        def harm() -> None:
            proxied.end_connections()
            proxied.server.database.run("UPDATE zato_sso_user SET password = 'third'")

        with pytest.raises(CommitUnknownError, match="Somebody else"):
            self.reset(proxied, harm)

    def test_is_unknown_where_the_look_fails(self, proxied: Proxied, monkeypatch: pytest.MonkeyPatch) -> None:
        """An answer that is nonsense, to the look-up too, leaves it open."""
        monkeypatch.setattr(odb, "TRANSACTION_TIMEOUT", 2)

        def harm() -> None:
            proxied.proxy.arm("cut")
            proxied.proxy.arm("garble-answer", at=b"FOR UPDATE")

        with pytest.raises(CommitUnknownError):
            self.reset(proxied, harm)

        assert_old(proxied.server)

    def test_takes_place(self, proxied: Proxied) -> None:
        """A lost answer is no error."""
        password = self.reset(proxied, lambda: proxied.proxy.arm("lose-answer"))

        assert proxied.server.opens("user1", password)

    def test_is_unknown(self, proxied: Proxied) -> None:
        """A row that somebody else has locked by then can't be looked at."""
        with proxied.server.database.connect() as connection:

            def harm() -> None:
                proxied.end_other_connections(connection)
                run(connection, "BEGIN")
                run(connection, "SELECT * FROM zato_sso_user WHERE username = 'user1' FOR UPDATE")

            with pytest.raises(CommitUnknownError):
                self.reset(proxied, harm)
