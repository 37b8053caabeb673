"""stdout for the result, and what goes beside it: stderr, log, stored arguments."""

import fcntl
import os
import select
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from zato_sso_reset.errors import FileNotMadeError, OutputError, ZatoError, printable
from zato_sso_reset.files import new_private_file
from zato_sso_reset.host import say
from zato_sso_reset.limits import time_limit

if TYPE_CHECKING:
    from zato_sso_reset.server import ServerConfig

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

    def warn_of_readers(self, report: "Report") -> None:
        """Tell where the result is in a file that other users can read."""
        if self._fd is not None:
            warn_of_readers(self._fd, report)

    def write_line(self, line: str) -> None:
        """Write `line`, and wait until it is on the disk where stdout is a file.

        Raises:
            OutputError: not all of it could be written, or nobody took it for `WRITE_TIMEOUT`.
        """
        if self._fd is None:
            click.echo(line, self._stream)
            return
        encoding = self._stream.encoding or "utf-8"
        if reason := _write(self._fd, f"{line}\n".encode(encoding, "backslashreplace")):
            raise OutputError(f"The result could not be written to stdout: {reason}. {self._otherwise}")


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


def _write(fd: int, data: bytes) -> str | None:
    """Write all of `data`, and return None or why that failed."""
    try:
        with time_limit(WRITE_TIMEOUT):
            while data:
                data = data[os.write(fd, data) :]
            if stat.S_ISREG(os.fstat(fd).st_mode):
                os.fsync(fd)
    except TimeoutError:
        return f"nobody read it for {WRITE_TIMEOUT} seconds"
    except OSError as error:
        return error.strerror
    return None


class Report:
    """What a command tells beside its result: on stderr, and in its execution log."""

    def __init__(self, *, verbose: bool, log: TextIO | None) -> None:
        self._verbose = verbose
        self._log = log

    def note(self, text: str) -> None:
        """Tell what was found; on stderr with --verbose alone."""
        if self._verbose:
            say(text)
        self._to_log("INFO", text)

    def warn(self, text: str) -> None:
        """Tell what the administrator should see."""
        say(f"Warning: {text}")
        self._to_log("WARNING", text)

    def error(self, text: str) -> None:
        """Log what is told on stderr as the command ends."""
        self._to_log("ERROR", text)

    def _to_log(self, level: str, text: str) -> None:
        if self._log:
            with suppress(OSError):  # a log that can't be written is no reason to stop
                self._log.write(
                    f"{datetime.now().astimezone().isoformat()} {level} {printable(text, 2000)}\n"
                )
                self._log.flush()


def warn_of_readers(fd: int, report: Report) -> None:
    """Tell where the result is in a file that other users can read."""
    mode = os.fstat(fd).st_mode
    if stat.S_ISREG(mode) and mode & (stat.S_IRGRP | stat.S_IROTH):
        report.warn("The password is now in a file that other users can read. Remove it, or `chmod 600` it.")


@contextmanager
def reporting(*, verbose: bool, store_log: bool, now: datetime) -> Iterator[Report]:
    """Make a report; with `store_log`, into `zato.<now>.log` too, any error included.

    Raises:
        FileNotMadeError: the log can't be made.
    """
    if not store_log:
        yield Report(verbose=verbose, log=None)
        return
    log = new_private_file(Path(f"zato.{_stamp(now)}.log"))
    try:
        report = Report(verbose=verbose, log=log)
        yield report
    except ZatoError as error:
        report.error(str(error))
        raise
    finally:
        with suppress(OSError):  # what a full disk did not take is written once more
            log.close()


def read_server(path: Path, report: Report) -> "ServerConfig":
    """Read the directory of a server, telling what was read.

    Raises:
        ZatoError: as `ServerConfig.read`.
    """
    from zato_sso_reset.server import ServerConfig

    server = ServerConfig.read(path, env=os.environ, stdin=sys.stdin, warn=report.warn)
    for file in server.files:
        report.note(f"Read: {file}")
    return server


def store_arguments(command: str, arguments: Mapping[str, object], *, now: datetime) -> None:
    """Write `zato.<now>.config`, which `zato from-config` runs again.

    Raises:
        FileNotMadeError: it can't be made.
    """
    import getpass
    import socket

    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user often has no name
        user = str(os.getuid())
    stamp = _stamp(now)
    lines = [f"# {stamp} - {user}@{socket.gethostname()}", f"command={command}"]
    lines += [f"{name}={value}" for name, value in arguments.items() if value is not None]
    if not all(line.isprintable() for line in lines):
        raise FileNotMadeError("--store-config can't keep a path or username with unprintable characters.")
    name = f"zato.{stamp}.config"
    try:
        with new_private_file(Path(name)) as file:
            file.writelines(f"{line}\n" for line in lines)
    except OSError as error:
        raise FileNotMadeError(f"`{name}` can't be written: {error.strerror}.") from None


def _stamp(now: datetime) -> str:
    return now.isoformat(timespec="microseconds").replace("-", "_").replace(":", "_").replace(".", "_")
