"""Delivery of the result to stdout or to a new file."""

import fcntl
import os
import select
import stat
from collections.abc import Callable
from contextlib import suppress
from logging import getLogger
from pathlib import Path
from typing import Protocol, TextIO

import click

from zato_sso_reset.errors import FileNotMadeError, OutputError
from zato_sso_reset.files import create_private_file, sync_folder, write_all
from zato_sso_reset.server.database import DatabaseConfig
from zato_sso_reset.signals import time_limit
from zato_sso_reset.text import quoted

logger = getLogger(__name__)

WRITE_TIMEOUT = 5  # seconds that the reader of stdout has to accept the result


class Delivery(Protocol):
    """The destination of passwords."""

    def write_line(self, line: str) -> None:
        """Write a whole line, to disk if the destination is a file; raise OutputError if that fails."""

    def withdraw(self) -> None:
        """Remove the last line, if possible, because it was not committed."""

    def warn_of_readers(self) -> None:
        """Log a warning if other users can read the result."""


class Stdout:
    """Delivery to stdout."""

    def __init__(self, stream: TextIO | None) -> None:
        """Raise OutputError unless `stream` can be written to, before any file or socket is opened."""
        if stream is None:
            raise OutputError("stdout is closed, but the result goes there.", "Open it, or redirect it.")
        self._stream = stream
        self._fd: int | None = None
        with suppress(OSError):  # a stream in memory has no file descriptor
            self._fd = stream.fileno()
        if self._fd is not None:
            _check_writable(self._fd)

    def write_line(self, line: str) -> None:
        """Write `line`, to disk if stdout is a file, within `WRITE_TIMEOUT`."""
        self._write(f"{line}\n", _write_and_sync)

    def stream(self, text: str) -> None:
        """Write `text`, and wait for its reader, such as a pager, without a limit.

        Raises OutputError if that fails, or Exit if the reader has stopped reading, which needs no message.
        """
        self._write(text, _write_to_reader)

    def withdraw(self) -> None:
        """Do nothing: output already written to stdout cannot be withdrawn."""

    def warn_of_readers(self) -> None:
        """Log a warning if stdout is a file that other users can read."""
        if self._fd is not None:
            warn_of_readers(self._fd)

    def _write(self, text: str, write: Callable[[int, bytes], None]) -> None:
        if self._fd is None:
            click.echo(text, self._stream, nl=False)
            return
        try:
            write(self._fd, text.encode(self._stream.encoding or "utf-8", "backslashreplace"))
        except OSError as error:
            timed_out = isinstance(error, TimeoutError)
            reason = f"nobody read it for {WRITE_TIMEOUT} seconds" if timed_out else error.strerror
            message = f"The result could not be written to stdout: {reason}."
            raise OutputError(message, "Check where stdout goes, and try again.") from None


class OutputFile:
    """Delivery to a new file that only its owner can read, created together with its line."""

    def __init__(self, path: Path) -> None:
        """Raise FileNotMadeError if `path` exists, or if its folder can't be written to."""
        self._path = path
        self._shown = quoted(path)
        problem = ""
        if os.path.lexists(path):
            problem = "already exists"
        elif not os.access(path.parent, os.W_OK | os.X_OK, effective_ids=True):
            problem = "can't be created: its folder is missing or may not be written to"
        if problem:
            raise FileNotMadeError(f"{self._shown} {problem}.", "Use another --output-file.")

    def write_line(self, line: str) -> None:
        """Create the file with `line`, and write both to disk, or leave nothing behind."""
        file = create_private_file(self._path)
        self._created = os.fstat(file.fileno())
        try:
            with file:
                file.write(f"{line}\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            self.withdraw()
            message = f"{self._shown} can't be written to: {error.strerror}."
            raise OutputError(message, "Use another --output-file.") from None
        sync_folder(self._path.parent)

    def withdraw(self) -> None:
        """Remove the file, but not another one that has replaced it."""
        with suppress(OSError):  # the caller's error matters more
            if os.path.samestat(self._path.lstat(), self._created):
                self._path.unlink()

    def warn_of_readers(self) -> None:
        """Do nothing: only the owner can read the file."""


def check_not_database(path: Path, database: DatabaseConfig) -> None:
    """Raise FileNotMadeError if SQLite would use a file of this name itself, and remove it."""
    own = os.path.realpath(database.database)
    files = [own, f"{own}-journal", f"{own}-wal", f"{own}-shm"]
    if database.backend == "sqlite" and os.path.realpath(path) in files:
        message = f"{quoted(path)} belongs to the server's SQLite database."
        raise FileNotMadeError(message, "Use another --output-file.")


def warn_of_readers(fd: int) -> None:
    """Log a warning if `fd` is a file that other users can read."""
    mode = os.fstat(fd).st_mode
    if stat.S_ISREG(mode) and mode & (stat.S_IRGRP | stat.S_IROTH):
        logger.warning("Other users can read the file with the password. Remove it, or `chmod 600` it.")


def _check_writable(fd: int) -> None:
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    read_only = fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY
    reader_gone = any(events & (select.POLLERR | select.POLLNVAL) for _, events in poll.poll(0))
    if read_only or reader_gone:
        raise OutputError("stdout can't be written to, but the result goes there.", "Redirect it elsewhere.")


def _write_and_sync(fd: int, data: bytes) -> None:
    with time_limit(WRITE_TIMEOUT):
        write_all(fd, data)
        if stat.S_ISREG(os.fstat(fd).st_mode):
            os.fsync(fd)


def _write_to_reader(fd: int, data: bytes) -> None:
    try:
        write_all(fd, data)
    except BrokenPipeError:
        raise click.exceptions.Exit(OutputError.exit_code) from None
