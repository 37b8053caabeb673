"""Errors as JSON."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.cli.conftest import RESET, Invoke
from tests.support.harms import no_database, no_expiry, no_password_is_taken, nothing
from tests.support.limits import without_privileges
from tests.support.servers import OLD, Server
from zato_sso_reset.host.program import zato
from zato_sso_reset.text import printable

JSON = ("--output", "json")


def read_error(exit_code: int, stdout: str, stderr: str) -> dict[str, Any]:
    """Return the object on stderr, after checking that there is no other output."""
    assert stdout == ""
    assert stderr[:-1].isascii()
    assert stderr[:-1].isprintable()
    error: dict[str, Any] = json.loads(stderr)
    assert list(error) == ["error", "exit_code", "hint"]
    assert error["exit_code"] == exit_code
    return error


def as_text(error: dict[str, Any]) -> str:
    """Return an error as it is printed without JSON."""
    return f"Error: {error['error']}{' ' + error['hint'] if error['hint'] else ''}\n"


def existing_file(_server: Server) -> None:
    """Create the output file."""
    Path("out").touch()


class TestErrors:
    """With `--output json`, an error is one object on stderr."""

    @pytest.mark.parametrize(
        ("harm", "arguments", "exit_code", "error", "hint"),
        [
            (nothing, ("PATH", "nobody"), 22, "No such user `nobody`.", "Check the name; its case matters."),
            (
                *(nothing, ("no-such", "user1"), 23),
                *("No server found at `no-such`.", "There is no such directory."),
            ),
            (no_password_is_taken, ("PATH", "user1"), 21, "shorter than min_length=99", "Relax [password]"),
            (no_database, ("PATH", "user1"), 69, "is missing", "Correct"),
            (existing_file, ("PATH", "user1", "--output-file", "out"), 73, "already exists.", "Use another"),
            (no_expiry, ("PATH", "user1"), 78, "[password] expiry", "Correct"),
        ],
    )
    def test_has_the_sentences_of_the_text(
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
        """The exit code is the process's."""
        harm(sqlite_server)
        argv = [*RESET, *(str(sqlite_server.path) if each == "PATH" else each for each in arguments)]
        done, text = invoke(*argv, *JSON), invoke(*argv)

        found = read_error(done.exit_code, done.stdout, done.stderr)
        assert (done.exit_code, text.exit_code) == (exit_code, exit_code)
        assert error in found["error"]
        assert (found["hint"] or "").startswith(hint)
        assert text.stderr == as_text(found)
        assert harm is no_database or sqlite_server.opens("user1", OLD)

    @pytest.mark.parametrize(
        "arguments",
        [
            ("--expiry", "0", *JSON, "PATH", "user1"),
            (*JSON, "--expiry", "0", "PATH", "user1"),
            ("PATH", "user1", "--output=json", "--bogus"),
            ("PATH", "user1", "-ojson", "--bogus"),
            ("PATH", "user1", "-vno", "json", "--bogus"),
            (*JSON, "PATH"),
            JSON,
            ("PATH", "user1", "more", *JSON),
            (*JSON, "--", "PATH", "user1\x1b[31m"),
            (*JSON, "PATH", "user1", "--a\x1b[31m\u202e"),
        ],
    )
    def test_usage_errors_are_json_too(self, invoke: Invoke, arguments: tuple[str, ...]) -> None:
        """The option may come before or after the error; control characters are escaped."""
        done = invoke(*RESET, *arguments)
        text = invoke(
            *RESET, *(each for each in arguments if "json" not in each and each not in {"-vno", "--output"})
        )

        found = read_error(done.exit_code, done.stdout, done.stderr)
        assert (done.exit_code, text.exit_code) == (2, 2)
        assert text.stderr == as_text(found)
        assert found["hint"].endswith("`zato sso reset-user-password --help`.")
        assert f"{found['error']}{found['hint']}".isprintable()

    @pytest.mark.parametrize(
        "arguments",
        [
            (*RESET, "--expiry", "0", "--", *JSON),
            (*RESET, *JSON, "--output", "text", "no-such", "user1"),
            (*RESET, "--output=password", "no-such", "user1"),
            ("from-config", "no-such"),
            ("bogus", *JSON),
        ],
    )
    def test_without_the_option_errors_are_text(self, invoke: Invoke, arguments: tuple[str, ...]) -> None:
        """After `--`, before another --output or for another command, it is not the option."""
        assert invoke(*arguments).stderr.startswith("Error: ")

    def test_bug(self, sqlite_server: Server, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
        """An unexpected exception is reported as a bug."""
        monkeypatch.setattr("zato_sso_reset.services.reset.PasswordMaker", None)
        done = invoke(*RESET, *JSON, sqlite_server.path, "user1")

        assert done.exit_code == 16
        error = read_error(16, done.stdout, done.stderr)
        assert error["error"].startswith("This is a bug: TypeError at ")
        assert error["hint"] == "Report it with the output of --verbose."

    @given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
    @example("a. b? c")
    @example("a`. b")
    @settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_fields_have_the_whole_text(self, invoke: Invoke, path: str) -> None:
        """The error names the path, whatever characters it has."""
        done, text = invoke(*RESET, *JSON, "--", path, "user1"), invoke(*RESET, "--", path, "user1")

        error = read_error(done.exit_code, done.stdout, done.stderr)
        assert text.stderr == as_text(error)
        assert f"`{printable(str(Path(path)))}`" in error["error"]
        assert error["hint"]

    def test_full_disk(
        self, sqlite_server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """An undelivered result is reported on stderr."""
        with Path("/dev/full").open("w") as full, monkeypatch.context() as context:
            context.setattr(sys, "stdout", full)
            with pytest.raises(SystemExit) as ended:
                zato.main([*RESET, *JSON, str(sqlite_server.path), "user1"], prog_name="zato")

        error = read_error(74, "", capsys.readouterr().err)
        assert ended.value.code == 74
        assert error["error"].endswith("Nothing was changed.")
        assert sqlite_server.opens("user1", OLD)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user without rights")
    def test_unreadable_server(self, sqlite_server: Server, invoke: Invoke) -> None:
        """The hint names the user to run as."""
        for folder in (sqlite_server.path, sqlite_server.repo):
            folder.chmod(0o700)
        with without_privileges():
            done = invoke(*RESET, *JSON, sqlite_server.path, "user1")

        assert done.exit_code == 77
        assert read_error(77, done.stdout, done.stderr)["hint"].startswith("Run as ")

    @pytest.mark.usefixtures("hurried")
    def test_locked_database(self, sqlite_server: Server, invoke: Invoke) -> None:
        """A dry run needs the lock too."""
        with sqlite_server.database.connect() as connection:
            connection.execute("BEGIN IMMEDIATE")
            done = invoke(*RESET, *JSON, "--dry-run", sqlite_server.path, "user1")

        assert done.exit_code == 75
        error = read_error(75, done.stdout, done.stderr)
        assert error["error"].endswith("Nothing was changed.")
        assert "again" in error["hint"]
