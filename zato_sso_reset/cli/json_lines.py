"""JSON Lines of many resets: a batch arrives whole and on the disk, or is cut off again."""

import fcntl
import json
import os
import stat
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from zato_sso_reset.cli.delivery import Result, warn_of_readers
from zato_sso_reset.cli.report import Report
from zato_sso_reset.errors import ConfigError, FileNotMadeError, OutputError, printable
from zato_sso_reset.files import sync_folder, write_all

if TYPE_CHECKING:
    from zato_sso_reset.domain.users import NewPassword


_BEGINNING = b'{"username": "'
"""Of every line."""


@dataclass
class Batch:
    """Lines that were delivered together, as their common `password_expiry` tells, and where they begin."""

    offset: int = 0
    password_expiry: str = ""
    passwords: dict[str, str] = field(default_factory=dict, repr=False)


@dataclass
class Delivered:
    """What a file holds: all usernames, the last two batches, where the last whole line ends.

    `written_at` is when the file was last written to, in naive UTC.
    `void` is how many lines after that `end` are known not to have been stored.
    """

    written_at: datetime
    usernames: set[str] = field(default_factory=set)
    previous: Batch = field(default_factory=Batch)
    last: Batch = field(default_factory=Batch)
    end: int = 0
    void: int = 0


def already_there(path: Path) -> str:
    """Return the words for a file that is not to be overwritten."""
    return f"`{printable(str(path))}` is there already. Give another, or add --resume to go on with it."


class Lines(ABC):
    """Where the lines of many users go; `count` is how many went there last, `total` how many in all."""

    if_refused: str
    how_to_go_on: str
    count = 0
    total = 0

    def write(self, new: Sequence["NewPassword"]) -> None:
        """Add a line for each user.

        Raises:
            OutputError: not all of them could be written.
        """
        self.count = len(new)
        self._write("\n".join(json.dumps(each.record()) for each in new))
        self.total += len(new)

    @abstractmethod
    def take_back(self) -> None:
        """Cut off what was written last, where that can be."""

    @abstractmethod
    def warn_of_readers(self, report: Report) -> None:
        """Tell where other users can read what was written."""

    @abstractmethod
    def _write(self, text: str) -> None:
        """Write `text` and a line end, whole, or raise `OutputError`."""


class LinesStdout(Lines):
    """stdout."""

    if_refused = "are void"
    how_to_go_on = "Run the command again for the others."

    def __init__(self, result: Result) -> None:
        self._result = result

    def take_back(self) -> None:
        """Leave it: whoever reads stdout has it."""

    def _write(self, text: str) -> None:
        self._result.write_line(text)

    def warn_of_readers(self, report: Report) -> None:
        """Tell where stdout is a file that other users can read."""
        self._result.warn_of_readers(report)


class LinesFile(Lines):
    """A file that its owner alone can read, and that one process at a time writes to."""

    if_refused = "were cut off again"
    how_to_go_on = "Run the command again with --resume."

    def __init__(self, path: Path, *, resume: bool) -> None:
        """Make a new file; with `resume`, open the one that is there, if any, to go on with.

        Raises:
            FileNotMadeError: it is there already, can't be made or opened, or another process writes to it.
        """
        self._path = path
        self._shown = printable(str(path))
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            self._fd = os.open(path, flags if resume else flags | os.O_EXCL, 0o600)
            if not stat.S_ISREG(os.fstat(self._fd).st_mode):
                raise FileNotMadeError(f"`{self._shown}` is not a regular file.")
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            sync_folder(path.parent)
        except FileExistsError:
            raise FileNotMadeError(already_there(path)) from None
        except BlockingIOError:
            raise FileNotMadeError(f"`{self._shown}` is being written to by another process.") from None
        except OSError as error:
            what = "opened" if resume else "made"
            raise FileNotMadeError(f"`{self._shown}` can't be {what}: {error.strerror}.") from None
        self._start = 0
        self._is_new = not resume

    def take_back(self) -> None:
        """Cut off what was written last; what can't be cut off now, --resume finds."""
        with suppress(OutputError):
            self.cut(self._start)

    def warn_of_readers(self, report: Report) -> None:
        """Tell where the file is one that other users can read, as it may be with --resume."""
        warn_of_readers(self._fd, report)

    def _write(self, text: str) -> None:
        data = f"{text}\n".encode()
        self._start = os.lseek(self._fd, 0, os.SEEK_END)
        try:
            write_all(self._fd, data)
            os.fsync(self._fd)
        except OSError as error:
            reason = error.strerror
        else:
            return
        self.take_back()
        raise OutputError(f"`{self._shown}` can't be written to: {reason}.")

    def cut(self, offset: int) -> None:
        """Cut off what begins at `offset`.

        Raises:
            OutputError: it can't be.
        """
        try:
            os.ftruncate(self._fd, offset)
            os.fsync(self._fd)
        except OSError as error:
            reason = error.strerror
        else:
            return
        raise OutputError(f"`{self._shown}` can't be written to: {reason}.")

    def delivered(self) -> Delivered:
        """Read what is there.

        Raises:
            ConfigError: it is not what `write` wrote.
        """
        modified = datetime.fromtimestamp(os.fstat(self._fd).st_mtime, timezone.utc)
        delivered = Delivered(modified.replace(tzinfo=None))
        with os.fdopen(os.dup(self._fd), "rb") as file:
            file.seek(0)
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    if number == 1 and not _BEGINNING.startswith(line[: len(_BEGINNING)]):
                        raise self._not_ours(number)
                    break
                username, password, expiry = self._parse(line, number)
                if expiry != delivered.last.password_expiry:
                    delivered.previous = delivered.last
                    delivered.last = Batch(delivered.end, expiry)
                delivered.last.passwords[username] = password
                delivered.usernames.add(username)
                delivered.end += len(line)
        return delivered

    def keep(self) -> Path:
        """Copy what is there to a new file beside this one, and return its path.

        Raises:
            FileNotMadeError: it can't be made.
            OutputError: it can't be written to.
        """
        kept = LinesFile(self._path.with_name(f"{self._path.name}.{time.time_ns()}.void"), resume=False)
        with closing(kept), os.fdopen(os.dup(self._fd), "r", encoding="utf-8") as file:
            file.seek(0)
            kept._write(file.read().rstrip("\n"))
        return kept._path

    def close(self) -> None:
        """Let others have the file; a new one without a line goes again."""
        if self._is_new and os.fstat(self._fd).st_size == 0:
            self._path.unlink(missing_ok=True)
        os.close(self._fd)

    def _parse(self, line: bytes, number: int) -> tuple[str, str, str]:
        with suppress(ValueError, TypeError, KeyError, AttributeError, RecursionError):
            record = json.loads(line)
            username, password, expiry = record["username"], record["password"], record["password_expiry"]
            (username + password + expiry).encode()  # half a surrogate pair is no text
            return username, password, expiry
        # Raised out here: the error that was suppressed holds the line.
        raise self._not_ours(number)

    def _not_ours(self, number: int) -> ConfigError:
        return ConfigError(f"`{self._shown}`, line {number}: not a line of this command's.")
