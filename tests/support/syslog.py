"""A syslog for tests, on a real socket, and an independent reading of its lines."""

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
    """A line, and the bytes it came in."""

    severity: int
    pid: int
    fields: dict[str, Any]
    raw: str

    def __getitem__(self, name: str) -> Any:
        return self.fields[name]


def fields_of(text: str) -> dict[str, Any]:
    """Read `name=value` fields, which are all there is, each once."""
    assert _FIELD.sub("", text) == ""
    found = [(match[1], json.loads(match[2])) for match in _FIELD.finditer(text)]
    assert len(dict(found)) == len(found)
    return dict(found)


class Listener:
    """Takes lines."""

    def __init__(self, end: socket.socket) -> None:
        self.end = end
        end.settimeout(0)

    def lines(self) -> list[AuditLine]:
        """Return what came since the last time."""
        return list(self._take())

    def line(self) -> AuditLine:
        """Return what came since the last time, which is one line."""
        [line] = self.lines()
        return line

    def _take(self) -> Iterator[AuditLine]:
        while True:
            try:
                data = self.end.recv(65536)
            except BlockingIOError:
                return
            match = _LINE.fullmatch(data)
            assert match, data
            facility, severity = divmod(int(match[1]), 8)
            assert facility == AUTHPRIV
            text = match[3].decode()
            yield AuditLine(severity, int(match[2]), fields_of(text), text)


@contextmanager
def unix_listener(path: Path) -> Iterator[Listener]:
    """Listen where a machine's own syslog does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(str(path))
        yield Listener(end)


@contextmanager
def udp_listener(family: int = socket.AF_INET) -> Iterator[tuple[Listener, int]]:
    """Listen where a distant syslog does."""
    with socket.socket(family, socket.SOCK_DGRAM) as end:
        try:
            end.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        except OSError as error:
            pytest.skip(f"a machine without this: {error.strerror}")
        yield Listener(end), end.getsockname()[1]


def fill(path: Path) -> None:
    """Send lines to a syslog that reads none, until it takes no more."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.settimeout(0)
        end.connect(str(path))
        with suppress(BlockingIOError):
            while True:
                end.send(b"x")
