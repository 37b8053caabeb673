"""What goes beside the result: stderr, log, stored arguments."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from zato_sso_reset.audit.operator import user_at_host
from zato_sso_reset.errors import FileNotMadeError, ZatoError, printable
from zato_sso_reset.files import new_private_file
from zato_sso_reset.host.program import say

if TYPE_CHECKING:
    from zato_sso_reset.audit.trail import Audit
    from zato_sso_reset.server.config import ServerConfig


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

    def tell(self, text: str) -> None:
        """Tell what the administrator asked for."""
        say(text)
        self._to_log("INFO", text)

    def tell_beside(self, changes: str, *, dry_run: bool = False) -> None:
        """Tell what was changed beside a password, if anything."""
        if changes:
            self.tell(f"{'Would also change' if dry_run else 'Also changed'}: {changes}.")

    def error(self, text: str) -> None:
        """Log what is told on stderr as the command ends."""
        self._to_log("ERROR", text)

    def _to_log(self, level: str, text: str) -> None:
        if self._log:
            # A log that can't be written, or is closed, is no reason to stop.
            with suppress(OSError, ValueError):
                self._log.write(
                    f"{datetime.now().astimezone().isoformat()} {level} {printable(text, 2000)}\n"
                )
                self._log.flush()


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


def read_server(path: Path, report: Report, audit: "Audit | None" = None) -> "ServerConfig":
    """Read the directory of a server, telling what was read, and telling `audit` of it.

    Raises:
        ZatoError: as `ServerConfig.read` and `Audit.open`.
    """
    from zato_sso_reset.server.config import ServerConfig

    if audit:
        audit.open(report.warn)
        report.note(f"Audit: {audit.address}.")
    server = ServerConfig.read(path, env=os.environ, stdin=sys.stdin, warn=report.warn)
    for file in server.files:
        report.note(f"Read: {file}")
    if audit:
        audit.server = server
    return server


def store_arguments(command: str, arguments: Mapping[str, object], *, now: datetime) -> None:
    """Write `zato.<now>.config`, which `zato from-config` runs again.

    Raises:
        FileNotMadeError: it can't be made.
    """
    stamp = _stamp(now)
    lines = [f"# {stamp} - {user_at_host()}", f"command={command}"]
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
