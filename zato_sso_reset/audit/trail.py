"""The audit trail: a line to syslog for each change, and for each refusal."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path

from zato_sso_reset.audit.operator import host, operating_user, terminal
from zato_sso_reset.audit.syslog import CRITICAL, NOTICE, WARNING, Address, Syslog, local, read_address, shown
from zato_sso_reset.errors import CommitUnknownError, ZatoError, printable
from zato_sso_reset.server.config import ServerConfig

MAX_VALUE = 400
"""Characters of a value: RFC 5424 has syslogs take lines of at least 2048 bytes, if they can."""


class Audit:
    """What syslog is told of one run of a command, which never fails for it."""

    server: ServerConfig | None = None
    """Known once it has been read."""

    def __init__(
        self,
        command: str,
        path: Path,
        username: str | None,
        *,
        env: Mapping[str, str],
        warn: Callable[[str], None],
    ) -> None:
        """Prepare; no file is read yet."""
        self._command = command
        self._path = path
        self._username = username
        self._env = env
        self._warn = warn
        self._is_open = self._has_warned = False
        self._address: Address | None = None
        self._syslog: Syslog | None = None

    @property
    def address(self) -> str:
        """Where lines go, for people."""
        return f"`{shown(self._address)}`" if self._address else "none"

    def open(self, warn: Callable[[str], None]) -> None:
        """Find where lines go; `warn` is told of those that can't be sent.

        Raises:
            ConfigError: `sso.toml` is malformed, or `[audit] syslog` is no address.
            PermissionDeniedError: it may not be read.
        """
        self._warn = warn
        self._open(read_address(self._path, env=self._env, warn=warn))

    def changed(self, what: str, username: str | None = None, *, outcome: str = "done") -> None:
        """Tell of a change: of `username`, or of the user that the command is for."""
        severity = NOTICE if outcome == "done" else CRITICAL
        self._send(severity, {"user": username or self._username, "changed": what, "outcome": outcome})

    def refused(self, error: str, exit_code: int) -> None:
        """Tell of a run that an error ends, or a signal."""
        if not self._is_open:
            address = local()
            with suppress(Exception):  # whatever it is, it may be the very one that is told of
                address = read_address(self._path, env=self._env, warn=lambda _: None)
            self._open(address)
        outcome = "unknown" if exit_code == CommitUnknownError.exit_code else "refused"
        severity = CRITICAL if outcome == "unknown" else WARNING
        fields = {"user": self._username, "outcome": outcome, "exit_code": exit_code, "error": error}
        self._send(severity, fields)

    def _open(self, address: Address | None) -> None:
        self._is_open, self._address = True, address
        with self._no_reason_to_fail():
            self._syslog = Syslog(address) if address else None

    def _send(self, severity: int, fields: Mapping[str, object]) -> None:
        with self._no_reason_to_fail():
            if self._syslog:
                self._syslog.send(severity, line({"command": self._command, **fields, **self._where}))

    @cached_property
    def _where(self) -> Mapping[str, object]:
        """What is the same in all lines of a run."""
        return {
            "server": os.path.abspath(self._path),  # noqa: PTH100
            "database": self._database(),
            "by": operating_user(),
            "sudo_user": self._env.get("SUDO_USER"),
            "host": host(),
            "tty": terminal(),
        }

    def _database(self) -> str:
        from zato_sso_reset.database.engine import ODB

        with suppress(ZatoError):  # of what is refused
            return ODB(self.server.database).name if self.server else ""
        return ""

    @contextmanager
    def _no_reason_to_fail(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 whatever it is, the command has done what it was asked to
            reason = isinstance(error, OSError) and (error.strerror or str(error))
            if not self._has_warned:
                self._warn(
                    f"The audit line could not be sent to {self.address}: {reason or type(error).__name__}."
                )
            self._has_warned = True


def line(fields: Mapping[str, object]) -> str:
    """Return the fields as `name=value`, texts quoted as in JSON; those that are empty are left out."""
    return " ".join(f"{name}={_value(value)}" for name, value in fields.items() if value not in {None, ""})


def _value(value: object) -> str:
    if isinstance(value, int):
        return str(value)
    return json.dumps(printable(str(value), MAX_VALUE), ensure_ascii=False)
