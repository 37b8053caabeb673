"""What the tests of a server's directory share."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TextIO

import pytest

from tests.support.servers import Server, quick_server
from zato_sso_reset.server.config import ServerConfig


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A server that none of these tests changes."""
    return quick_server(tmp_path_factory.mktemp("env") / "server1")


@pytest.fixture
def server1(made: Server, tmp_path: Path) -> Server:
    """A copy of its configuration, which a test may spoil."""
    shutil.copytree(made.path / "config", tmp_path / "server1" / "config")
    return replace(made, path=tmp_path / "server1")


def read(
    server: Server,
    env: Mapping[str, str] | None = None,
    stdin: TextIO | None = None,
    warn: Callable[[str], None] = pytest.fail,
) -> ServerConfig:
    """Read a server's directory."""
    return ServerConfig.read(server.path, env=env or {}, stdin=stdin, warn=warn)


def exposed(error: BaseException | None) -> str:
    """Return all that an error, and those before it, say and hold."""
    if error is None:
        return ""
    own = f"{error} {error!r} {error.args!r} {vars(error)!r}"
    return own + exposed(error.__context__) + exposed(error.__cause__)
