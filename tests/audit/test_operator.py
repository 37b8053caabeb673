"""The operator of a process, and the machine."""

import os
import pty
import pwd
import socket

import pytest

from zato_sso_reset.audit.operator import host, operating_user, terminal, user_at_host


def test_user_is_not_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user is the owner of the process, whatever LOGNAME is."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")

    assert operating_user() == pwd.getpwuid(os.getuid()).pw_name != "somebody-else"


def test_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers often have users without an account."""
    monkeypatch.setattr(os, "getuid", lambda: 4294967)

    assert operating_user() == "4294967"


def test_host_is_the_kernel_s_node_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """HOSTNAME and the resolver do not matter."""
    named = os.uname_result(("Linux", "node-name-1", "", "", ""))
    monkeypatch.setattr(os, "uname", lambda: named)
    monkeypatch.setenv("HOSTNAME", "elsewhere")
    monkeypatch.setattr(socket, "getfqdn", lambda _name="": "elsewhere.example")

    assert host() == "node-name-1"
    assert user_at_host() == f"{operating_user()}@node-name-1"


def test_terminal_is_that_of_the_first_stream_with_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other streams may be redirected."""
    controller, end = pty.openpty()
    ttyname = os.ttyname
    try:
        monkeypatch.setattr(os, "ttyname", lambda fd: ttyname(end if fd == 2 else os.open(os.devnull, 0)))
        assert terminal() == ttyname(end)
    finally:
        os.close(controller)
        os.close(end)


def test_terminal_is_empty_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cron jobs have no terminal."""

    def fail(_fd: int) -> str:
        raise OSError

    monkeypatch.setattr(os, "ttyname", fail)
    assert terminal() == ""
