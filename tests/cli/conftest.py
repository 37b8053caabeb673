"""Fixtures and helpers of the command-line tests."""

import os
import re
import subprocess
from collections.abc import Callable

import pytest
from click.testing import Result

from tests.conftest import ZATO
from tests.support.bulk import bulk_arguments
from tests.support.servers import LINE, Server

Completed = subprocess.CompletedProcess[str]
Invoke = Callable[..., Result]
Process = Callable[..., Completed]

RESET = ("sso", "reset-user-password")

TABLES = ("zato_sso_user", "zato_sso_session", "zato_sso_attr", "zato_sso_password_reset")


@pytest.fixture
def bulk_reset(sqlite_server: Server, invoke: Invoke) -> Invoke:
    """Reset passwords in this process, without confirmation; the lines go to stdout by default."""

    def run(*args: object, output: object = "-", **options: object) -> Result:
        return invoke(*bulk_arguments(sqlite_server, "--yes", *args, output=output), **options)

    return run


def tables(server: Server) -> list[object]:
    """Return all rows that a reset could change."""
    return [server.database.dump(table) for table in TABLES]


def shell(command: str, *args: object, **options: object) -> Completed:
    """Run a shell command, in which `zato` and `python` are this environment's and `$@` are `args`."""
    env = {**os.environ, "PATH": f"{ZATO.parent}:{os.environ['PATH']}"}
    argv = ["/bin/sh", "-c", command, "sh", *map(str, args)]
    defaults = {"env": env, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 60}
    return subprocess.run(argv, text=True, check=False, **{**defaults, **options})  # type: ignore[call-overload,no-any-return]


def error_line(done: Result | Completed, exit_code: int) -> str:
    """Return the error, after checking that it is one printable line and that stdout is empty.

    Only the name of an execution log may come before it.
    """
    code = done.exit_code if isinstance(done, Result) else done.returncode
    assert (code, done.stdout or "") == (exit_code, ""), done.stderr
    match = re.fullmatch("(?:Log: .+\n)?(Error: .+)\n", done.stderr)
    assert match
    assert match[1].isprintable()
    return f"{match[1]}\n"


def delivered_password(text: str, username: str = "user1") -> str:
    """Return the password in the line that a reset prints."""
    match = LINE.fullmatch(text)
    assert match
    assert match["username"] == username
    return match["password"]
