"""Audit lines of resets that are done, and where they go: each arrives at a real socket."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result as Invoked

from tests.audit.conftest import CHANGE, CHOSEN, RESET, assert_no_secret
from tests.support.servers import LINE, Server
from tests.support.syslog import NOTICE, Listener, udp_listener, unix_listener
from zato_sso_reset.audit.operator import host, operating_user

Invoke = Callable[..., Invoked]


class TestChange:
    """A reset that is done."""

    def test_is_told(self, server: Server, log: Listener, invoke: Invoke) -> None:
        """One line has who, where, which server and database, which user, what changed, the outcome."""
        done = invoke(*RESET, server.path, "user1")
        match = LINE.fullmatch(done.stdout)
        line = log.line()
        database = line.fields.pop("database")
        line.fields.pop("tty", None)

        assert match
        assert (done.exit_code, done.stderr) == (0, "")
        assert line.severity == NOTICE
        assert line.pid == os.getpid()
        assert line.fields == {
            "command": "reset-user-password",
            "user": "user1",
            "changed": "password, password_expiry",
            "outcome": "done",
            "server": str(server.path),
            "by": operating_user(),
            "host": host(),
        }
        assert server.database.name in database
        assert server.database.host in database
        assert_no_secret(line, server, match["password"])

    @pytest.mark.parametrize("word", ["true", "false"])
    def test_tells_whether_the_password_must_be_changed(
        self, sqlite_server: Server, log: Listener, invoke: Invoke, word: str
    ) -> None:
        """The flag is named where it is set."""
        invoke(*RESET, "--must-change", word, sqlite_server.path, "user1")

        assert log.line()["changed"] == f"password, password_expiry, must_change={word}"

    def test_tells_what_else_was_asked_for(
        self, sqlite_server: Server, log: Listener, invoke: Invoke
    ) -> None:
        """What lets a user in, or others out, is named too."""
        invoke(*RESET, "--unlock", "--disable-totp", "--revoke-access", sqlite_server.path, "locked1")

        assert log.line()["changed"] == "password, password_expiry, unlock, disable_totp, revoke_access"

    @pytest.mark.parametrize("by", ["--password-stdin", f"--password={CHOSEN}"])
    def test_password_of_ones_choice(
        self, sqlite_server: Server, log: Listener, invoke: Invoke, by: str
    ) -> None:
        """A password that was chosen is as secret as one that was generated."""
        done = invoke(*CHANGE, by, sqlite_server.path, "user1", input=CHOSEN)
        line = log.line()

        assert done.exit_code == 0
        assert sqlite_server.opens("user1", CHOSEN)
        assert (line["command"], line["user"], line["outcome"]) == ("change-user-password", "user1", "done")
        assert_no_secret(line, sqlite_server, CHOSEN)

    @pytest.mark.parametrize("command", [RESET, (*CHANGE, "--password-stdin")])
    def test_dry_run_is_not_told(
        self, sqlite_server: Server, log: Listener, invoke: Invoke, command: tuple[str, ...]
    ) -> None:
        """What changes nothing is no news, nor is that it would be refused."""
        for username, exit_code in (("user1", 0), ("nobody1", 22)):
            done = invoke(*command, "--dry-run", sqlite_server.path, username, input=CHOSEN)
            assert done.exit_code == exit_code

        assert log.lines() == []

    def test_tells_who_called_sudo(
        self, sqlite_server: Server, log: Listener, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """SUDO_USER is told beside the user of the process, and forges nothing."""
        monkeypatch.setenv("SUDO_USER", 'alice" by="root"\n')
        invoke(*RESET, sqlite_server.path, "user1")
        line = log.line()

        assert line["sudo_user"] == 'alice" by="root"\\n'
        assert line["by"] == operating_user()

    def test_relative_path_is_told_whole(
        self, sqlite_server: Server, log: Listener, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The line says where the directory is, wherever it was called from."""
        monkeypatch.chdir(sqlite_server.path.parent)
        invoke(*RESET, sqlite_server.path.name, "user1")

        assert log.line()["server"] == str(sqlite_server.path)

    def test_from_config_tells_once(self, sqlite_server: Server, log: Listener, invoke: Invoke) -> None:
        """A command that runs another has the line of that one."""
        invoke(*RESET, "--store-config", sqlite_server.path, "user1")
        assert log.line()["outcome"] == "done"
        [stored] = Path.cwd().glob("*.config")
        invoke("from-config", stored)

        assert log.line()["command"] == "reset-user-password"


class TestAddress:
    """`[audit] syslog` of `sso.toml`."""

    def test_another_socket(
        self, sqlite_server: Server, log: Listener, tmp_path: Path, process: Callable[..., object]
    ) -> None:
        """An absolute path is a Unix socket, here to a process of its own."""
        sqlite_server.override(f'[audit]\nsyslog = "{tmp_path}/other"')
        with unix_listener(tmp_path / "other") as other:
            process(*RESET, sqlite_server.path, "user1")
            assert other.line()["user"] == "user1"
        assert log.lines() == []

    def test_another_machine(self, sqlite_server: Server, log: Listener, invoke: Invoke) -> None:
        """A host and port are reached over UDP; a refusal goes there too."""
        with udp_listener() as (distant, port):
            sqlite_server.override(f'[audit]\nsyslog = "127.0.0.1:{port}"')
            invoke(*RESET, sqlite_server.path, "user1")
            invoke(*RESET, sqlite_server.path, "nobody1")
            assert [line["outcome"] for line in distant.lines()] == ["done", "refused"]
        assert log.lines() == []

    def test_turned_off(self, sqlite_server: Server, log: Listener, invoke: Invoke) -> None:
        """With `false` nothing is sent, of a change or of a refusal, and --verbose says so."""
        sqlite_server.override("[audit]\nsyslog = false")
        done = invoke(*RESET, "--verbose", sqlite_server.path, "user1")
        refused = invoke(*RESET, sqlite_server.path, "nobody1")

        assert (done.exit_code, refused.exit_code) == (0, 22)
        assert "Audit: none.\n" in done.stderr
        assert log.lines() == []

    def test_machine_without_a_syslog(
        self, sqlite_server: Server, log: Listener, invoke: Invoke, tmp_path: Path
    ) -> None:
        """Nothing is sent, and nothing said."""
        (tmp_path / "log").unlink()
        done = invoke(*RESET, sqlite_server.path, "user1")
        refused = invoke(*RESET, sqlite_server.path, "nobody1")

        assert (done.exit_code, done.stderr, refused.exit_code) == (0, "", 22)
        assert refused.stderr.count("\n") == 1
        assert log.lines() == []

    def test_is_told(self, sqlite_server: Server, log: Listener, invoke: Invoke, tmp_path: Path) -> None:
        """With --verbose, where the line goes is told."""
        done = invoke(*RESET, "--verbose", sqlite_server.path, "user1")

        assert f"Audit: `{tmp_path / 'log'}`.\n" in done.stderr
        assert len(log.lines()) == 1
