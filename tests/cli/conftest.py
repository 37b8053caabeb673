"""What the tests of the command line share."""

import os
import subprocess
from collections.abc import Callable

import pytest
from click.testing import Result

from tests.conftest import ZATO
from tests.support.bulk import bulk_arguments
from tests.support.servers import Server

Invoke = Callable[..., Result]


TABLES = ("zato_sso_user", "zato_sso_session", "zato_sso_attr", "zato_sso_password_reset")


@pytest.fixture
def bulk_reset(sqlite_server: Server, invoke: Invoke) -> Invoke:
    """Reset passwords in this process, without a question; the lines go to stdout."""

    def run(*args: object, output: object = "-", **options: object) -> Result:
        return invoke(*bulk_arguments(sqlite_server, "--yes", *args, output=output), **options)

    return run


def tables(server: Server) -> list[object]:
    """Return all rows that a reset could change."""
    return [server.database.dump(table) for table in TABLES]


def shell(command: str, server: Server) -> "subprocess.CompletedProcess[str]":
    """Run a line of the shell, in which `zato` and `python` are ours and `$0` is the server's path."""
    path = f"{ZATO.parent}:{os.environ['PATH']}"
    argv = ["/bin/sh", "-c", command, str(server.path)]
    env = {**os.environ, "PATH": path}
    return subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60, check=False)
