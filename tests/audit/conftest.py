"""Fixtures and checks of the tests of the audit trail."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result

from tests.conftest import AUDIT
from tests.support.databases import PASSWORD
from tests.support.servers import OLD, Server
from tests.support.syslog import WARNING, AuditLine, Listener, unix_listener
from zato_sso_reset.audit import syslog
from zato_sso_reset.cli.delivery import Stdout

Invoke = Callable[..., Result]

RESET = ("sso", "reset-user-password")

CHANGE = ("sso", "change-user-password")

CHOSEN = "a-Secret.of-my-own"

_TERMINATE = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE usename = current_user AND pid <> pg_backend_pid()"
)


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    """Listen as the machine's own syslog, which receives the audit lines."""
    monkeypatch.delenv(AUDIT)
    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setattr(syslog, "LOCAL", str(tmp_path / "log"))
    with unix_listener(tmp_path / "log") as listener:
        yield listener


def end_connection_after_line(
    monkeypatch: pytest.MonkeyPatch, server: Server, number: int, *, is_changed: bool
) -> None:
    """End all connections after a line of stdout; with `is_changed`, then change the passwords."""
    write_line = Stdout.write_line
    lines = []

    def write_and_end(stdout: Stdout, text: str) -> None:
        write_line(stdout, text)
        lines.append(text)
        if len(lines) == number:
            server.database.run(_TERMINATE)
            if is_changed:
                server.database.run("UPDATE zato_sso_user SET password = 'third'")

    monkeypatch.setattr(Stdout, "write_line", write_and_end)


def assert_no_secret(line: AuditLine, server: Server, *secrets: str) -> None:
    """Check that a line holds no secret."""
    for secret in (*secrets, server.key, PASSWORD, OLD, "gAAAA", "pbkdf2"):
        assert secret not in line.raw


def assert_refused(log: Listener, server: Server, done: Result, exit_code: int) -> AuditLine:
    """Check that a refusal is recorded in the words of stderr, and return the line."""
    line = log.line()
    assert (done.exit_code, line["exit_code"], line["outcome"]) == (exit_code, exit_code, "refused")
    assert line.severity == WARNING
    assert done.stderr == f"Error: {line['error']}\n"
    assert line["server"] == str(server.path)
    assert "changed" not in line.fields
    assert_no_secret(line, server)
    return line
