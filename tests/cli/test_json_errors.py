"""Errors of commands that are asked for JSON."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.harms import no_database, no_expiry, no_password_is_taken, nothing
from tests.support.limits import without_privileges
from tests.support.servers import OLD, Server
from zato_sso_reset.host.program import zato
from zato_sso_reset.text import printable

Invoke = Callable[..., Result]

RESET = ("sso", "reset-user-password")

JSON = ("--output", "json")

OUT = Path("out")


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
            (no_database, ("PATH", "user1"), 69, "is missing; it was not created.", "Correct db_name"),
            (file_is_there, ("PATH", "user1", "--output-file", "out"), 73, "already exists.", "Use another"),
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
        assert error["error"].endswith(" Nothing was changed.")
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
        error = read_error(75, done.stdout, done.stderr)
        assert error["error"].endswith(" Nothing was changed.")
        assert error["hint"] == "Try again."

    def test_of_a_bug(self, sqlite_server: Server, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
        """What nobody foresaw is told as what was."""
        monkeypatch.setattr("zato_sso_reset.services.reset.ExpiryPolicy", None)
        done = invoke(*RESET, *JSON, sqlite_server.path, "user1")

        assert done.exit_code == 16
        error = read_error(16, done.stdout, done.stderr)
        assert error["error"].startswith("This is a bug: AttributeError at ")
        assert error["hint"] == "Report it with the output of --verbose."

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
