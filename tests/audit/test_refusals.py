"""Audit lines of resets that are refused."""

import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result as Invoked

from tests.audit.conftest import CHANGE, CHOSEN, RESET, TERMINATE, assert_no_secret, assert_refused
from tests.conftest import ZATO
from tests.support.databases import PASSWORD
from tests.support.harms import malformed_url, no_database, no_password_is_taken
from tests.support.limits import in_no_directory
from tests.support.servers import LINE, OLD, Server
from tests.support.syslog import CRITICAL, WARNING, Listener
from zato_sso_reset.cli.delivery import Result
from zato_sso_reset.database import engine as odb
from zato_sso_reset.domain.generator import PasswordGenerator

Invoke = Callable[..., Invoked]


def another_key(server: Server) -> None:
    """Have a key that is none of the server's."""
    server.edit("secrets.conf", "secret_keys", key1="A" * 43 + "=")


def another_role(server: Server) -> None:
    """Have a user that the database does not let in."""
    odb = {"engine": "postgresql", "host": "127.0.0.1", "port": "5432", "username": "no_such_user"}
    server.edit("server.conf", "odb", password=f'"{PASSWORD}"', **odb)


def malformed_toml(server: Server) -> None:
    """Have overrides that are none, with a password in them."""
    server.override(f"[audit]\nsyslog = {PASSWORD}")


def malformed_address(server: Server) -> None:
    """Have an address that is none."""
    server.override('[audit]\nsyslog = "not an address"')


class TestRefusal:
    """A reset that is refused."""

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
    def test_is_told(
        self,
        sqlite_server: Server,
        log: Listener,
        invoke: Invoke,
        harm: Callable[[Server], None],
        exit_code: int,
    ) -> None:
        """Whatever the reason, also one that is found before anything of the server is known."""
        harm(sqlite_server)
        line = assert_refused(log, sqlite_server, invoke(*RESET, sqlite_server.path, "user1"), exit_code)

        assert line["user"] == "user1"
        assert ("database" in line.fields) is (exit_code != 78)

    def test_expiry_too_far_away(self, sqlite_server: Server, log: Listener, invoke: Invoke) -> None:
        """A value that is refused only once the server is known is told."""
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
    def test_password_of_ones_choice(
        self,
        sqlite_server: Server,
        log: Listener,
        invoke: Invoke,
        *,
        toml: str,
        password: str,
        exit_code: int,
    ) -> None:
        """A password that can't be, or that the policy refuses, is told without it."""
        sqlite_server.override(f"[password]\n{toml}".lower())
        done = invoke(*CHANGE, "--password-stdin", sqlite_server.path, "user1", input=password)
        line = log.line()

        assert (done.exit_code, line["exit_code"], line["outcome"]) == (exit_code, exit_code, "refused")
        assert line["error"] in done.stderr
        assert_no_secret(line, sqlite_server, CHOSEN, CHOSEN.lower())
        assert sqlite_server.opens("user1", OLD)

    def test_no_such_user(self, server: Server, log: Listener, invoke: Invoke) -> None:
        """Of a user who is not there, and one who is not approved; the database is told."""
        for username in ("nobody1", "pending1"):
            line = assert_refused(log, server, invoke(*RESET, server.path, username), 22)
            assert line["user"] == username
            assert server.database.name in line["database"]

    def test_not_a_server(self, sqlite_server: Server, log: Listener, invoke: Invoke) -> None:
        """A path that is no server's is told as it was given."""
        (sqlite_server.repo / "secrets.conf").unlink()

        assert_refused(log, sqlite_server, invoke(*RESET, sqlite_server.path, "user1"), 23)

    def test_locked_database(
        self, sqlite_server: Server, log: Listener, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A database that is busy changes nothing, and is told."""
        monkeypatch.setitem(odb._CONNECT_ARGS["sqlite"], "timeout", 0.1)  # noqa: SLF001 no need to wait
        with sqlite3.connect(sqlite_server.database.name, isolation_level=None) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            done = invoke(*RESET, sqlite_server.path, "user1")
        connection.close()

        assert_refused(log, sqlite_server, done, 75)

    def test_log_that_can_not_be_made(
        self, sqlite_server: Server, log: Listener, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A file that can't be made ends the command before the server is read."""
        with in_no_directory(monkeypatch):
            done = invoke(*RESET, "--store-log", sqlite_server.path, "user1")

        assert_refused(log, sqlite_server, done, 73)

    @pytest.mark.parametrize("redirection", [">/dev/full", ">&-"])
    def test_stdout_fails(
        self, sqlite_server: Server, log: Listener, tmp_path: Path, redirection: str
    ) -> None:
        """A password that could not be written out is told, with stdout closed too."""
        sqlite_server.override(f'[audit]\nsyslog = "{tmp_path}/log"')
        argv = ["/bin/sh", "-c", f'exec "$0" "$@" {redirection}', str(ZATO), *RESET]
        done = subprocess.run(
            [*argv, str(sqlite_server.path), "user1"], stderr=subprocess.PIPE, text=True, check=False
        )
        line = log.line()

        assert (done.returncode, line["exit_code"], line["outcome"]) == (74, 74, "refused")
        assert done.stderr == f"Error: {line['error']}\n"
        assert sqlite_server.opens("user1", OLD)

    def test_bug(
        self, sqlite_server: Server, log: Listener, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An error that nobody foresaw is told as the user is told, without its message."""

        def generate(_self: object) -> str:
            raise RuntimeError(PASSWORD)

        monkeypatch.setattr(PasswordGenerator, "generate", generate)
        assert_refused(log, sqlite_server, invoke(*RESET, sqlite_server.path, "user1"), 16)

    @pytest.mark.parametrize("server", ["postgresql"], indirect=True)
    @pytest.mark.parametrize(("is_changed", "exit_code"), [(False, 79), (True, 76)])
    def test_commit_fails(
        self,
        server: Server,
        log: Listener,
        invoke: Invoke,
        monkeypatch: pytest.MonkeyPatch,
        exit_code: int,
        *,
        is_changed: bool,
    ) -> None:
        """A password that is void is told, and so is that nobody knows, which is critical."""
        write_line = Result.write_line

        def harm(result: Result, text: str) -> None:
            write_line(result, text)
            server.database.run(TERMINATE)
            if is_changed:
                server.database.run("UPDATE zato_sso_user SET password = 'third'")

        monkeypatch.setattr(Result, "write_line", harm)
        done = invoke(*RESET, server.path, "user1")
        match = LINE.fullmatch(done.stdout)
        line = log.line()

        assert match
        assert (done.exit_code, line["exit_code"]) == (exit_code, exit_code)
        assert line["outcome"] == ("unknown" if is_changed else "refused")
        assert line.severity == (CRITICAL if is_changed else WARNING)
        assert_no_secret(line, server, match["password"])

    @pytest.mark.parametrize("args", [["--expiry", "x"], ["--no-such-option"], ["user2"]])
    def test_mistake_on_the_command_line(
        self, sqlite_server: Server, log: Listener, invoke: Invoke, args: list[str]
    ) -> None:
        """What the parser does not understand is of no server, and not told."""
        assert invoke(*RESET, *args, sqlite_server.path, "user1").exit_code == 2
        assert log.lines() == []
