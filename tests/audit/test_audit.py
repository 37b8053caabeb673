"""The audit trail: each change and each refusal arrives at a real socket."""

import os
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result as Invoked

from tests.conftest import AUDIT, ZATO
from tests.support.bulk import OUT, assert_valid, bulk_arguments, names
from tests.support.databases import PASSWORD
from tests.support.limits import in_no_directory
from tests.support.servers import LINE, OLD, Server
from tests.support.syslog import (
    CRITICAL,
    NOTICE,
    WARNING,
    AuditLine,
    Listener,
    fill,
    udp_listener,
    unix_listener,
)
from zato_sso_reset.audit import syslog
from zato_sso_reset.audit.operator import host, operating_user
from zato_sso_reset.audit.trail import Audit
from zato_sso_reset.cli.delivery import Result
from zato_sso_reset.database import engine as odb
from zato_sso_reset.domain.generator import PasswordGenerator
from zato_sso_reset.services import bulk_reset as bulk

Invoke = Callable[..., Invoked]

RESET = ("sso", "reset-user-password")

CHANGE = ("sso", "change-user-password")

CHOSEN = "a-Secret.of-my-own"

TERMINATE = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE usename = current_user AND pid <> pg_backend_pid()"
)


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    """Have a machine with a syslog, and lines sent to it."""
    monkeypatch.delenv(AUDIT)
    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setattr(syslog, "LOCAL", str(tmp_path / "log"))
    with unix_listener(tmp_path / "log") as listener:
        yield listener


def assert_no_secret(line: AuditLine, server: Server, *secrets: str) -> None:
    """See that nothing is in a line that is not to be there."""
    for secret in (*secrets, server.key, PASSWORD, OLD, "gAAAA", "pbkdf2"):
        assert secret not in line.raw


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


def another_key(server: Server) -> None:
    """Have a key that is none of the server's."""
    server.edit("secrets.conf", "secret_keys", key1="A" * 43 + "=")


def another_role(server: Server) -> None:
    """Have a user that the database does not let in."""
    odb = {"engine": "postgresql", "host": "127.0.0.1", "port": "5432", "username": "no_such_user"}
    server.edit("server.conf", "odb", password=f'"{PASSWORD}"', **odb)


def strict_policy(server: Server) -> None:
    """Have a policy that no generated password meets."""
    server.override("[password]\nmin_length = 100\nmax_length = 200")


def no_file(server: Server) -> None:
    """Have a database that is not there."""
    Path(server.database.name).unlink()


def malformed_toml(server: Server) -> None:
    """Have overrides that are none, with a password in them."""
    server.override(f"[audit]\nsyslog = {PASSWORD}")


def malformed_address(server: Server) -> None:
    """Have an address that is none."""
    server.override('[audit]\nsyslog = "not an address"')


def malformed_url(server: Server) -> None:
    """Have the address of a database that is none, with a password in it."""
    server.override(f'[sql]\nurl = "{PASSWORD}"')


def assert_refused(log: Listener, server: Server, done: Invoked, exit_code: int) -> AuditLine:
    """See that a refusal is told, in the words that the user gets, and return the line."""
    line = log.line()
    assert (done.exit_code, line["exit_code"], line["outcome"]) == (exit_code, exit_code, "refused")
    assert line.severity == WARNING
    assert done.stderr == f"Error: {line['error']}\n"
    assert line["server"] == str(server.path)
    assert "changed" not in line.fields
    assert_no_secret(line, server)
    return line


