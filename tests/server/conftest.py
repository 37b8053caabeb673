"""Fixtures and helpers for the tests of a server's directory."""

import logging
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TextIO

import pytest

from tests.support.servers import Server, quick_server
from zato_sso_reset.server.config import ServerConfig


@pytest.fixture(scope="module")
def unchanged_server(tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A server that no test changes."""
    return quick_server(tmp_path_factory.mktemp("env") / "server1")


@pytest.fixture
def server1(unchanged_server: Server, tmp_path: Path) -> Server:
    """A copy of its configuration, which a test may change."""
    shutil.copytree(unchanged_server.path / "config", tmp_path / "server1" / "config")
    return replace(unchanged_server, path=tmp_path / "server1")


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    """Capture the package's log, which a command does not propagate."""
    monkeypatch.setattr(logging.getLogger("zato_sso_reset"), "propagate", True)
    caplog.set_level(logging.INFO, "zato_sso_reset")
    return caplog


def read(server: Server, env: Mapping[str, str] | None = None, stdin: TextIO | None = None) -> ServerConfig:
    """Read a server's directory."""
    return ServerConfig.read(server.path, env=env or {}, stdin=stdin)


def exposed(error: BaseException | None) -> str:
    """Return everything that an error, its causes and its contexts say and hold."""
    if error is None:
        return ""
    own = f"{error} {error!r} {error.args!r} {vars(error)!r}"
    return own + exposed(error.__context__) + exposed(error.__cause__)
