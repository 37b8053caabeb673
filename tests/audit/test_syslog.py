"""Where an audit line goes, and how."""

import os
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.servers import Server
from tests.support.syslog import AUTHPRIV, NOTICE, fill, udp_listener, unix_listener
from zato_sso_reset.audit import syslog
from zato_sso_reset.audit.syslog import Address, Syslog, read_address, shown
from zato_sso_reset.errors import ConfigError

VARIABLE = "Zato_Config_Server_sso__conf_audit_syslog"


def address_of(server: Server, env: Mapping[str, str] | None = None) -> Address | None:
    """Return where the lines of a server go."""
    return read_address(server.path, env=env or {}, warn=lambda _: None)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Have a machine with a syslog; return where it is."""
    path = tmp_path / "log"
    monkeypatch.setattr(syslog, "LOCAL", str(path))
    with unix_listener(path):
        yield str(path)


class TestReadAddress:
    """`[audit] syslog`."""

    def test_is_the_machines_own_unless_told(self, sqlite_server: Server, here: str) -> None:
        """Without `sso.toml`, or with one that says nothing of it, lines go to the machine's syslog."""
        assert address_of(sqlite_server) == here

        sqlite_server.override("[password]\nexpiry = 3")
        assert address_of(sqlite_server) == here

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
    def test_is_what_sso_toml_says(
        self, sqlite_server: Server, here: str, value: str, address: Address | None
    ) -> None:
        """A path, a host, a host and a port, none at all; `$NAME` names an environment variable."""
        assert address != here
        sqlite_server.override(f"[audit]\nsyslog = {value}")

        assert address_of(sqlite_server, {"SYSLOG": "from-env:99"}) == address

    def test_true_is_the_default(self, sqlite_server: Server, here: str) -> None:
        """`true` is what holds anyway."""
        sqlite_server.override("[audit]\nsyslog = true")

        assert address_of(sqlite_server) == here

    def test_environment_beats_sso_toml(self, sqlite_server: Server, here: str) -> None:
        """As for any other setting."""
        sqlite_server.override("[audit]\nsyslog = true")

        assert address_of(sqlite_server, {VARIABLE: "false"}) is None
        assert address_of(sqlite_server, {VARIABLE: "/dev/other"}) == "/dev/other"
        assert address_of(sqlite_server, {VARIABLE: "True"}) == here

    def test_machine_without_a_syslog(
        self, sqlite_server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """There is nowhere to send lines to."""
        monkeypatch.setattr(syslog, "LOCAL", str(tmp_path / "none"))

        assert address_of(sqlite_server) is None

    @pytest.mark.parametrize(
        "value",
        [
            '""',
            "1",
            "[]",
            '"log/socket"',
            '"a b"',
            '"::1"',
            '"host:"',
            '"host:0"',
            '"host:65536"',
            '"host:²"',
            '"tcp://host"',
            '"/a\\u0000b"',
            '"$UNSET"',
            '"zato+secret://zato.syslog"',
        ],
    )
    def test_malformed(self, sqlite_server: Server, value: str) -> None:
        """What is no address is an error that names the setting."""
        sqlite_server.override(f"[audit]\nsyslog = {value}")

        with pytest.raises(ConfigError, match=r"\[audit\] syslog"):
            address_of(sqlite_server)

    def test_not_a_server(self, tmp_path: Path, here: str) -> None:
        """Where there is no server, the environment alone may lead elsewhere than to the machine's own."""
        assert read_address(tmp_path / "none", env={}, warn=print) == here
        assert read_address(tmp_path, env={VARIABLE.replace("Server", "Unknown"): "h"}, warn=print) == (
            "h",
            514,
        )


class TestSyslog:
    """Sending a line."""

    def test_unix_socket(self, tmp_path: Path) -> None:
        """A line goes out as one datagram, with facility, severity, program and process."""
        with unix_listener(tmp_path / "log") as listener:
            Syslog(str(tmp_path / "log")).send(NOTICE, 'user="user1"')
            assert listener.end.recv(1000) == (
                f'<{AUTHPRIV * 8 + NOTICE}>zato-sso-reset[{os.getpid()}]: user="user1"'.encode()
            )

    @pytest.mark.parametrize(
        ("host", "family"),
        [("127.0.0.1", socket.AF_INET), ("localhost", socket.AF_INET), ("::1", socket.AF_INET6)],
    )
    def test_udp(self, host: str, family: int) -> None:
        """A host is sent to over UDP, IPv6 among it."""
        with udp_listener(family) as (listener, port):
            Syslog((host, port)).send(NOTICE, "exit_code=0")
            assert listener.line().fields == {"exit_code": 0}

    def test_nobody_listens(self, tmp_path: Path) -> None:
        """A socket that is missing, or that nobody has open, is an error."""
        path = tmp_path / "log"
        with pytest.raises(FileNotFoundError):
            Syslog(str(path)).send(NOTICE, "a=1")
        with unix_listener(path):
            pass
        with pytest.raises(ConnectionRefusedError):
            Syslog(str(path)).send(NOTICE, "a=1")

    @pytest.mark.parametrize("host", ["no-such-host.invalid", f"{'a' * 64}.invalid", "a..b"])
    def test_host_without_an_address(self, host: str) -> None:
        """A name that is not found is an error at once, of one kind."""
        with pytest.raises(OSError, match=r"."):
            Syslog((host, 514))

    def test_nobody_reads(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A syslog that is stuck costs one bounded wait, however many lines there are."""
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
            sender.send(NOTICE, "a=2")  # it goes on once somebody reads

    def test_restarted_in_between(self, tmp_path: Path) -> None:
        """A line finds the new socket of a syslog that was restarted since the last one."""
        path = tmp_path / "log"
        with unix_listener(path):
            sender = Syslog(str(path))
            sender.send(NOTICE, "a=1")
        path.unlink()
        with unix_listener(path) as listener:
            sender.send(NOTICE, "a=2")
            assert listener.line().fields == {"a": 2}


class TestShown:
    """An address in a message."""

    @pytest.mark.parametrize(
        ("address", "text"),
        [("/dev/log", "/dev/log"), (("host", 514), "host:514"), (("::1", 514), "[::1]:514")],
    )
    def test_as_it_is_written(self, address: Address, text: str) -> None:
        """It reads as in `sso.toml`."""
        assert shown(address) == text
