"""Syslog: where a server has its audit lines sent, and sending one."""

import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from zato_sso_reset.errors import ConfigError, printable
from zato_sso_reset.server.ini import Setting, ValueResolver
from zato_sso_reset.server.toml import Overrides

LOCAL = "/var/run/syslog" if sys.platform == "darwin" else "/dev/log"
"""Where the machine's own syslog listens, if there is one."""

PORT = 514
"""UDP, from RFC 5426."""

TIMEOUT = 2
"""Seconds for syslog to take a line."""

NOTICE, WARNING, CRITICAL = 5, 4, 2
"""Severities."""

_AUTHPRIV = 10 << 3

_ADDRESS = re.compile(r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9._-]+))(?::(?P<port>[0-9]{1,5}))?")

Address = str | tuple[str, int]
"""The path of a Unix socket, or a host and its UDP port."""


class Syslog:
    """Where the lines go."""

    def __init__(self, address: Address) -> None:
        """Look the host up; nothing is sent yet.

        Raises:
            OSError: it has no address.
        """
        import socket

        self._target: tuple[int, Any] = (socket.AF_UNIX, address)
        if isinstance(address, tuple):
            host, port = address
            # As bytes, the name is not looked into: IDNA's errors are no OSError.
            family, _, _, _, sockaddr = socket.getaddrinfo(host.encode(), port, type=socket.SOCK_DGRAM)[0]
            self._target = (family, sockaddr)
        self._timeout = TIMEOUT

    def send(self, severity: int, text: str) -> None:
        """Send a line, on a socket of its own: syslog may be restarted between two.

        After a failure, the next ones do not wait.

        Raises:
            OSError: it was not taken.
        """
        import socket

        family, address = self._target
        line = f"<{_AUTHPRIV | severity}>zato-sso-reset[{os.getpid()}]: {text}"
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as end:
                end.settimeout(self._timeout)
                end.connect(address)
                end.send(line.encode())
        except OSError:
            self._timeout = 0
            raise


def read_address(path: Path, *, env: Mapping[str, str], warn: Callable[[str], None]) -> Address | None:
    """Return where the audit lines of a server go; None where they are turned off, or there is no syslog.

    It is read apart from the rest, which need not be there, so that a refusal of the rest can be audited.

    Raises:
        ConfigError: `sso.toml` is malformed, or `[audit] syslog` is no address.
        PermissionDeniedError: it may not be read.
    """
    overrides = Overrides(path / "config" / "repo", ValueResolver(env, warn, _no_secret))
    setting = overrides.find("audit", "syslog")
    return _address(setting) if setting else local()


def local() -> Address | None:
    """Return where the machine's own syslog is, if there is one."""
    return LOCAL if os.path.exists(LOCAL) else None  # noqa: PTH110 Path would be imported for this alone


def shown(address: Address) -> str:
    """Return an address as people write it."""
    if isinstance(address, str):
        return printable(address)
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _address(setting: Setting) -> Address | None:
    value = setting.value
    word = str(value).lower()  # an environment variable has but text
    if word == "false":
        return None
    if word == "true":
        return local()
    if isinstance(value, str):
        if value.startswith("/") and value.isprintable():
            return value
        match = _ADDRESS.fullmatch(value)
        if match and (port := int(match["port"] or PORT)) in range(1, 65536):
            return match["ipv6"] or match["host"], port
    raise ConfigError(
        f"{setting.source} is neither true, false, the absolute path of a socket, nor HOST:PORT. Correct it."
    )


def _no_secret(_group: str, _key: str) -> NoReturn:
    raise ConfigError("[audit] syslog can't be a secret of `secrets.conf`. Put the address there instead.")
