"""Audit lines of many resets."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result as Invoked

from tests.audit.conftest import TERMINATE, assert_no_secret, assert_refused
from tests.support.bulk import OUT, assert_valid, bulk_arguments, names
from tests.support.servers import Server
from tests.support.syslog import NOTICE, Listener, fill
from zato_sso_reset.audit import syslog
from zato_sso_reset.audit.trail import Audit
from zato_sso_reset.cli.delivery import Result
from zato_sso_reset.services import bulk_reset as bulk

Invoke = Callable[..., Invoked]


class TestMany:
    """reset-user-passwords."""

    def test_is_told_of_each(
        self, server: Server, log: Listener, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each user has a line, once the batch is committed."""
        monkeypatch.setattr(bulk, "BATCH", 3)
        done = invoke(*bulk_arguments(server, "--all", "--yes", "--must-change", "yes"))
        lines = log.lines()

        assert [line["user"] for line in lines] == names(done.stdout)
        assert len(lines) == 4
        for line in lines:
            assert line.severity == NOTICE
            assert line["command"] == "reset-user-passwords"
            assert line["changed"] == "password, password_expiry, must_change=true"
            assert line["outcome"] == "done"
            assert server.database.name in line["database"]
            assert_no_secret(line, server)

    def test_refusal_is_told_once(self, sqlite_server: Server, log: Listener, invoke: Invoke) -> None:
        """A run that is refused as a whole has one line."""
        arguments = bulk_arguments(sqlite_server, "--users-from", "-", "--yes", output=OUT)
        done = invoke(*arguments, input="user1\nnobody1\n")
        line = assert_refused(log, sqlite_server, done, 22)

        assert "user" not in line.fields

    def test_dry_run_is_not_told(self, sqlite_server: Server, log: Listener, invoke: Invoke) -> None:
        """What changes nothing is no news, nor is that it fails."""
        for args in (["--all"], ["--users-from", "-"]):
            invoke(*bulk_arguments(sqlite_server, "--dry-run", *args, output=OUT), input="nobody1\n")

        assert log.lines() == []

    def test_ends_early(
        self, sqlite_server: Server, log: Listener, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A run that is stopped has a line for each user who is done, and one for itself."""
        monkeypatch.setattr(bulk, "BATCH", 2)
        changed = Audit.changed

        def stop(*args: object) -> None:
            changed(*args)  # type: ignore[arg-type]
            os.kill(os.getpid(), signal.SIGTERM)

        monkeypatch.setattr(Audit, "changed", stop)
        done = invoke(*bulk_arguments(sqlite_server, "--all", "--yes", output=OUT))
        *changes, last = log.lines()

        assert done.exit_code == last["exit_code"] == 143
        assert [line["user"] for line in changes] == names(OUT.read_text())
        assert last["error"].startswith("Stopped. 2 of 4 users are done.")

    @pytest.mark.parametrize("server", ["postgresql"], indirect=True)
    @pytest.mark.parametrize(("is_changed", "exit_code"), [(False, 79), (True, 76)])
    def test_commit_fails(
        self,
        server: Server,
        log: Listener,
        invoke: Invoke,
        monkeypatch: pytest.MonkeyPatch,
        exit_code: int,
        *,
        is_changed: bool,
    ) -> None:
        """Users whose old passwords stay have no line; those of whom nobody knows have one that says so."""
        monkeypatch.setattr(bulk, "BATCH", 2)
        write_line = Result.write_line
        batches = []

        def harm(result: Result, text: str) -> None:
            write_line(result, text)
            batches.append(text)
            if len(batches) == 2:
                server.database.run(TERMINATE)
                if is_changed:
                    server.database.run("UPDATE zato_sso_user SET password = 'third'")

        monkeypatch.setattr(Result, "write_line", harm)
        done = invoke(*bulk_arguments(server, "--all", "--yes"))
        *changes, last = log.lines()
        expected = ["done", "done", "unknown", "unknown"][: 4 if is_changed else 2]

        assert (done.exit_code, last["exit_code"]) == (exit_code, exit_code)
        assert last["outcome"] == ("unknown" if is_changed else "refused")
        assert [line["outcome"] for line in changes] == expected
        assert [line["user"] for line in changes] == names(done.stdout)[: len(expected)]

    def test_syslog_is_stuck(
        self,
        sqlite_server: Server,
        log: Listener,
        invoke: Invoke,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        """It is waited for once, and warned of once."""
        monkeypatch.setattr(syslog, "TIMEOUT", 0.5)
        fill(tmp_path / "log")
        start = time.monotonic()
        done = invoke(*bulk_arguments(sqlite_server, "--all", "--yes"))

        assert time.monotonic() - start < 2
        assert done.exit_code == 0
        assert done.stderr.count("Warning: The audit line could not be sent") == 1
        assert_valid(sqlite_server, done.stdout)
        assert log.end.recv(10) == b"x"
