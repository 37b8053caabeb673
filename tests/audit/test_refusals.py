"""Audit lines of refused resets."""

import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.audit.conftest import (
    CHANGE,
    CHOSEN,
    RESET,
    Invoke,
    assert_no_secret,
    assert_refused,
    end_connection_after_line,
)
from tests.conftest import ZATO
from tests.support.databases import PASSWORD, PORTS
from tests.support.harms import malformed_url, no_database, no_password_is_taken
from tests.support.limits import in_no_directory
from tests.support.servers import LINE, OLD, Server
from tests.support.syslog import CRITICAL, WARNING, Listener
from zato_sso_reset.database import engine
from zato_sso_reset.domain.generator import PasswordGenerator


def another_key(server: Server) -> None:
    """Replace the secret key by another server's."""
    server.edit("secrets.conf", "secret_keys", key1="A" * 43 + "=")


def another_role(server: Server) -> None:
    """Use a database user that does not exist."""
    odb = {"engine": "postgresql", "host": "127.0.0.1", "username": "no_such_user"}
    server.edit("server.conf", "odb", port=str(PORTS["postgresql"]), password=f'"{PASSWORD}"', **odb)


def malformed_toml(server: Server) -> None:
    """Write malformed overrides with a password."""
    server.override(f"[audit]\nsyslog = {PASSWORD}")


def malformed_address(server: Server) -> None:
    """Write an invalid syslog address."""
    server.override('[audit]\nsyslog = "not an address"')


class TestRefusal:
    """The line has the message and the exit code that the user gets."""

    @pytest.mark.parametrize(
        ("harm", "exit_code"),
        [
            (no_password_is_taken, 21),
            (no_database, 69),
            (another_role, 77),
            (another_key, 78),
            (malformed_toml, 78),
            (malformed_address, 78),
            (malformed_url, 78),
        ],
        ids=lambda value: getattr(value, "__name__", None),
    )
    def test_any_refusal_is_recorded(
        self,
        sqlite_server: Server,
        log: Listener,
        invoke: Invoke,
        harm: Callable[[Server], None],
        exit_code: int,
    ) -> None:
        """Errors in the configuration come before the database is known."""
        harm(sqlite_server)
        line = assert_refused(log, sqlite_server, invoke(*RESET, sqlite_server.path, "user1"), exit_code)

        assert line["user"] == "user1"
        assert ("database" in line.fields) is (exit_code != 78)

    def test_expiry_beyond_the_year_9999_is_recorded(
        self, sqlite_server: Server, log: Listener, invoke: Invoke
    ) -> None:
        """This value is refused after the server was read."""
        done = invoke(*RESET, "--expiry", "9999999", sqlite_server.path, "user1")

        assert_refused(log, sqlite_server, done, 2)

    @pytest.mark.parametrize(
        ("toml", "password", "exit_code"),
        [
            ("", f"{CHOSEN}\n\n", 2),
            (f'reject_list = "{CHOSEN}"', CHOSEN, 21),
            ("min_length = 99", CHOSEN, 21),
        ],
    )
    def test_refused_password_stays_secret(
        self,
        sqlite_server: Server,
        log: Listener,
        invoke: Invoke,
        *,
        toml: str,
        password: str,
        exit_code: int,
    ) -> None:
        """An invalid password, and one that the policy refuses."""
        sqlite_server.override(f"[password]\n{toml}".lower())
        done = invoke(*CHANGE, "--password-stdin", sqlite_server.path, "user1", input=password)
        line = log.line()

        assert (done.exit_code, line["exit_code"], line["outcome"]) == (exit_code, exit_code, "refused")
        assert line["error"] in done.stderr
        assert_no_secret(line, sqlite_server, CHOSEN, CHOSEN.lower())
        assert sqlite_server.opens("user1", OLD)

    def test_unknown_and_unapproved_users_are_recorded(
        self, server: Server, log: Listener, invoke: Invoke
    ) -> None:
        """The line names the user and the database."""
        for username in ("nobody1", "pending1"):
            line = assert_refused(log, server, invoke(*RESET, server.path, username), 22)
            assert line["user"] == username
            assert server.database.name in line["database"]

    def test_path_that_is_not_a_server_is_recorded(
        self, sqlite_server: Server, log: Listener, invoke: Invoke
    ) -> None:
        """The line has the given path."""
        (sqlite_server.repo / "secrets.conf").unlink()

        assert_refused(log, sqlite_server, invoke(*RESET, sqlite_server.path, "user1"), 23)

    def test_locked_database_is_recorded(
        self, sqlite_server: Server, log: Listener, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The command gave up waiting."""
        monkeypatch.setitem(engine._CONNECT_ARGS["sqlite"], "timeout", 0.1)  # noqa: SLF001 shorter than a user's
        with sqlite3.connect(sqlite_server.database.name, isolation_level=None) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            done = invoke(*RESET, sqlite_server.path, "user1")
        connection.close()

        assert_refused(log, sqlite_server, done, 75)

    def test_log_that_cannot_be_created_is_recorded(
        self, sqlite_server: Server, log: Listener, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """This error ends the command before the server is read."""
        with in_no_directory(monkeypatch):
            done = invoke(*RESET, "--store-log", sqlite_server.path, "user1")

        assert_refused(log, sqlite_server, done, 73)

    @pytest.mark.parametrize("redirection", [">/dev/full", ">&-"])
    def test_failed_delivery_is_recorded(
        self, sqlite_server: Server, log: Listener, tmp_path: Path, redirection: str
    ) -> None:
        """Rows 4 and 6: stdout is full or closed."""
        sqlite_server.override(f'[audit]\nsyslog = "{tmp_path}/log"')
        argv = ["/bin/sh", "-c", f'exec "$0" "$@" {redirection}', str(ZATO), *RESET]
        done = subprocess.run(
            [*argv, str(sqlite_server.path), "user1"], stderr=subprocess.PIPE, text=True, check=False
        )
        line = log.line()

        assert (done.returncode, line["exit_code"], line["outcome"]) == (74, 74, "refused")
        assert done.stderr == f"Error: {line['error']}\n"
        assert sqlite_server.opens("user1", OLD)

    def test_bug_is_recorded_without_its_message(
        self, sqlite_server: Server, log: Listener, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The message may hold a secret."""

        def generate(_self: object) -> str:
            raise RuntimeError(PASSWORD)

        monkeypatch.setattr(PasswordGenerator, "generate", generate)
        assert_refused(log, sqlite_server, invoke(*RESET, sqlite_server.path, "user1"), 16)

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
        """Row 14: an unknown outcome is critical."""
        end_connection_after_line(monkeypatch, server, 1, is_changed=is_changed)
        done = invoke(*RESET, server.path, "user1")
        match = LINE.fullmatch(done.stdout)
        line = log.line()

        assert match
        assert (done.exit_code, line["exit_code"]) == (exit_code, exit_code)
        assert line["outcome"] == ("unknown" if is_changed else "refused")
        assert line.severity == (CRITICAL if is_changed else WARNING)
        assert_no_secret(line, server, match["password"])

    @pytest.mark.parametrize("args", [["--expiry", "x"], ["--no-such-option"], ["user2"]])
    def test_usage_error_is_not_recorded(
        self, sqlite_server: Server, log: Listener, invoke: Invoke, args: list[str]
    ) -> None:
        """No server is known yet."""
        assert invoke(*RESET, *args, sqlite_server.path, "user1").exit_code == 2
        assert log.lines() == []
