"""The audit trail: a line in syslog for each change and each refusal."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from logging import getLogger
from pathlib import Path

from zato_sso_reset.audit import syslog
from zato_sso_reset.audit.operator import host, operating_user, terminal
from zato_sso_reset.audit.syslog import CRITICAL, NOTICE, WARNING, Address, Syslog
from zato_sso_reset.errors import CommitUnknownError
from zato_sso_reset.text import printable

logger = getLogger(__name__)

MAX_VALUE = 400  # characters of a value: RFC 5424 recommends that receivers accept lines of 2048 bytes


class Trail:
    """The audit trail of one run of a command; the command never fails because of it."""

    database = ""  # the name of the database, once it is known
    delivered = ""  # `program`, once one of --deliver-to has taken the new password

    def __init__(self, command: str, path: Path, username: str | None, *, env: Mapping[str, str]) -> None:
        """Prepare a trail, without reading any file yet."""
        self._command = command
        self._path = path
        self._username = username
        self._env = env
        self._is_open = self._has_warned = False
        self._address: Address | None = None
        self._syslog: Syslog | None = None

    def open(self) -> None:
        """Find out where lines go; the errors are those of `syslog.read_address`."""
        self._open(syslog.local_address())  # for the refusal, if reading fails
        self._open(syslog.read_address(self._path, env=self._env))
        logger.info("Audit: %s.", f"`{syslog.display(self._address)}`" if self._address else "none")

    def changed(self, what: str, username: str | None = None, *, outcome: str = "done") -> None:
        """Record a change to `username`, or to the user of the command."""
        fields = {"user": username or self._username, "changed": what, "outcome": outcome}
        self._send(NOTICE if outcome == "done" else CRITICAL, fields)

    def refused(self, error: str, exit_code: int) -> None:
        """Record a run that ended with an error or a signal."""
        if not self._is_open:
            with suppress(Exception):  # it may be the very error that is recorded
                self.open()
        unknown = exit_code == CommitUnknownError.exit_code
        outcome = "unknown" if unknown else "refused"
        fields = {"user": self._username, "outcome": outcome, "exit_code": exit_code, "error": error}
        self._send(CRITICAL if unknown else WARNING, fields)

    def _open(self, address: Address | None) -> None:
        self._is_open, self._address, self._syslog = True, address, None
        with self._warning_on_error():
            self._syslog = Syslog(address) if address else None

    def _send(self, severity: int, fields: Mapping[str, object]) -> None:
        with self._warning_on_error():
            if self._syslog:
                line = {"command": self._command, **fields, "delivered": self.delivered, **self._context}
                self._syslog.send(severity, format_fields(line))

    @cached_property
    def _context(self) -> Mapping[str, object]:
        """The fields that are the same in all lines of a run."""
        return {
            "server": os.path.abspath(self._path),  # noqa: PTH100
            "database": self.database,
            "by": operating_user(),
            "sudo_user": self._env.get("SUDO_USER"),
            "host": host(),
            "tty": terminal(),
        }

    @contextmanager
    def _warning_on_error(self) -> Iterator[None]:
        """Warn of the first line that can't be sent."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 the command has done its work, whatever this is
            reason = (isinstance(error, OSError) and (error.strerror or str(error))) or type(error).__name__
            if not self._has_warned and self._address:
                to = syslog.display(self._address)
                logger.warning("The audit line could not be sent to `%s`: %s.", to, reason)
            self._has_warned = True


def format_fields(fields: Mapping[str, object]) -> str:
    """Return the fields that are not empty as `name=value`, with texts quoted as in JSON."""
    return " ".join(f"{name}={_value(value)}" for name, value in fields.items() if value not in {None, ""})


def _value(value: object) -> str:
    if isinstance(value, int):
        return str(value)
    return json.dumps(printable(str(value), MAX_VALUE), ensure_ascii=False)
