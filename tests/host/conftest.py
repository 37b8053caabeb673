"""Fixtures and checks of the tests of the host."""

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from click.testing import Result

Invoke = Callable[..., Result]

Process = Callable[..., "CompletedProcess[str]"]

RESET = ("sso", "reset-user-password")


@pytest.fixture
def no_stock_zato(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Leave no program on PATH that a command could be handed over to."""
    monkeypatch.setenv("PATH", str(tmp_path))


def is_one_line(text: str) -> bool:
    """Return whether `text` is one line of an error, safe for a terminal."""
    return text.startswith("Error: ") and text.endswith("\n") and text[:-1].isprintable()
