"""Files, read and made with care."""

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from zato_sso_reset.errors import ConfigError, FileNotMadeError, PermissionDeniedError, printable

MAX_SIZE = 1024 * 1024
"""Bytes. A server's largest file has some 10 KiB."""


def read_text(path: Path) -> str:
    """Return the text of a regular file of at most `MAX_SIZE` bytes, without waiting on any other kind.

    Raises:
        ConfigError: there is no such file, or it is none that can be read as text.
        PermissionDeniedError: it may not be read.
    """
    shown = printable(str(path))
    try:
        # A FIFO or a device that is opened without O_NONBLOCK may never return.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:  # noqa: PTH123
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ConfigError(f"`{shown}` is not a regular file. Put one there.")
            content = file.read(MAX_SIZE + 1)
    except FileNotFoundError:
        raise ConfigError(f"`{shown}` is missing. Check the path, or restore the file.") from None
    except PermissionError:
        raise PermissionDeniedError(f"`{shown}` may not be read. Run as the file's owner.") from None
    except OSError as error:
        raise ConfigError(f"`{shown}` can't be read: {error.strerror}.") from None
    if len(content) > MAX_SIZE:
        raise ConfigError(f"`{shown}` is larger than 1 MiB, which no configuration file is. Check the path.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
    else:
        if "\0" not in text:
            return text
        line = text.count("\n", 0, text.index("\0")) + 1
    raise ConfigError(f"`{shown}`, line {line}: this is not UTF-8 text. Correct the line.")


def new_private_file(path: Path) -> TextIO:
    """Make a file that its owner alone can read, never writing to one that is there.

    Raises:
        FileNotMadeError: it is there already, or can't be made.
    """
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise FileNotMadeError(f"`{printable(str(path))}` can't be made: {error.strerror}.") from None
    return os.fdopen(fd, "w", encoding="utf-8")


def write_all(fd: int, data: bytes) -> None:
    """Write all of `data`, of which a pipe, or a disk that fills up, may take a part at a time."""
    while data:
        data = data[os.write(fd, data) :]


def sync_folder(folder: Path) -> None:
    """See that the name of a new file is on the disk too, where the folder may be opened."""
    with suppress(OSError):
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        os.fsync(fd)
        os.close(fd)
