"""Bounded reads, private files and fsync."""

import os
import pwd
import stat
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from zato_sso_reset.errors import ConfigError, FileNotMadeError, PermissionDeniedError
from zato_sso_reset.text import printable, quoted

MAX_SIZE = 1024 * 1024  # bytes; the largest configuration file of a server has some 10 KiB


def read_text(path: Path) -> str:
    """Return the text of a regular file of at most `MAX_SIZE` bytes, without blocking on other kinds of file.

    Raises ConfigError if it is missing, not a regular file, too large or not UTF-8, or PermissionDeniedError.
    """
    shown = printable(str(path))
    try:
        # Opening a FIFO or a device without O_NONBLOCK may block forever.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:  # noqa: PTH123
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ConfigError(f"`{shown}` is not a regular file.", "Replace it with one.")
            content = file.read(MAX_SIZE + 1)
    except FileNotFoundError:
        raise ConfigError(f"`{shown}` is missing.", "Check the path, or restore the file.") from None
    except PermissionError:
        raise PermissionDeniedError(f"`{shown}` may not be read.", "Run as the file's owner.") from None
    except OSError as error:
        raise ConfigError(f"`{shown}` can't be read: {error.strerror}.") from None
    if len(content) > MAX_SIZE:
        raise ConfigError(f"`{shown}` is larger than 1 MiB, too large for configuration.", "Check the path.")
    damage = content.find(b"\0")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        damage = error.start
    if damage >= 0:
        line = content.count(b"\n", 0, damage) + 1
        raise ConfigError(f"`{shown}`, line {line}: not UTF-8 text.", "Correct the line.")
    return text


def owner_of(path: Path) -> int | None:
    """Return the user who owns a file or link, or None if that can't be found out."""
    with suppress(OSError):
        return path.lstat().st_uid
    return None


def as_owner(uid: int | None) -> str:
    """Return the hint to run as the owner of a server's directory."""
    if uid is None:
        return "Run as the server's own user."
    return f"Run as the server's own user, `{user_name(uid)}`."


def user_name(uid: int) -> str:
    """Return the name of a user, or `#` and the number of one without a name, as sudo accepts it."""
    try:
        return printable(pwd.getpwuid(uid).pw_name)
    except KeyError:
        return f"#{uid}"


def create_private_file(path: Path) -> TextIO:
    """Create a file that only its owner can read, or raise FileNotMadeError, also if it already exists."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise FileNotMadeError(f"{quoted(path)} can't be created: {error.strerror}.") from None
    return os.fdopen(fd, "w", encoding="utf-8")


def write_all(fd: int, data: bytes) -> None:
    """Write all of `data`; one write to a pipe, or to a disk that fills up, may take only a part."""
    while data:
        data = data[os.write(fd, data) :]


def sync_folder(folder: Path) -> None:
    """Write the name of a new file to disk, if the folder may be opened."""
    with suppress(OSError):
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        os.fsync(fd)
        os.close(fd)
