"""Audit lines of `reset-user-passwords`."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.audit.conftest import (
    Invoke,
    assert_no_secret,
    assert_refused,
    end_connection_after_line,
)
from tests.support.bulk import OUT, assert_valid, bulk_arguments, names
from tests.support.servers import Server
from tests.support.syslog import NOTICE, Listener, fill
from zato_sso_reset.audit import syslog
from zato_sso_reset.audit.trail import Trail
from zato_sso_reset.services import bulk_reset as bulk


class TestManyUsers:
    """One line for each user, and one for a refused run."""

    def test_each_user_has_a_line(
        self, server: Server, log: Listener, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The lines are in the order of the output."""
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

    def test_refused_run_has_one_line(self, sqlite_server: Server, log: Listener, invoke: Invoke) -> None:
        """It names no user."""
        arguments = bulk_arguments(sqlite_server, "--users-from", "-", "--yes", output=OUT)
        done = invoke(*arguments, input="user1\nnobody1\n")
        line = assert_refused(log, sqlite_server, done, 22)

        assert "user" not in line.fields

    def test_dry_run_is_not_recorded(self, sqlite_server: Server, log: Listener, invoke: Invoke) -> None:
        """Neither is a dry run that is refused."""
        for args in (["--all"], ["--users-from", "-"]):
            invoke(*bulk_arguments(sqlite_server, "--dry-run", *args, output=OUT), input="nobody1\n")

        assert log.lines() == []

    def test_stopped_run_is_recorded_after_its_changes(
        self, sqlite_server: Server, log: Listener, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each user who is done has a line."""
        monkeypatch.setattr(bulk, "BATCH", 2)
        changed = Trail.changed

        def stop(*args: object) -> None:
            changed(*args)  # type: ignore[arg-type]
            os.kill(os.getpid(), signal.SIGTERM)

        monkeypatch.setattr(Trail, "changed", stop)
        done = invoke(*bulk_arguments(sqlite_server, "--all", "--yes", output=OUT))
        *changes, last = log.lines()

        assert done.exit_code == last["exit_code"] == 143
        assert [line["user"] for line in changes] == names(OUT.read_text())
        assert last["error"].startswith("Stopped. 2 of 4 users are done.")

    @pytest.mark.parametrize("server", ["postgresql"], indirect=True)
    @pytest.mark.parametrize(("is_changed", "exit_code"), [(False, 79), (True, 76)])
    def test_failed_commit_is_recorded_as_refused_or_unknown(
        self,
        server: Server,
        log: Listener,
        invoke: Invoke,
        monkeypatch: pytest.MonkeyPatch,
        exit_code: int,
        *,
        is_changed: bool,
    ) -> None:
        """Users whose old passwords stay have no line; an unknown outcome has one."""
        monkeypatch.setattr(bulk, "BATCH", 2)
        end_connection_after_line(monkeypatch, server, 2, is_changed=is_changed)
        done = invoke(*bulk_arguments(server, "--all", "--yes"))
        *changes, last = log.lines()
        expected = ["done", "done", "unknown", "unknown"][: 4 if is_changed else 2]

        assert (done.exit_code, last["exit_code"]) == (exit_code, exit_code)
        assert last["outcome"] == ("unknown" if is_changed else "refused")
        assert [line["outcome"] for line in changes] == expected
        assert [line["user"] for line in changes] == names(done.stdout)[: len(expected)]

    def test_stuck_syslog_is_waited_for_and_warned_of_once(
        self,
        sqlite_server: Server,
        log: Listener,
        invoke: Invoke,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        """The run does not wait for each user."""
        monkeypatch.setattr(syslog, "TIMEOUT", 0.5)
        fill(tmp_path / "log")
        start = time.monotonic()
        done = invoke(*bulk_arguments(sqlite_server, "--all", "--yes"))

        assert time.monotonic() - start < 2
        assert done.exit_code == 0
        assert done.stderr.count("Warning: The audit line could not be sent") == 1
        assert_valid(sqlite_server, done.stdout)
        assert log.end.recv(10) == b"x"
