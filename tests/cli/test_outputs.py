"""`--output`, `--output-file` and `--dry-run`: what a result and an error look like, and where they go."""

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.conftest import ZATO
from tests.support.limits import without_privileges
from tests.support.servers import LINE, OLD, Server, insert_user
from zato_sso_reset.errors import printable
from zato_sso_reset.host.program import zato

Invoke = Callable[..., Result]

RESET = ("sso", "reset-user-password")

JSON = ("--output", "json")

OUT = Path("out")

TABLES = ("zato_sso_user", "zato_sso_session", "zato_sso_attr", "zato_sso_password_reset")


def tables(server: Server) -> list[object]:
    """Return all rows that a reset could change."""
    return [server.database.dump(table) for table in TABLES]


def shell(command: str, server: Server) -> "subprocess.CompletedProcess[str]":
    """Run a line of the shell, in which `zato` and `python` are ours and `$0` is the server's path."""
    path = f"{ZATO.parent}:{os.environ['PATH']}"
    argv = ["/bin/sh", "-c", command, str(server.path)]
    env = {**os.environ, "PATH": path}
    return subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60, check=False)


class TestJSON:
    """`--output json`, where all is well."""

    def test_is_what_the_database_has(self, server: Server, invoke: Invoke) -> None:
        """One line, alone on stdout, is an object of the account as it is now."""
        done = invoke(*RESET, *JSON, "--expiry", "99", "--must-change", "yes", server.path, "locked1")

        assert done.exit_code == 0
        assert re.fullmatch(r"\{.*\}\n", done.stdout)
        account = json.loads(done.stdout)
        row = server.database.row("locked1")
        expiry = datetime.fromisoformat(account["password_expiry"].removesuffix("Z"))
        assert account == {
            "username": "locked1",
            "password": account["password"],
            "password_expiry": f"{expiry.isoformat(timespec='microseconds')}Z",
            "must_change": bool(row["password_must_change"]),
            "is_locked": bool(row["is_locked"]),
            "warnings": ["The user is locked, so can't log in. --unlock mends that."],
        }
        # MySQL keeps whole seconds.
        assert abs(datetime.fromisoformat(str(row["password_expiry"])) - expiry) < timedelta(seconds=1)
        assert server.opens("locked1", account["password"])
        assert done.stderr == f"Warning: {account['warnings'][0]}\n"

    @pytest.mark.parametrize(
        ("username", "must_change"), [("user1", False), ("changing1", True), ("al\u00edce", False)]
    )
    def test_flags_are_those_of_the_user(
        self, sqlite_server: Server, invoke: Invoke, username: str, *, must_change: bool
    ) -> None:
        """What was not asked for is told as it is; there is nothing to warn of; all of it is ASCII."""
        insert_user(sqlite_server, 9, "al\u00edce", {})
        done = invoke(*RESET, *JSON, sqlite_server.path, username)

        assert (done.exit_code, done.stderr) == (0, "")
        assert done.stdout.isascii()
        account = json.loads(done.stdout)
        assert list(account) == [
            "username",
            "password",
            "password_expiry",
            "must_change",
            "is_locked",
            "warnings",
        ]
        assert account["username"] == username
        assert (account["must_change"], account["is_locked"], account["warnings"]) == (must_change, False, [])

    def test_other_programs_read_it(self, sqlite_server: Server) -> None:
        """A pipe into Python's own reader of JSON works."""
        done = shell(
            'zato sso reset-user-password "$0" user1 --output json | python -m json.tool', sqlite_server
        )

        assert (done.returncode, done.stderr) == (0, "")
        assert sqlite_server.opens("user1", json.loads(done.stdout)["password"])


class TestPassword:
    """`--output password`."""

    def test_is_alone(self, sqlite_server: Server, invoke: Invoke) -> None:
        """The password and the end of its line are all that is on stdout."""
        done = invoke(*RESET, "--output", "password", sqlite_server.path, "user1")

        assert (done.exit_code, done.stderr) == (0, "")
        assert re.fullmatch("[A-Za-z0-9_-]{32}\n", done.stdout)
        assert sqlite_server.opens("user1", done.stdout[:-1])

    def test_other_programs_read_it(self, sqlite_server: Server) -> None:
        """A shell has it in a variable, without anything to cut off."""
        done = shell(
            'zato sso reset-user-password "$0" user1 --output password | '
            '{ IFS= read -r password; printf %s "$password"; }',
            sqlite_server,
        )

        assert (done.returncode, done.stderr) == (0, "")
        assert sqlite_server.opens("user1", done.stdout)