class TestRefusal:
    """A reset that is refused."""

    @pytest.mark.parametrize(
        ("harm", "exit_code"),
        [
            (strict_policy, 21),
            (no_file, 69),
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


class TestNotSent:
    """A line that can't be sent warns, and no more."""

    def assert_warned(self, server: Server, invoke: Invoke, to: object, reason: str) -> None:
        """See that a change is made and a refusal refused, with one warning each."""
        warning = f"Warning: The audit line could not be sent to `{to}`: {reason}.\n"
        done = invoke(*RESET, "--store-log", server.path, "user1")
        match = LINE.fullmatch(done.stdout)
        refused = invoke(*RESET, "--store-log", server.path, "nobody1")

        assert match
        assert server.opens("user1", match["password"])
        assert (done.exit_code, done.stderr) == (0, warning)
        assert refused.exit_code == 22
        assert refused.stderr.startswith(f"{warning}Error: No such user")
        assert refused.stderr.count("\n") == 2

    def test_nobody_listens(
        self, sqlite_server: Server, log: Listener, invoke: Invoke, tmp_path: Path
    ) -> None:
        """A socket that nobody has open is no syslog."""
        log.end.close()
        self.assert_warned(sqlite_server, invoke, tmp_path / "log", "Connection refused")

    def test_address_is_missing(
        self, sqlite_server: Server, log: Listener, invoke: Invoke, tmp_path: Path
    ) -> None:
        """A socket that `sso.toml` asks for has to be there."""
        sqlite_server.override(f'[audit]\nsyslog = "{tmp_path}/none"')
        self.assert_warned(sqlite_server, invoke, tmp_path / "none", "No such file or directory")
        assert log.lines() == []

    def test_host_is_not_found(
        self, sqlite_server: Server, log: Listener, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A host without an address is told as the resolver tells it."""

        def fail(*_: object, **__: object) -> None:
            raise socket.gaierror(-2, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", fail)
        sqlite_server.override('[audit]\nsyslog = "loghost"')
        self.assert_warned(sqlite_server, invoke, "loghost:514", "Name or service not known")
        assert log.lines() == []

    def test_nobody_reads(
        self,
        sqlite_server: Server,
        log: Listener,
        invoke: Invoke,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        """A syslog that is stuck is waited for, but not for long."""
        monkeypatch.setattr(syslog, "TIMEOUT", 0.2)
        fill(tmp_path / "log")
        self.assert_warned(sqlite_server, invoke, tmp_path / "log", "timed out")
        assert log.end.recv(10) == b"x"

    def test_udp_is_refused(self, sqlite_server: Server, log: Listener, invoke: Invoke) -> None:
        """Where no UDP port listens, nothing can be told: that is what UDP is like."""
        with udp_listener() as (_, port):
            pass
        sqlite_server.override(f'[audit]\nsyslog = "127.0.0.1:{port}"')
        done = invoke(*RESET, sqlite_server.path, "user1")

        assert (done.exit_code, done.stderr) == (0, "")
        assert log.lines() == []

    def test_bug(
        self,
        sqlite_server: Server,
        log: Listener,
        invoke: Invoke,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        """An error that nobody foresaw is no reason to fail either, and its message is not told."""

        def fail(_self: object) -> str:
            raise RuntimeError(PASSWORD)

        monkeypatch.setattr(Audit, "_database", fail)
        self.assert_warned(sqlite_server, invoke, tmp_path / "log", "RuntimeError")
        assert log.lines() == []


class TestMany:
    """reset-user-passwords."""

    def test_is_told_of_each(
        self, server: Server, log: Listener, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each user has a line, once the batch is committed."""
        monkeypatch.setattr(bulk, "BATCH", 3)
        done = invoke(*bulk_arguments(server, "--all", "--yes", "--must-change", "yes"))
        lines = log.lines()

        assert [line["user"] for line in lines] == names(done.stdout)
        assert len(lines) == 4
        for line in lines:
            assert line.severity == NOTICE
            assert line["command"] == "reset-user-passwords"
            assert line["changed"] == "password, password_expiry, must_change=true"
            assert line["outcome"] == "done"
            assert server.database.name in line["database"]
            assert_no_secret(line, server)

    def test_refusal_is_told_once(self, sqlite_server: Server, log: Listener, invoke: Invoke) -> None:
        """A run that is refused as a whole has one line."""
        arguments = bulk_arguments(sqlite_server, "--users-from", "-", "--yes", output=OUT)
        done = invoke(*arguments, input="user1\nnobody1\n")
        line = assert_refused(log, sqlite_server, done, 22)

        assert "user" not in line.fields

    def test_dry_run_is_not_told(self, sqlite_server: Server, log: Listener, invoke: Invoke) -> None:
        """What changes nothing is no news, nor is that it fails."""
        for args in (["--all"], ["--users-from", "-"]):
            invoke(*bulk_arguments(sqlite_server, "--dry-run", *args, output=OUT), input="nobody1\n")

        assert log.lines() == []

    def test_ends_early(
        self, sqlite_server: Server, log: Listener, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A run that is stopped has a line for each user who is done, and one for itself."""
        monkeypatch.setattr(bulk, "BATCH", 2)
        changed = Audit.changed

        def stop(*args: object) -> None:
            changed(*args)  # type: ignore[arg-type]
            os.kill(os.getpid(), signal.SIGTERM)

        monkeypatch.setattr(Audit, "changed", stop)
        done = invoke(*bulk_arguments(sqlite_server, "--all", "--yes", output=OUT))
        *changes, last = log.lines()

        assert done.exit_code == last["exit_code"] == 143
        assert [line["user"] for line in changes] == names(OUT.read_text())
        assert last["error"].startswith("Stopped. 2 of 4 users are done.")

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
        """Users whose old passwords stay have no line; those of whom nobody knows have one that says so."""
        monkeypatch.setattr(bulk, "BATCH", 2)
        write_line = Result.write_line
        batches = []

        def harm(result: Result, text: str) -> None:
            write_line(result, text)
            batches.append(text)
            if len(batches) == 2:
                server.database.run(TERMINATE)
                if is_changed:
                    server.database.run("UPDATE zato_sso_user SET password = 'third'")

        monkeypatch.setattr(Result, "write_line", harm)
        done = invoke(*bulk_arguments(server, "--all", "--yes"))
        *changes, last = log.lines()
        expected = ["done", "done", "unknown", "unknown"][: 4 if is_changed else 2]

        assert (done.exit_code, last["exit_code"]) == (exit_code, exit_code)
        assert last["outcome"] == ("unknown" if is_changed else "refused")
        assert [line["outcome"] for line in changes] == expected
        assert [line["user"] for line in changes] == names(done.stdout)[: len(expected)]

    def test_syslog_is_stuck(
        self,
        sqlite_server: Server,
        log: Listener,
        invoke: Invoke,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        """It is waited for once, and warned of once."""
        monkeypatch.setattr(syslog, "TIMEOUT", 0.5)
        fill(tmp_path / "log")
        start = time.monotonic()
        done = invoke(*bulk_arguments(sqlite_server, "--all", "--yes"))

        assert time.monotonic() - start < 2
        assert done.exit_code == 0
        assert done.stderr.count("Warning: The audit line could not be sent") == 1
        assert_valid(sqlite_server, done.stdout)
        assert log.end.recv(10) == b"x"
