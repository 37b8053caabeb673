"""Audit lines of resets, received on a real socket."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.audit.conftest import CHANGE, CHOSEN, RESET, Invoke, assert_no_secret
from tests.support.servers import LINE, Server
from tests.support.syslog import NOTICE, Listener, udp_listener, unix_listener
from zato_sso_reset.audit.operator import host, operating_user


class TestChange:
    """The line of a committed change."""

    def test_line_has_operator_server_user_change_and_outcome(
        self, server: Server, log: Listener, invoke: Invoke
    ) -> None:
        """It holds no secret."""
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

    @pytest.mark.parametrize(
        ("options", "changes"),
        [
            (["--must-change", "true"], "must_change=true"),
            (["--must-change", "false"], "must_change=false"),
            (["--unlock", "--disable-totp", "--revoke-access"], "unlock, disable_totp, revoke_access"),
        ],
    )
    def test_other_requested_changes_are_named(
        self, sqlite_server: Server, log: Listener, invoke: Invoke, options: list[str], changes: str
    ) -> None:
        """Options that are not given are not."""
        invoke(*RESET, *options, sqlite_server.path, "locked1")

        assert log.line()["changed"] == f"password, password_expiry, {changes}"

    @pytest.mark.parametrize("by", ["--password-stdin", f"--password={CHOSEN}"])
    def test_chosen_password_stays_secret(
        self, sqlite_server: Server, log: Listener, invoke: Invoke, by: str
    ) -> None:
        """The line has the command and its outcome."""
        done = invoke(*CHANGE, by, sqlite_server.path, "user1", input=CHOSEN)
        line = log.line()

        assert done.exit_code == 0
        assert sqlite_server.opens("user1", CHOSEN)
        assert (line["command"], line["user"], line["outcome"]) == ("change-user-password", "user1", "done")
        assert_no_secret(line, sqlite_server, CHOSEN)

    @pytest.mark.parametrize("command", [RESET, (*CHANGE, "--password-stdin")])
    def test_dry_run_is_not_recorded(
        self, sqlite_server: Server, log: Listener, invoke: Invoke, command: tuple[str, ...]
    ) -> None:
        """Neither is a dry run that is refused."""
        for username, exit_code in (("user1", 0), ("nobody1", 22)):
            done = invoke(*command, "--dry-run", sqlite_server.path, username, input=CHOSEN)
            assert done.exit_code == exit_code

        assert log.lines() == []

    def test_sudo_user_is_a_separate_field(
        self, sqlite_server: Server, log: Listener, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It can't forge another field."""
        monkeypatch.setenv("SUDO_USER", 'alice" by="root"\n')
        invoke(*RESET, sqlite_server.path, "user1")
        line = log.line()

        assert line["sudo_user"] == 'alice" by="root"\\n'
        assert line["by"] == operating_user()

    def test_relative_path_is_recorded_as_absolute(
        self, sqlite_server: Server, log: Listener, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The current directory does not matter to a reader of the line."""
        monkeypatch.chdir(sqlite_server.path.parent)
        invoke(*RESET, sqlite_server.path.name, "user1")

        assert log.line()["server"] == str(sqlite_server.path)

    def test_from_config_is_recorded_as_the_stored_command(
        self, sqlite_server: Server, log: Listener, invoke: Invoke
    ) -> None:
        """There is one line."""
        invoke(*RESET, "--store-config", sqlite_server.path, "user1")
        assert log.line()["outcome"] == "done"
        [stored] = Path.cwd().glob("*.config")
        invoke("from-config", stored)

        assert log.line()["command"] == "reset-user-password"


class TestAddress:
    """`[audit] syslog` of `sso.toml`."""

    def test_path_is_a_unix_socket(
        self, sqlite_server: Server, log: Listener, tmp_path: Path, process: Callable[..., object]
    ) -> None:
        """The machine's own syslog receives nothing."""
        sqlite_server.override(f'[audit]\nsyslog = "{tmp_path}/other"')
        with unix_listener(tmp_path / "other") as other:
            process(*RESET, sqlite_server.path, "user1")
            assert other.line()["user"] == "user1"
        assert log.lines() == []

    def test_host_and_port_are_reached_over_udp(
        self, sqlite_server: Server, log: Listener, invoke: Invoke
    ) -> None:
        """Refusals go there too."""
        with udp_listener() as (distant, port):
            sqlite_server.override(f'[audit]\nsyslog = "127.0.0.1:{port}"')
            invoke(*RESET, sqlite_server.path, "user1")
            invoke(*RESET, sqlite_server.path, "nobody1")
            assert [line["outcome"] for line in distant.lines()] == ["done", "refused"]
        assert log.lines() == []

    def test_false_turns_the_trail_off(self, sqlite_server: Server, log: Listener, invoke: Invoke) -> None:
        """--verbose says so."""
        sqlite_server.override("[audit]\nsyslog = false")
        done = invoke(*RESET, "--verbose", sqlite_server.path, "user1")
        refused = invoke(*RESET, sqlite_server.path, "nobody1")

        assert (done.exit_code, refused.exit_code) == (0, 22)
        assert "Audit: none.\n" in done.stderr
        assert log.lines() == []

    def test_machine_without_a_syslog_has_no_trail(
        self, sqlite_server: Server, log: Listener, invoke: Invoke, tmp_path: Path
    ) -> None:
        """There is no warning."""
        (tmp_path / "log").unlink()
        done = invoke(*RESET, sqlite_server.path, "user1")
        refused = invoke(*RESET, sqlite_server.path, "nobody1")

        assert (done.exit_code, done.stderr, refused.exit_code) == (0, "", 22)
        assert refused.stderr.count("\n") == 1
        assert log.lines() == []

    def test_verbose_prints_the_address(
        self, sqlite_server: Server, log: Listener, invoke: Invoke, tmp_path: Path
    ) -> None:
        """The line is sent once."""
        done = invoke(*RESET, "--verbose", sqlite_server.path, "user1")

        assert f"Audit: `{tmp_path / 'log'}`.\n" in done.stderr
        assert len(log.lines()) == 1