class TestText:
    """`--output text`."""

    @pytest.mark.parametrize("option", [(), ("--output", "text"), (*JSON, "--output=text")])
    def test_is_what_there_is_without_it(
        self, sqlite_server: Server, invoke: Invoke, option: tuple[str, ...]
    ) -> None:
        """The line is the stock command's; the last option counts."""
        done = invoke(*RESET, *option, sqlite_server.path, "user1")

        match = LINE.fullmatch(done.stdout)
        assert (done.exit_code, done.stderr) == (0, "")
        assert match
        assert done.stdout == f"Password for user `user1` reset to `{match['password']}`\n"

    @pytest.mark.parametrize("output", ["yaml", "", "JSON"])
    def test_others_are_refused(self, sqlite_server: Server, invoke: Invoke, output: str) -> None:
        """There are three, by these names."""
        done = invoke(*RESET, "--output", output, sqlite_server.path, "user1")

        assert (done.exit_code, done.stdout) == (2, "")
        assert re.fullmatch("Error: Invalid value for '--output': .+\n", done.stderr)
        assert sqlite_server.opens("user1", OLD)


def read_error(exit_code: int, stdout: str, stderr: str) -> dict[str, Any]:
    """Return the object that is all there is on stderr."""
    assert stdout == ""
    assert stderr[:-1].isascii()
    assert stderr[:-1].isprintable()
    error: dict[str, Any] = json.loads(stderr)
    assert list(error) == ["error", "exit_code", "hint"]
    assert error["exit_code"] == exit_code
    return error


def told(error: dict[str, Any]) -> str:
    """Return an error as it is told without JSON."""
    return f"Error: {error['error']}{' ' + error['hint'] if error['hint'] else ''}\n"


def nothing(_server: Server) -> None:
    """Leave all as it is."""


def no_password_is_taken(server: Server) -> None:
    """Ask for more than a generated password has."""
    server.override("[password]\nmin_length = 99\n")


def no_database(server: Server) -> None:
    """Remove the database."""
    Path(server.database.name).unlink()


def no_expiry(server: Server) -> None:
    """Have a setting that is no number."""
    server.edit("sso.conf", "password", expiry="many")


def file_is_there(_server: Server) -> None:
    """Make the file that is to be made."""
    OUT.touch()


