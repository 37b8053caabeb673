"""Audit lines that can't be sent: the command warns, and does its work."""

import socket
from pathlib import Path

import pytest

from tests.audit.conftest import RESET, Invoke
from tests.support.databases import PASSWORD
from tests.support.servers import LINE, Server
from tests.support.syslog import Listener, fill, udp_listener
from zato_sso_reset.audit import syslog, trail


def assert_warned(server: Server, invoke: Invoke, address: object, reason: str) -> None:
    """Check that a reset and a refusal end as usual, with one warning each."""
    warning = f"Warning: The audit line could not be sent to `{address}`: {reason}.\n"
    done = invoke(*RESET, server.path, "user1")
    match = LINE.fullmatch(done.stdout)
    refused = invoke(*RESET, server.path, "nobody1")

    assert match
    assert server.opens("user1", match["password"])
    assert (done.exit_code, done.stderr) == (0, warning)
    assert refused.exit_code == 22
    assert refused.stderr.startswith(f"{warning}Error: No such user")
    assert refused.stderr.count("\n") == 2


def test_socket_without_a_listener_is_warned_of(
    sqlite_server: Server, log: Listener, invoke: Invoke, tmp_path: Path
) -> None:
    """Syslog is not running."""
    log.end.close()
    assert_warned(sqlite_server, invoke, tmp_path / "log", "Connection refused")


def test_missing_socket_is_warned_of(
    sqlite_server: Server, log: Listener, invoke: Invoke, tmp_path: Path
) -> None:
    """Only the machine's own socket may be missing."""
    sqlite_server.override(f'[audit]\nsyslog = "{tmp_path}/none"')
    assert_warned(sqlite_server, invoke, tmp_path / "none", "No such file or directory")
    assert log.lines() == []


def test_unknown_host_is_warned_of(
    sqlite_server: Server, log: Listener, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason is the resolver's."""

    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    sqlite_server.override('[audit]\nsyslog = "loghost"')
    assert_warned(sqlite_server, invoke, "loghost:514", "Name or service not known")
    assert log.lines() == []


def test_stuck_syslog_is_warned_of(
    sqlite_server: Server, log: Listener, invoke: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The wait is limited."""
    monkeypatch.setattr(syslog, "TIMEOUT", 0.2)
    fill(tmp_path / "log")
    assert_warned(sqlite_server, invoke, tmp_path / "log", "timed out")
    assert log.end.recv(10) == b"x"


def test_udp_without_a_listener_is_not_noticed(sqlite_server: Server, log: Listener, invoke: Invoke) -> None:
    """UDP does not report that nobody received a line."""
    with udp_listener() as (_, port):
        pass
    sqlite_server.override(f'[audit]\nsyslog = "127.0.0.1:{port}"')
    done = invoke(*RESET, sqlite_server.path, "user1")

    assert (done.exit_code, done.stderr) == (0, "")
    assert log.lines() == []


def test_bug_is_warned_of_without_its_message(
    sqlite_server: Server, log: Listener, invoke: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The message may hold a secret."""

    def fail() -> str:
        raise RuntimeError(PASSWORD)

    monkeypatch.setattr(trail, "terminal", fail)
    assert_warned(sqlite_server, invoke, tmp_path / "log", "RuntimeError")
    assert log.lines() == []
