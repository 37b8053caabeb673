"""Where a result goes: stdout, seen to before anything else, or a new file."""

import fcntl
import os
import select
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from zato_sso_reset.errors import FileNotMadeError, OutputError, printable
from zato_sso_reset.files import new_private_file, sync_folder, write_all
from zato_sso_reset.signals import time_limit

if TYPE_CHECKING:
    from collections.abc import Callable

    from zato_sso_reset.cli.report import Report

WRITE_TIMEOUT = 5
"""Seconds for whoever reads our stdout to take the result."""


class Result:
    """stdout, for one line that arrives whole or fails."""

    def __init__(self, stream: TextIO | None, *, otherwise: str) -> None:
        """See, before any file or socket is opened, that `stream` can be written to.

        `otherwise` is what the user is to know where the result can't be written.

        Raises:
            OutputError: it can't.
        """
        open_standard_streams(0, 2)
        self._otherwise = otherwise
        self._stream = _writable(stream)
        self._fd = _file_descriptor(self._stream)
        if self._fd is not None:
            _check_writable(self._fd)

    def take_back(self) -> None:
        """Leave it: whoever reads stdout has it."""

    def warn_of_readers(self, report: "Report") -> None:
        """Tell where the result is in a file that other users can read."""
        if self._fd is not None:
            warn_of_readers(self._fd, report)

    def write_line(self, line: str) -> None:
        """Write `line`, and wait until it is on the disk where stdout is a file.

        Raises:
            OutputError: not all of it could be written, or nobody took it for `WRITE_TIMEOUT`.
        """
        self._write(f"{line}\n", _write_for_good)

    def stream(self, text: str) -> None:
        """Write `text`, and wait for as long as its reader takes, who may be a pager.

        Raises:
            OutputError: not all of it could be written.
            click.exceptions.Exit: whoever read it has had enough, and is to be told nothing.
        """
        self._write(text, _write_to_reader)

    def _write(self, text: str, write: "Callable[[int, bytes], None]") -> None:
        if self._fd is None:
            click.echo(text, self._stream, nl=False)
            return
        try:
            write(self._fd, text.encode(self._stream.encoding or "utf-8", "backslashreplace"))
        except TimeoutError:
            reason: str | None = f"nobody read it for {WRITE_TIMEOUT} seconds"
        except OSError as error:
            reason = error.strerror
        else:
            return
        raise OutputError(f"The result could not be written to stdout: {reason}. {self._otherwise}")


class ResultFile:
    """A new file that its owner alone can read, made only when its line is there."""

    def __init__(self, path: Path) -> None:
        """See that there is nothing at `path`, and that its folder can be written to.

        Raises:
            FileNotMadeError: there is, or it can't.
        """
        open_standard_streams(0, 1, 2)
        if os.path.lexists(path):
            raise FileNotMadeError(f"`{printable(str(path))}` is there already. Give another --output-file.")
        if not os.access(path.parent, os.W_OK | os.X_OK, effective_ids=True):
            raise FileNotMadeError(
                f"`{printable(str(path))}` can't be made: its folder is missing or may not be written to. "
                "Give another --output-file."
            )
        self._path = path

    def write_line(self, line: str) -> None:
        """Make the file, write `line`, and wait until both are on the disk; else leave nothing there.

        Raises:
            FileNotMadeError: the file can't be made.
            OutputError: not all of the line could be written.
        """
        file = new_private_file(self._path)
        self._made = os.fstat(file.fileno())
        try:
            with file:
                file.write(f"{line}\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            self.take_back()
            raise OutputError(
                f"`{printable(str(self._path))}` can't be written to: {error.strerror}. Nothing was changed."
            ) from None
        sync_folder(self._path.parent)

    def take_back(self) -> None:
        """Remove what is void, but not what somebody else has put in its place."""
        with suppress(OSError):  # whoever calls is telling what matters more: that it is void
            if os.path.samestat(self._path.lstat(), self._made):
                self._path.unlink()

    def warn_of_readers(self, report: "Report") -> None:
        """Leave it: there are none."""


def open_standard_streams(*numbers: int) -> None:
    """Keep these numbers from going to a database, which would then be read from or written to."""
    for fd in numbers:
        try:
            os.fstat(fd)
        except OSError:  # noqa: PERF203 twice
            os.open(os.devnull, os.O_RDWR)


def _writable(stream: TextIO | None) -> TextIO:
    if stream is None:
        raise OutputError("stdout is closed, and the result goes there. Nothing was changed.")
    return stream


def _file_descriptor(stream: TextIO) -> int | None:
    """Return the number behind `stream`, or None where it is one in memory."""
    with suppress(OSError):
        return stream.fileno()
    return None


def _check_writable(fd: int) -> None:
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    read_only = fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY
    reader_gone = any(events & (select.POLLERR | select.POLLNVAL) for _, events in poll.poll(0))
    if read_only or reader_gone:
        raise OutputError("stdout can't be written to, and the result goes there. Nothing was changed.")


def _write_for_good(fd: int, data: bytes) -> None:
    with time_limit(WRITE_TIMEOUT):
        write_all(fd, data)
        if stat.S_ISREG(os.fstat(fd).st_mode):
            os.fsync(fd)


def _write_to_reader(fd: int, data: bytes) -> None:
    try:
        write_all(fd, data)
    except BrokenPipeError:
        raise click.exceptions.Exit(OutputError.exit_code) from None


def warn_of_readers(fd: int, report: "Report") -> None:
    """Tell where the result is in a file that other users can read."""
    mode = os.fstat(fd).st_mode
    if stat.S_ISREG(mode) and mode & (stat.S_IRGRP | stat.S_IROTH):
        report.warn("The password is now in a file that other users can read. Remove it, or `chmod 600` it.")
