"""Syslog addresses and messages."""

import os
import re
import socket
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from zato_sso_reset.domain.settings import Setting
from zato_sso_reset.errors import ConfigError
from zato_sso_reset.server.settings import override_settings
from zato_sso_reset.signals import call_in_time
from zato_sso_reset.text import printable

LOCAL = "/var/run/syslog" if sys.platform == "darwin" else "/dev/log"
"""The socket of the machine's own syslog."""

PORT = 514  # UDP, from RFC 5426
TIMEOUT = 2  # seconds that syslog has to accept a line
LOOKUP_TIMEOUT = 10  # seconds for the lookup of its host; a resolver waits 5 for the first name server

NOTICE, WARNING, CRITICAL = 5, 4, 2
"""Severities."""

_AUTHPRIV = 10 << 3  # the facility, shifted as in a line's priority

_ADDRESS = re.compile(r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9._-]+))(?::(?P<port>[0-9]{1,5}))?")

Address = str | tuple[str, int]  # the path of a Unix socket, or a host and its UDP port


class HiddenPath(str):
    """A path that no message may show."""

    __slots__ = ()


class HiddenHost(tuple[str, int]):
    """A host and its UDP port that no message may show."""

    __slots__ = ()


class Syslog:
    """A syslog receiver."""

    def __init__(self, address: Address) -> None:
        """Look up the host, without sending anything yet; raise OSError if it has no address."""
        self._timeout = TIMEOUT
        self._family: int = socket.AF_UNIX
        self._address: Any = address
        if isinstance(address, tuple):
            host, port = address
            # Bytes bypass the IDNA codec, whose errors are not OSErrors.
            look_up = partial(socket.getaddrinfo, host.encode(), port, type=socket.SOCK_DGRAM)
            self._family, *_, self._address = call_in_time(look_up, LOOKUP_TIMEOUT)[0]

    def send(self, severity: int, text: str) -> None:
        """Send a line on a new socket, because syslog may be restarted between two lines.

        Raises OSError if syslog did not accept it; later lines do not wait then.
        """
        line = f"<{_AUTHPRIV | severity}>zato-sso-reset[{os.getpid()}]: {text}"
        try:
            with socket.socket(self._family, socket.SOCK_DGRAM) as end:
                end.settimeout(self._timeout)
                end.connect(self._address)
                end.send(line.encode())
        except OSError:
            self._timeout = 0
            raise


def read_address(path: Path, *, env: Mapping[str, str]) -> Address | None:
    """Return the address for a server's audit lines, or None if they are off or there is no syslog.

    It does not need the rest of the configuration, so that errors in the rest can be audited. Raises
    ConfigError or PermissionDeniedError because of `sso.toml` or `[audit] syslog`.
    """
    setting = override_settings(path / "config" / "repo", env, _refuse_secret).find("audit", "syslog")
    if not setting:
        return local_address()
    address = _address(setting)
    if address is None or not setting.is_resolved:
        return address
    return HiddenPath(address) if isinstance(address, str) else HiddenHost(address)


def local_address() -> Address | None:
    """Return the address of the machine's own syslog, if it has one."""
    return LOCAL if os.path.exists(LOCAL) else None  # noqa: PTH110 Path.exists may raise an OSError


def display(address: Address) -> str:
    """Return an address in its usual notation."""
    if isinstance(address, HiddenPath | HiddenHost):
        return "[audit] syslog"
    if isinstance(address, str):
        return printable(address)
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _address(setting: Setting) -> Address | None:
    value = str(setting.value)  # an environment variable is always text
    if value.lower() in {"false", "true"}:
        return local_address() if value.lower() == "true" else None
    if isinstance(setting.value, str):
        if value.startswith("/") and value.isprintable():
            return value
        match = _ADDRESS.fullmatch(value)
        if match and (port := int(match["port"] or PORT)) in range(1, 65536):
            return match["ipv6"] or match["host"], port
    message = f"{setting.source} is not true, false, the absolute path of a socket, or HOST:PORT."
    raise ConfigError(message, "Correct it.")


def _refuse_secret(_group: str, _key: str) -> NoReturn:
    raise ConfigError("[audit] syslog can't be a secret of `secrets.conf`.", "Use the address itself.")
