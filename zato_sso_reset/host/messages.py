"""Error lines on stderr, as text or JSON."""

import json
import os
import sys
from typing import TextIO

import click

from zato_sso_reset.errors import ZatoError
from zato_sso_reset.signals import time_limit
from zato_sso_reset.text import printable

STDERR_TIMEOUT = 2  # seconds that the reader of stderr has to accept a line

ERRORS_AS_JSON = "zato_sso_reset.errors_as_json"
"""The key of a context's `meta` with which a command requests errors as JSON."""

_LIMIT = 2000  # characters of a message

_LABELS = {"Error": "red", "Warning": "yellow"}


class Failure(click.ClickException):
    """A `ZatoError` on its way to stderr and the exit code."""

    def __init__(self, error: ZatoError, ctx: click.Context) -> None:
        super().__init__(error.message)
        self.exit_code = error.exit_code  # type: ignore[misc]
        self.hint = error.hint
        self.ctx = ctx


class HintedUsageError(click.UsageError):
    """A usage error with a hint."""

    def __init__(self, message: str, hint: str, ctx: click.Context | None = None) -> None:
        super().__init__(message, ctx)
        self.hint = hint


def print_line(text: str) -> None:
    """Print a line to stderr, ignoring errors."""
    label, colon, rest = printable(text, _LIMIT).partition(":")
    if label in _LABELS and has_colour(sys.stderr):
        label = click.style(label, fg=_LABELS[label], bold=True)
    write_stderr(label + colon + rest)


def has_colour(stream: TextIO | None) -> bool:
    """Return whether colours may be written to a stream: a terminal that has them, unless NO_COLOR is set."""
    is_plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return not is_plain and stream is not None and stream.isatty()


def print_error(error: click.ClickException) -> None:
    """Print an error to stderr, as a line of text or as a JSON object."""
    message, hint = error.format_message(), getattr(error, "hint", "")
    ctx: click.Context | None = getattr(error, "ctx", None)
    if isinstance(error, click.UsageError) and ctx:
        message += "" if message.endswith((".", "?")) else "."
        hint = f"{hint} Try `{ctx.command_path} --help`.".lstrip()
    if ctx and ctx.meta.get(ERRORS_AS_JSON):
        fields = {
            "error": printable(message, _LIMIT),
            "exit_code": error.exit_code,
            "hint": printable(hint, _LIMIT) or None,
        }
        write_stderr(json.dumps(fields))
    else:
        print_line(f"Error: {message} {hint}".rstrip())


def write_stderr(text: str) -> None:
    """Write text and a newline to stderr, within `STDERR_TIMEOUT`."""
    try:
        with time_limit(STDERR_TIMEOUT):
            click.echo(text, err=True)
    except OSError:
        discard(2)


def discard(fd: int) -> None:
    """Redirect `fd` to /dev/null, so that flushing it at exit does not fail once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), fd)
