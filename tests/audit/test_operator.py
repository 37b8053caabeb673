"""Who runs a process, and where."""

import os
import pty
import pwd
import socket

import pytest

from zato_sso_reset.audit.operator import host, operating_user, terminal, user_at_host


class TestWho:
    """The operating system's user, host and terminal."""

    def test_user_is_not_what_the_environment_says(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The user is who the process belongs to, whatever LOGNAME is."""
        for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
            monkeypatch.setenv(name, "somebody-else")

        assert operating_user() == pwd.getpwuid(os.getuid()).pw_name != "somebody-else"

    def test_user_without_a_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A number that no account has stands for itself."""
        monkeypatch.setattr(os, "getuid", lambda: 4294967)

        assert operating_user() == "4294967"

    def test_host_is_the_node_name_of_the_system(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The host is the name that the kernel has, whatever HOSTNAME or the resolver says."""
        named = os.uname_result(("Linux", "node-name-1", "", "", ""))
        monkeypatch.setattr(os, "uname", lambda: named)
        monkeypatch.setenv("HOSTNAME", "elsewhere")
        monkeypatch.setattr(socket, "getfqdn", lambda _name="": "elsewhere.example")

        assert host() == "node-name-1"
        assert user_at_host() == f"{operating_user()}@node-name-1"

    def test_terminal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The terminal is that of the first stream that has one."""
        controller, end = pty.openpty()
        ttyname = os.ttyname
        try:
            monkeypatch.setattr(os, "ttyname", lambda fd: ttyname(end if fd == 2 else os.open(os.devnull, 0)))
            assert terminal() == ttyname(end)
        finally:
            os.close(controller)
            os.close(end)

    def test_no_terminal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Under cron there is none."""

        def fail(_fd: int) -> str:
            raise OSError

        monkeypatch.setattr(os, "ttyname", fail)
        assert terminal() == ""