@contextmanager
def stdout_to(path: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let stdout be this file."""
    with open(os.open(path, os.O_WRONLY), "w") as stream, monkeypatch.context() as context:  # noqa: PTH123
        context.setattr(sys, "stdout", stream)
        yield


class TestErrors:
    """An error with `--output json`: one object on stderr, nothing on stdout, nothing changed."""

    @pytest.mark.parametrize(
        ("harm", "arguments", "exit_code", "error", "hint"),
        [
            (nothing, ("PATH", "nobody"), 22, "No such user `nobody`.", "Check the name; its case matters."),
            (
                nothing,
                ("no-such", "user1"),
                23,
                "No server found at `no-such`.",
                "There is no such directory.",
            ),
            (no_password_is_taken, ("PATH", "user1"), 21, "shorter than min_length=99.", "Relax [password]"),
            (no_database, ("PATH", "user1"), 69, "is missing and was not made.", "Correct the path"),
            (file_is_there, ("PATH", "user1", "--output-file", "out"), 73, "there already.", "Give another"),
            (no_expiry, ("PATH", "user1"), 78, "[password] expiry is not a whole number", "Correct it."),
        ],
    )
    def test_of_each_kind(
        self,
        sqlite_server: Server,
        invoke: Invoke,
        *,
        harm: Callable[[Server], None],
        arguments: tuple[str, ...],
        exit_code: int,
        error: str,
        hint: str,
    ) -> None:
        """Its exit code is the process's; what is wrong and what to do are the sentences of the text."""
        harm(sqlite_server)
        argv = [*RESET, *(str(sqlite_server.path) if each == "PATH" else each for each in arguments)]
        done, text = invoke(*argv, *JSON), invoke(*argv)

        found = read_error(done.exit_code, done.stdout, done.stderr)
        assert (done.exit_code, text.exit_code) == (exit_code, exit_code)
        assert error in found["error"]
        assert (found["hint"] or "").startswith(hint)
        assert text.stderr == told(found)
        assert harm is no_database or sqlite_server.opens("user1", OLD)

    @pytest.mark.parametrize(
        "arguments",
        [
            ("--expiry", "0", *JSON, "PATH", "user1"),
            (*JSON, "--expiry", "0", "PATH", "user1"),
            ("PATH", "user1", "--output=json", "--bogus"),
            (*JSON, "PATH"),
            JSON,
            ("PATH", "user1", "more", *JSON),
            (*JSON, "--", "PATH", "user1\x1b[31m"),
            (*JSON, "PATH", "user1", "--a\x1b[31m\u202e"),
        ],
    )
    def test_of_usage(self, invoke: Invoke, arguments: tuple[str, ...]) -> None:
        """A mistake is told so too, wherever the option stands; control characters are escaped."""
        done = invoke(*RESET, *arguments)
        text = invoke(*RESET, *(each for each in arguments if each not in {*JSON, "--output=json"}))

        found = read_error(done.exit_code, done.stdout, done.stderr)
        assert (done.exit_code, text.exit_code) == (2, 2)
        assert text.stderr == told(found)
        assert found["hint"].endswith("`zato sso reset-user-password --help`.")
        assert f"{found['error']}{found['hint']}".isprintable()

    @pytest.mark.parametrize(
        "arguments",
        [
            ("--expiry", "0", "--", *JSON),
            (*JSON, "--output", "text", "no-such", "user1"),
            ("--output=password", "no-such", "user1"),
        ],
    )
    def test_is_text_where_that_is_asked_for(self, invoke: Invoke, arguments: tuple[str, ...]) -> None:
        """After `--`, or before another one, it is no such option."""
        assert invoke(*RESET, *arguments).stderr.startswith("Error: ")

    def test_of_a_full_disk(
        self,
        sqlite_server: Server,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """A stdout that takes nothing is told on stderr."""
        with stdout_to("/dev/full", monkeypatch), pytest.raises(SystemExit) as ended:
            zato.main([*RESET, *JSON, str(sqlite_server.path), "user1"], prog_name="zato")

        error = read_error(74, "", capsys.readouterr().err)
        assert ended.value.code == 74
        assert error["hint"] == "Nothing was changed."
        assert sqlite_server.opens("user1", OLD)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user who may not read")
    def test_of_permissions(self, sqlite_server: Server, invoke: Invoke) -> None:
        """What may not be read is told."""
        for folder in (sqlite_server.path, sqlite_server.repo):
            folder.chmod(0o700)
        with without_privileges():
            done = invoke(*RESET, *JSON, sqlite_server.path, "user1")

        assert done.exit_code == 77
        assert read_error(77, done.stdout, done.stderr)["hint"] == "Run as the server's own user."

    def test_of_a_lock(self, sqlite_server: Server, invoke: Invoke) -> None:
        """A database that somebody else writes to is told, of a dry run as well."""
        with sqlite_server.database.connect() as connection:
            connection.execute("BEGIN IMMEDIATE")
            done = invoke(*RESET, *JSON, "--dry-run", sqlite_server.path, "user1")

        assert done.exit_code == 75
        assert read_error(75, done.stdout, done.stderr)["hint"].startswith("Nothing was changed; try again")

    def test_of_a_bug(self, sqlite_server: Server, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
        """What nobody foresaw is told as what was."""
        monkeypatch.setattr("zato_sso_reset.services.reset.utc_now", None)
        done = invoke(*RESET, *JSON, sqlite_server.path, "user1")

        assert done.exit_code == 16
        error = read_error(16, done.stdout, done.stderr)
        assert error["error"].startswith("This is a bug: TypeError at ")
        assert error["hint"] == "Report it with what --verbose shows."

    @given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
    @example("a. b? c")
    @example("a`. b")
    @settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_is_split_without_loss(self, invoke: Invoke, path: str) -> None:
        """Both halves make the whole, and a name is split only where it has quotes of its own."""
        done, text = invoke(*RESET, *JSON, "--", path, "user1"), invoke(*RESET, "--", path, "user1")

        error = read_error(done.exit_code, done.stdout, done.stderr)
        assert text.stderr == told(error)
        assert "`" in path or f"`{printable(str(Path(path)))}`" in error["error"]
        assert "`" in path or error["hint"]

    def test_of_other_commands_is_text(self, invoke: Invoke) -> None:
        """Whoever has no such option is told as ever."""
        assert invoke("from-config", "no-such").stderr.startswith("Error: `no-such` is missing. ")
        assert invoke("bogus", *JSON).stderr.startswith("Error: ")


class TestOutputFile:
    """`--output-file`."""

    @pytest.mark.parametrize("umask", [0, 0o077])
    def test_belongs_to_its_owner(self, sqlite_server: Server, invoke: Invoke, umask: int) -> None:
        """Whatever the umask, nobody else can read it; stdout has nothing."""
        before = os.umask(umask)
        try:
            done = invoke(*RESET, "--output-file", OUT, sqlite_server.path, "user1")
        finally:
            os.umask(before)

        assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
        match = LINE.fullmatch(OUT.read_text())
        assert stat.S_IMODE(OUT.stat().st_mode) == 0o600
        assert match
        assert sqlite_server.opens("user1", match["password"])
        assert list(Path.cwd().iterdir()) == [OUT.absolute()]

    @pytest.mark.parametrize(
        ("output", "pattern"),
        [
            ("text", r"Password for user `al\u00edce` reset to `(.{32})`\n"),
            ("json", r'\{"username": "al\\u00edce", "password": "(.{32})", .*\}\n'),
            ("password", "(.{32})\n"),
        ],
    )
    def test_has_what_stdout_would_have(
        self, sqlite_server: Server, invoke: Invoke, output: str, pattern: str
    ) -> None:
        """In each format the file has the very line."""
        insert_user(sqlite_server, 9, "al\u00edce", {})
        argv = [*RESET, "--output", output, sqlite_server.path, "al\u00edce"]
        there = invoke(*argv).stdout
        assert invoke(*argv, "--output-file", OUT).exit_code == 0
        here = OUT.read_text("utf-8")

        assert re.fullmatch(pattern, there)
        match = re.fullmatch(pattern, here)
        assert match
        assert sqlite_server.opens("al\u00edce", match[1])

    @pytest.mark.parametrize(
        ("kind", "reason"),
        [
            ("file", "is there already"),
            ("symlink", "is there already"),
            ("dangling", "is there already"),
            ("folder", "is there already"),
            ("device", "is there already"),
            ("missing", "its folder is missing"),
            ("under a file", "its folder is missing"),
            ("empty", "is there already"),
        ],
    )
    @pytest.mark.parametrize("dry_run", [(), ("--dry-run",)])
    def test_is_never_another_one(
        self, sqlite_server: Server, invoke: Invoke, kind: str, reason: str, dry_run: tuple[str, ...]
    ) -> None:
        """What is there is not written to or followed; without a place for it, nothing is changed."""
        other, path = Path("other"), str(OUT)
        other.write_text("precious")
        if kind == "file":
            OUT.write_text("precious")
        elif kind == "symlink":
            OUT.symlink_to(other)
        elif kind == "dangling":
            OUT.symlink_to("nowhere")
        elif kind == "folder":
            OUT.mkdir()
        path = {
            "device": "/dev/full",
            "missing": "no-such/out",
            "under a file": "other/out",
            "empty": "",
        }.get(kind, path)
        before, there = tables(sqlite_server), sorted(Path.cwd().iterdir())
        done = invoke(*RESET, *dry_run, f"--output-file={path}", sqlite_server.path, "user1")

        assert (done.exit_code, done.stdout) == (73, "")
        assert re.fullmatch(f"Error: `.+` .*{reason}.+\n", done.stderr)
        assert tables(sqlite_server) == before
        assert sorted(Path.cwd().iterdir()) == there
        assert other.read_text() == "precious"

    def test_can_not_be_made(self, sqlite_server: Server, invoke: Invoke) -> None:
        """What only the making of it shows comes late, but not too late."""
        done = invoke(*RESET, "--output-file", "x" * 300, sqlite_server.path, "user1")

        assert (done.exit_code, done.stdout) == (73, "")
        assert done.stderr.endswith("` can't be made: File name too long.\n")
        assert sqlite_server.opens("user1", OLD)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user who may not write")
    def test_folder_may_not_be_written_to(self, invoke: Invoke) -> None:
        """It is seen before any server is looked for."""
        with without_privileges():
            done = invoke(*RESET, "--output-file", "/etc/out", "no-such-path", "user1")

        assert (done.exit_code, done.stdout) == (73, "")
        assert "may not be written to" in done.stderr

    def test_is_made_although_stdout_is_closed(self, sqlite_server: Server) -> None:
        """Nothing goes there, so nothing is wrong; no database gets its number."""
        done = shell('zato sso reset-user-password "$0" user1 --output-file out <&- >&-', sqlite_server)

        assert (done.returncode, done.stderr) == (0, "")
        match = LINE.fullmatch(OUT.read_text())
        assert match
        assert sqlite_server.opens("user1", match["password"])

    def test_hyphen_is_stdout(self, sqlite_server: Server, invoke: Invoke) -> None:
        """As for other commands."""
        done = invoke(*RESET, "--output-file", "-", sqlite_server.path, "user1")

        assert LINE.fullmatch(done.stdout)
        assert list(Path.cwd().iterdir()) == []

    def test_is_not_made_where_nothing_is_changed(self, sqlite_server: Server, invoke: Invoke) -> None:
        """An error leaves none."""
        assert invoke(*RESET, "--output-file", OUT, sqlite_server.path, "nobody").exit_code == 22
        assert not OUT.exists()


class TestDryRun:
    """`--dry-run`."""

    @pytest.mark.parametrize("output", ["text", "json", "password"])
    def test_changes_nothing(self, server: Server, invoke: Invoke, output: str) -> None:
        """Not in any table, nor on stdout, nor in a file; stderr tells what would be, without a password."""
        before = tables(server)
        done = invoke(
            *(*RESET, "--dry-run", "--verbose", "--output", output, "--output-file", OUT),
            *("--expiry", "9", "--must-change", "yes", "--unlock", "--revoke-access"),
            *(server.path, "MixedCase"),
        )

        assert (done.exit_code, done.stdout) == (0, "")
        assert tables(server) == before
        assert list(Path.cwd().iterdir()) == []
        would = re.search(
            r"(?m)^Would reset the password of user `MixedCase`: it expires at (.+)Z, "
            r"and must be changed at the next login\. Nothing was changed\.$",
            done.stderr,
        )
        assert would
        left = datetime.fromisoformat(f"{would[1]}+00:00") - datetime.now(timezone.utc)
        assert abs(left - timedelta(days=9)) < timedelta(minutes=1)
        assert not re.search("[A-Za-z0-9_-]{32}", done.stderr.replace(str(server.path), ""))

    def test_must_change_is_told_as_it_stays(self, sqlite_server: Server, invoke: Invoke) -> None:
        """What was not asked for is as the user has it; warnings are told as ever."""
        told = invoke(*RESET, "--dry-run", sqlite_server.path, "changing1").stderr
        locked = invoke(*RESET, "--dry-run", sqlite_server.path, "locked1").stderr

        assert "and must be changed at the next login." in told
        assert "and need not be changed at the next login." in locked
        assert locked.splitlines()[1].startswith("Warning: The user is locked")

    @pytest.mark.parametrize(
        ("harm", "arguments"),
        [
            (nothing, ("PATH", "nobody")),
            (nothing, ("PATH", "pending1")),
            (nothing, ("no-such", "user1")),
            (nothing, ("PATH", "user1", "--expiry", "9999999")),
            (no_password_is_taken, ("PATH", "user1")),
            (no_database, ("PATH", "user1")),
            (no_expiry, ("PATH", "user1")),
        ],
    )
    def test_fails_as_the_change_would(
        self,
        sqlite_server: Server,
        invoke: Invoke,
        harm: Callable[[Server], None],
        arguments: tuple[str, ...],
    ) -> None:
        """The exit code and the line are those of the run that it tries."""
        harm(sqlite_server)
        argv = [*RESET, *(str(sqlite_server.path) if each == "PATH" else each for each in arguments)]
        tried, done = invoke(*argv, "--dry-run"), invoke(*argv)

        assert done.exit_code != 0
        assert (tried.exit_code, tried.stdout, tried.stderr) == (done.exit_code, "", done.stderr)

    def test_is_logged_and_stored(self, sqlite_server: Server, invoke: Invoke) -> None:
        """The log tells that nothing was changed; what is stored is a dry run again."""
        argv = [*RESET, "--dry-run", "--store-log", "--store-config", sqlite_server.path, "user1"]
        told = invoke(*argv).stderr
        (log,) = Path.cwd().glob("*.log")
        (config,) = Path.cwd().glob("*.config")

        assert "dry_run=True\n" in config.read_text()
        assert log.read_text().endswith(f" INFO {told}")
        assert "has the new password" not in log.read_text()
