"""Temporary limits of this process."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

NOBODY = 65534
"""A user id without rights."""


@contextmanager
def size_limit(size: int) -> Iterator[None]:
    """Limit the files of this process to `size` bytes, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def without_privileges() -> Iterator[None]:
    """Become a user without root's rights."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def in_no_directory(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Change to a directory that is then removed."""
    removed = Path("removed").absolute()
    removed.mkdir()
    with monkeypatch.context() as context:
        context.chdir(removed)
        removed.rmdir()
        yield
