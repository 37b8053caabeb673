"""The examples in the help of each command and in README, run exactly as printed."""

import os
import pty
import re
import runpy
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ZATO
from tests.support.servers import Server, insert_user, quick_server
from zato_sso_reset.host.program import zato

PROJECT = Path(__file__).parents[2]

MAN = runpy.run_path(str(PROJECT / "docs" / "man.py"))

EXAMPLES = {
    line: ctx.command_path
    for ctx in MAN["walk"](zato)
    for purpose, line in ctx.command.examples(ctx).items()
    if purpose != "Ask for the password"  # a test of the prompt does that
}
"""The command lines, each with the command whose help shows it."""

README = re.findall(r"^    (?:\$ )?(zato .+)$", (PROJECT / "README.md").read_text("utf-8"), re.MULTILINE)
"""The command lines of README."""


@pytest.fixture
def home(tmp_path: Path, sqlite_server: Server) -> Path:
    """A home with a server, and files of users, of a password and of arguments."""
    server = quick_server(tmp_path / "env" / "qs-1" / "server1")
    insert_user(server, 99, "admin1", {})
    Path("users.txt").write_text("user1\n")
    Path("password.txt").write_text("Sesame, open 42 times!\n")
    arguments = f"command=sso_reset_user_password\npath={sqlite_server.path}\nusername=user1\n"
    Path("zato.2026_11_23T18_52_12_110928.config").write_text(arguments)
    return tmp_path


@pytest.fixture
def yes() -> Iterator[int]:
    """A terminal on which the answer `y` has been typed."""
    master, slave = pty.openpty()
    os.write(master, b"y\n")
    yield slave
    os.close(master)
    os.close(slave)


def test_each_command_has_examples() -> None:
    """So has each group."""
    assert set(EXAMPLES.values()) >= {ctx.command_path for ctx in MAN["walk"](zato)}


@pytest.mark.parametrize("line", dict.fromkeys([*EXAMPLES, *README]))
def test_example_runs_as_printed(home: Path, yes: int, line: str) -> None:
    """Nothing else is needed."""
    path = os.pathsep.join([str(ZATO.parent), os.environ["PATH"]])
    empty = home / "empty"
    env = {**os.environ, "PATH": path, "HOME": str(empty if "quickstart" in line else home)}
    argv = ["/bin/sh", "-c", line]
    done = subprocess.run(argv, stdin=yes, env=env, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
