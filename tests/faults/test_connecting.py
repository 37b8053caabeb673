"""Row 34: a silent name server, and many addresses that do not answer."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.conftest import AUDIT
from tests.faults.conftest import RESET, Refuse, assert_new, assert_old, one_line
from tests.support import processes
from tests.support.processes import STRUCK, environment
from tests.support.servers import Server
from zato_sso_reset.database import watchdog

BIND = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'


def reset_in_time(server: Server, *prefix: str) -> "subprocess.CompletedProcess[str]":
    """Reset the password of `user1`, with shortened time limits; a resolver alone would wait longer."""
    begun = time.monotonic()
    process = processes.start([*prefix, *STRUCK, *RESET, server.path, "user1"], env=environment(HURRIED="1"))
    stdout, stderr = process.communicate(timeout=60)
    assert time.monotonic() - begun < 15
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def assert_unreachable(server: Server, done: "subprocess.CompletedProcess[str]") -> None:
    """Check that the database could not be reached in time."""
    assert done.returncode == 69, done.stderr
    assert one_line(done.stderr)
    assert "can't be reached" in done.stderr
    assert_old(server, done.stdout)


@pytest.fixture
def silent_resolver(tmp_path: Path) -> Iterator[Sequence[str]]:
    """Return what to put before a command, so that its name server receives questions and answers none."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("needs root and unshare, for a resolv.conf of its own")
    pid = os.getpid()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as name_server:
        name_server.bind((f"127.9.{pid >> 8 & 255}.{pid & 255}", 53))
        file = tmp_path / "resolv.conf"
        file.write_text(f"nameserver {name_server.getsockname()[0]}\noptions timeout:30\n")
        prefix = ("unshare", "--mount", "sh", "-c", BIND, str(file))
        if subprocess.run([*prefix, "true"], check=False).returncode != 0:
            pytest.skip("no mount namespaces here")
        yield prefix
        name_server.settimeout(0)
        assert b"\7example" in name_server.recv(512)


class TestSilentNameServer:
    """The lookup of a name."""

    @pytest.mark.parametrize("engine", ["postgresql", "mysql"])
    def test_database_host_is_unreachable(
        self, sqlite_server: Server, silent_resolver: Sequence[str], engine: str
    ) -> None:
        """Row 34: the lookup ends with the time limit, though no signal interrupts it."""
        sqlite_server.edit("server.conf", "odb", engine=engine, host="db.example", username="u")

        assert_unreachable(sqlite_server, reset_in_time(sqlite_server, *silent_resolver))

    def test_syslog_host_is_only_a_warning(
        self, sqlite_server: Server, silent_resolver: Sequence[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Row 34: the same lookup for the audit trail."""
        monkeypatch.setenv(AUDIT, "log.example")
        done = reset_in_time(sqlite_server, *silent_resolver)

        assert "could not be sent to `log.example:514`: Connection timed out." in done.stderr
        assert_new(sqlite_server, done.stdout)


def test_all_addresses_share_one_time_limit(
    sqlite_server: Server, refuse: Refuse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 34: PostgreSQL's driver would wait for each of eight silent hosts in turn."""
    monkeypatch.setattr(watchdog, "TRANSACTION_TIMEOUT", 0.5)
    hosts = ",".join(f"127.0.0.{number}" for number in range(1, 9))
    begun = time.monotonic()
    with socket.create_server(("", 0)) as listener:
        port = str(listener.getsockname()[1])
        sqlite_server.edit("server.conf", "odb", engine="postgresql", host=f'"{hosts}"', port=port)

        assert "can't be reached" in refuse(sqlite_server, 69)
    assert time.monotonic() - begun < 5
