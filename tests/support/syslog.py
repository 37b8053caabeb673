"""A syslog for tests, on a real socket, with an independent parser of its lines."""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

AUTHPRIV = 10
NOTICE, WARNING, CRITICAL = 5, 4, 2

_LINE = re.compile(rb"<([0-9]+)>zato-sso-reset\[([0-9]+)\]: ([^\n\0]+)")
_FIELD = re.compile(r'([a-z_]+)=([0-9]+|"(?:[^"\\]|\\.)*")(?: |$)')


@dataclass(frozen=True)
class AuditLine:
    """An audit line, parsed, and its raw text."""

    severity: int
    pid: int
    fields: dict[str, Any]
    raw: str

    def __getitem__(self, name: str) -> Any:
        return self.fields[name]


def fields_of(text: str) -> dict[str, Any]:
    """Parse `name=value` fields, with nothing else and no name twice."""
    assert _FIELD.sub("", text) == ""
    found = [(match[1], json.loads(match[2])) for match in _FIELD.finditer(text)]
    assert len(dict(found)) == len(found)
    return dict(found)


class Listener:
    """Receives lines."""

    def __init__(self, end: socket.socket) -> None:
        self.end = end
        end.settimeout(0)

    def lines(self) -> list[AuditLine]:
        """Return the lines received since the last call."""
        lines = []
        with suppress(BlockingIOError):
            while data := self.end.recv(65536):
                match = _LINE.fullmatch(data)
                assert match, data
                facility, severity = divmod(int(match[1]), 8)
                assert facility == AUTHPRIV
                text = match[3].decode()
                lines.append(AuditLine(severity, int(match[2]), fields_of(text), text))
        return lines

    def line(self) -> AuditLine:
        """Return the only line received since the last call."""
        [line] = self.lines()
        return line


@contextmanager
def unix_listener(path: Path) -> Iterator[Listener]:
    """Listen on a Unix socket, as a machine's own syslog does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(str(path))
        yield Listener(end)


@contextmanager
def udp_listener(family: int = socket.AF_INET) -> Iterator[tuple[Listener, int]]:
    """Listen on a UDP port, as a remote syslog does."""
    with socket.socket(family, socket.SOCK_DGRAM) as end:
        try:
            end.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        except OSError as error:
            pytest.skip(f"not available: {error.strerror}")
        yield Listener(end), end.getsockname()[1]


def fill(path: Path) -> None:
    """Send lines to a syslog that reads none, until it accepts no more."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.settimeout(0)
        end.connect(str(path))
        with suppress(BlockingIOError):
            while True:
                end.send(b"x")
