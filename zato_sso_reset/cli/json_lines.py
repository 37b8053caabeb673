"""The JSON Lines file of a bulk reset."""

import fcntl
import json
import os
import stat
import time
from contextlib import closing, suppress
from datetime import datetime, timezone
from pathlib import Path

from zato_sso_reset.cli.users_file import MAX_USERS
from zato_sso_reset.domain.users import FINGERPRINT
from zato_sso_reset.errors import ConfigError, FileNotMadeError, OutputError
from zato_sso_reset.files import sync_folder, write_all
from zato_sso_reset.services.resume import Delivered, DeliveredBatch
from zato_sso_reset.text import quoted

_BEGINNING = b'{"username": "'  # the beginning of every line

MAX_LINE = 4096
"""Bytes. A username of 191 characters has at most 2292 in JSON."""


def check_new(path: Path) -> None:
    """Raise FileNotMadeError if a file exists."""
    if os.path.lexists(path):
        message = f"{quoted(path)} already exists."
        raise FileNotMadeError(message, "Use another file, or --resume to continue it.")


class JsonLinesFile:
    """A file that only its owner can read, and that one process at a time writes to."""

    def __init__(self, path: Path, *, resume: bool) -> None:
        """Create a new file; with `resume`, open the existing one, if any.

        Raises FileNotMadeError if it exists, can't be opened, or another process writes to it.
        """
        self._path = path
        self._shown = quoted(path)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            self._fd = os.open(path, flags if resume else flags | os.O_EXCL, 0o600)
            if problem := _problem(os.fstat(self._fd)):
                os.close(self._fd)
                raise FileNotMadeError(f"{self._shown} {problem}.", "Use another --output-file.")
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            sync_folder(path.parent)
        except FileExistsError:
            check_new(path)
        except BlockingIOError:
            os.close(self._fd)
            raise FileNotMadeError(f"Another process is writing to {self._shown}.", "Wait for it.") from None
        except OSError as error:
            message = f"{self._shown} can't be {'opened' if resume else 'created'}: {error.strerror}."
            raise FileNotMadeError(message, "Use another --output-file.") from None
        self._last = 0
        self._is_new = not resume

    def write_line(self, line: str) -> None:
        """Append one or more lines to disk, or cut them off again."""
        self._last = os.lseek(self._fd, 0, os.SEEK_END)
        try:
            write_all(self._fd, f"{line}\n".encode())
            os.fsync(self._fd)
        except OSError as error:
            self.withdraw()
            raise self._write_error(error) from None

    def withdraw(self) -> None:
        """Cut off the lines of the last write; --resume finds them if that fails."""
        with suppress(OutputError):
            self.cut(self._last)

    def warn_of_readers(self) -> None:
        """Do nothing: only the owner can read the file."""

    def cut(self, offset: int) -> None:
        """Cut the file off at `offset`, or raise OutputError."""
        try:
            os.ftruncate(self._fd, offset)
            os.fsync(self._fd)
        except OSError as error:
            raise self._write_error(error) from None

    def read(self, *, is_record: bool = False) -> Delivered:
        """Read the file, which is a record without passwords, or has them.

        Raises ConfigError if it has a line that this program did not write, or is the other kind of file.
        """
        modified = datetime.fromtimestamp(os.fstat(self._fd).st_mtime, timezone.utc)
        delivered = Delivered(modified.replace(tzinfo=None), is_record)
        with os.fdopen(os.dup(self._fd), "rb") as file:
            file.seek(0)
            for number, line in enumerate(iter(lambda: file.readline(MAX_LINE), b""), start=1):
                if len(line) == MAX_LINE or number > MAX_USERS:
                    raise self._foreign_line(number)
                if not line.endswith(b"\n"):
                    if number == 1 and not _BEGINNING.startswith(line[: len(_BEGINNING)]):
                        raise self._foreign_line(number)
                    break
                username, proof, expiry = self._parse(line, number, is_record=is_record)
                if expiry != delivered.last.password_expiry:
                    delivered.previous = delivered.last
                    delivered.last = DeliveredBatch(delivered.end, expiry)
                delivered.last.proofs[username] = proof
                delivered.usernames.add(username)
                delivered.end += len(line)
        return delivered

    def copy(self) -> Path:
        """Copy the content to a new file next to this one, and return its path.

        Raises FileNotMadeError or OutputError if the copy can't be created or written to.
        """
        path = self._path.with_name(f"{self._path.name}.{time.time_ns()}.void")
        with (
            closing(JsonLinesFile(path, resume=False)) as copy,
            os.fdopen(os.dup(self._fd), "r", encoding="utf-8", errors="backslashreplace") as file,
        ):
            file.seek(0)
            copy.write_line(file.read().rstrip("\n"))
        return path

    def close(self) -> None:
        """Close the file and release its lock; remove a new file without any line."""
        if self._is_new and os.fstat(self._fd).st_size == 0:
            self._path.unlink(missing_ok=True)
        os.close(self._fd)

    def _parse(self, line: bytes, number: int, *, is_record: bool) -> tuple[str, str, str]:
        proof, other = (FINGERPRINT, "password") if is_record else ("password", FINGERPRINT)
        with suppress(ValueError, TypeError, KeyError, AttributeError, RecursionError):
            record = json.loads(line)
            if record.get(other):
                begun = "without" if is_record else "with"
                message = f"{self._shown} was begun {begun} --deliver-to."
                raise ConfigError(message, "Continue it in the same way.")
            fields = record["username"], record[proof], record["password_expiry"]
            "".join(fields).encode()  # half a surrogate pair is not text
            return fields
        # The suppressed error holds the line.
        raise self._foreign_line(number)

    def _write_error(self, error: OSError) -> OutputError:
        return OutputError(f"{self._shown} can't be written to: {error.strerror}.", "Free some space.")

    def _foreign_line(self, number: int) -> ConfigError:
        return ConfigError(f"{self._shown}, line {number}: not written by this command.", "Use another file.")


def _problem(status: os.stat_result) -> str:
    """Return what is wrong with a file that passwords are to be added to, or an empty text."""
    if not stat.S_ISREG(status.st_mode):
        return "is not a regular file"
    if status.st_uid != os.geteuid():
        return "belongs to another user"
    if status.st_nlink > 1:
        return "has a second name, as a hard link"
    if status.st_mode & 0o077:
        return "is open to other users"
    return ""
