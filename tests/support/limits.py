"""A process with less than it would like, for a while."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

NOBODY = 65534
"""A user that has nothing."""


@contextmanager
def size_limit(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond `size` bytes, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def without_privileges() -> Iterator[None]:
    """Be a user whom permissions bind, which root is not."""
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
    """Be in a directory that was removed."""
    gone = Path("gone").absolute()
    gone.mkdir()
    with monkeypatch.context() as context:
        context.chdir(gone)
        gone.rmdir()
        yield
