"""Syslog addresses, and sending to them."""

import os
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.servers import Server
from tests.support.syslog import AUTHPRIV, NOTICE, fill, udp_listener, unix_listener
from zato_sso_reset.audit import syslog
from zato_sso_reset.audit.syslog import Address, Syslog, display, read_address
from zato_sso_reset.errors import ConfigError

VARIABLE = "Zato_Config_Server_sso__conf_audit_syslog"


def address_of(server: Server, env: Mapping[str, str] | None = None) -> Address | None:
    """Return the address for the lines of a server."""
    return read_address(server.path, env=env or {})


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the address of the machine's own syslog."""
    path = tmp_path / "log"
    monkeypatch.setattr(syslog, "LOCAL", str(path))
    with unix_listener(path):
        yield str(path)


class TestReadAddress:
    """`[audit] syslog`."""

    @pytest.mark.parametrize("toml", ["", "[password]\nexpiry = 3", "[audit]\nsyslog = true"])
    def test_default_is_the_machine_s_own(self, sqlite_server: Server, local: str, toml: str) -> None:
        """`true` is the default."""
        assert address_of(sqlite_server) == local

        sqlite_server.override(toml)
        assert address_of(sqlite_server) == local

    @pytest.mark.parametrize(
        ("value", "address"),
        [
            ("false", None),
            ('"False"', None),
            ('"/run/other log"', "/run/other log"),
            ('"loghost"', ("loghost", 514)),
            ('"log-1.example.com:1514"', ("log-1.example.com", 1514)),
            ('"192.0.2.1:1"', ("192.0.2.1", 1)),
            ('"[2001:db8::1]"', ("2001:db8::1", 514)),
            ('"[::1]:65535"', ("::1", 65535)),
            ('"$SYSLOG"', ("from-env", 99)),
        ],
    )
    def test_sso_toml_sets_a_path_a_host_or_nothing(
        self, sqlite_server: Server, value: str, address: Address | None
    ) -> None:
        """`$NAME` is the value of an environment variable."""
        sqlite_server.override(f"[audit]\nsyslog = {value}")

        assert address_of(sqlite_server, {"SYSLOG": "from-env:99"}) == address

    @pytest.mark.parametrize("value", ["/run/S3cr3t", "S3cr3t:1"])
    def test_resolved_address_is_not_displayed(self, sqlite_server: Server, value: str) -> None:
        """A foreign directory: the variable may be a secret of the user's."""
        sqlite_server.override("[audit]\nsyslog = '$SYSLOG'")
        address = address_of(sqlite_server, {"SYSLOG": value})

        assert address in {"/run/S3cr3t", ("S3cr3t", 1)}
        assert display(address) == "[audit] syslog"

    def test_environment_overrides_sso_toml(self, sqlite_server: Server, local: str) -> None:
        """The precedence is that of any other setting."""
        sqlite_server.override("[audit]\nsyslog = true")

        assert address_of(sqlite_server, {VARIABLE: "false"}) is None
        assert address_of(sqlite_server, {VARIABLE: "/dev/other"}) == "/dev/other"
        assert address_of(sqlite_server, {VARIABLE: "True"}) == local

    def test_machine_without_a_syslog_has_no_address(
        self, sqlite_server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """Lines are sent nowhere."""
        monkeypatch.setattr(syslog, "LOCAL", str(tmp_path / "none"))

        assert address_of(sqlite_server) is None

    @pytest.mark.parametrize(
        "value",
        [
            *('""', "1", "[]", '"log/socket"', '"a b"', '"::1"', '"host:"', '"host:0"', '"host:65536"'),
            *('"host:²"', '"tcp://host"', '"/a\\u0000b"', '"$UNSET"', '"zato+secret://zato.syslog"'),
        ],
    )
    def test_malformed_address_is_an_error_that_names_the_setting(
        self, sqlite_server: Server, value: str
    ) -> None:
        """`sso.toml`: relative paths, unbracketed IPv6, bad ports, unset variables and secrets."""
        sqlite_server.override(f"[audit]\nsyslog = {value}")

        with pytest.raises(ConfigError, match=r"\[audit\] syslog"):
            address_of(sqlite_server)

    def test_environment_is_used_without_a_server(self, tmp_path: Path, local: str) -> None:
        """A refusal of a wrong path is recorded too."""
        assert read_address(tmp_path / "none", env={}) == local
        assert read_address(tmp_path, env={VARIABLE.replace("Server", "Unknown"): "h"}) == ("h", 514)


class TestSyslog:
    """Sending a line."""

    def test_line_is_one_datagram_to_a_unix_socket(self, tmp_path: Path) -> None:
        """It has the facility, the severity, the program and the process."""
        with unix_listener(tmp_path / "log") as listener:
            Syslog(str(tmp_path / "log")).send(NOTICE, 'user="user1"')
            assert listener.end.recv(1000) == (
                f'<{AUTHPRIV * 8 + NOTICE}>zato-sso-reset[{os.getpid()}]: user="user1"'.encode()
            )

    @pytest.mark.parametrize(
        ("host", "family"),
        [("127.0.0.1", socket.AF_INET), ("localhost", socket.AF_INET), ("::1", socket.AF_INET6)],
    )
    def test_host_is_sent_to_over_udp(self, host: str, family: int) -> None:
        """IPv6 works too."""
        with udp_listener(family) as (listener, port):
            Syslog((host, port)).send(NOTICE, "exit_code=0")
            assert listener.line().fields == {"exit_code": 0}

    def test_socket_without_a_listener_is_an_error(self, tmp_path: Path) -> None:
        """It is missing, or left over."""
        path = tmp_path / "log"
        with pytest.raises(FileNotFoundError):
            Syslog(str(path)).send(NOTICE, "a=1")
        with unix_listener(path):
            pass
        with pytest.raises(ConnectionRefusedError):
            Syslog(str(path)).send(NOTICE, "a=1")

    @pytest.mark.parametrize("host", ["no-such-host.invalid", f"{'a' * 64}.invalid", "a..b"])
    def test_unknown_host_is_an_os_error(self, host: str) -> None:
        """Invalid names are no exception."""
        with pytest.raises(OSError, match=r"."):
            Syslog((host, 514))

    def test_stuck_syslog_is_waited_for_once(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """After one limited wait, further lines fail at once."""
        monkeypatch.setattr(syslog, "TIMEOUT", 0.2)
        path = tmp_path / "log"
        with unix_listener(path) as listener:
            fill(path)
            sender = Syslog(str(path))
            start = time.monotonic()
            with pytest.raises(TimeoutError):
                sender.send(NOTICE, "a=1")
            assert 0.1 < time.monotonic() - start < 1.5
            for _ in range(100):
                with pytest.raises(BlockingIOError):
                    sender.send(NOTICE, "a=1")
            assert time.monotonic() - start < 1.5

            listener.end.recv(10)
            sender.send(NOTICE, "a=2")  # works again once somebody reads

    def test_line_reaches_a_restarted_syslog(self, tmp_path: Path) -> None:
        """Each line connects to the current socket."""
        path = tmp_path / "log"
        with unix_listener(path):
            sender = Syslog(str(path))
            sender.send(NOTICE, "a=1")
        path.unlink()
        with unix_listener(path) as listener:
            sender.send(NOTICE, "a=2")
            assert listener.line().fields == {"a": 2}


@pytest.mark.parametrize(
    ("address", "text"),
    [("/dev/log", "/dev/log"), (("host", 514), "host:514"), (("::1", 514), "[::1]:514")],
)
def test_address_is_displayed_as_in_sso_toml(address: Address, text: str) -> None:
    """IPv6 addresses have brackets."""
    assert display(address) == text
