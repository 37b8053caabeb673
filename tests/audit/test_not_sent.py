"""Audit lines that can't be sent."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result as Invoked

from tests.audit.conftest import RESET
from tests.support.databases import PASSWORD
from tests.support.servers import LINE, Server
from tests.support.syslog import Listener, fill, udp_listener
from zato_sso_reset.audit import syslog
from zato_sso_reset.audit.trail import Audit

Invoke = Callable[..., Invoked]


class TestNotSent:
    """A line that can't be sent warns, and no more."""

    def assert_warned(self, server: Server, invoke: Invoke, to: object, reason: str) -> None:
        """See that a change is made and a refusal refused, with one warning each."""
        warning = f"Warning: The audit line could not be sent to `{to}`: {reason}.\n"
        done = invoke(*RESET, "--store-log", server.path, "user1")
        match = LINE.fullmatch(done.stdout)
        refused = invoke(*RESET, "--store-log", server.path, "nobody1")

        assert match
        assert server.opens("user1", match["password"])
        assert (done.exit_code, done.stderr) == (0, warning)
        assert refused.exit_code == 22
        assert refused.stderr.startswith(f"{warning}Error: No such user")
        assert refused.stderr.count("\n") == 2

    def test_nobody_listens(
        self, sqlite_server: Server, log: Listener, invoke: Invoke, tmp_path: Path
    ) -> None:
        """A socket that nobody has open is no syslog."""
        log.end.close()
        self.assert_warned(sqlite_server, invoke, tmp_path / "log", "Connection refused")

    def test_address_is_missing(
        self, sqlite_server: Server, log: Listener, invoke: Invoke, tmp_path: Path
    ) -> None:
        """A socket that `sso.toml` asks for has to be there."""
        sqlite_server.override(f'[audit]\nsyslog = "{tmp_path}/none"')
        self.assert_warned(sqlite_server, invoke, tmp_path / "none", "No such file or directory")
        assert log.lines() == []

    def test_host_is_not_found(
        self, sqlite_server: Server, log: Listener, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A host without an address is told as the resolver tells it."""

        def fail(*_: object, **__: object) -> None:
            raise socket.gaierror(-2, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", fail)
        sqlite_server.override('[audit]\nsyslog = "loghost"')
        self.assert_warned(sqlite_server, invoke, "loghost:514", "Name or service not known")
        assert log.lines() == []

    def test_nobody_reads(
        self,
        sqlite_server: Server,
        log: Listener,
        invoke: Invoke,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        """A syslog that is stuck is waited for, but not for long."""
        monkeypatch.setattr(syslog, "TIMEOUT", 0.2)
        fill(tmp_path / "log")
        self.assert_warned(sqlite_server, invoke, tmp_path / "log", "timed out")
        assert log.end.recv(10) == b"x"

    def test_udp_is_refused(self, sqlite_server: Server, log: Listener, invoke: Invoke) -> None:
        """Where no UDP port listens, nothing can be told: that is what UDP is like."""
        with udp_listener() as (_, port):
            pass
        sqlite_server.override(f'[audit]\nsyslog = "127.0.0.1:{port}"')
        done = invoke(*RESET, sqlite_server.path, "user1")

        assert (done.exit_code, done.stderr) == (0, "")
        assert log.lines() == []

    def test_bug(
        self,
        sqlite_server: Server,
        log: Listener,
        invoke: Invoke,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        """An error that nobody foresaw is no reason to fail either, and its message is not told."""

        def fail(_self: object) -> str:
            raise RuntimeError(PASSWORD)

        monkeypatch.setattr(Audit, "_database", fail)
        self.assert_warned(sqlite_server, invoke, tmp_path / "log", "RuntimeError")
        assert log.lines() == []
