"""Messages besides the result: stderr, the execution log, stored arguments."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from zato_sso_reset.audit.operator import user_at_host
from zato_sso_reset.errors import FileNotMadeError, ZatoError
from zato_sso_reset.files import create_private_file
from zato_sso_reset.host.messages import print_line
from zato_sso_reset.text import printable

NOTICE = logging.INFO + 5  # the level of messages that are printed without --verbose, and are not warnings

logging.addLevelName(NOTICE, "NOTICE")

_PACKAGE = logging.getLogger("zato_sso_reset")

logger = logging.getLogger(__name__)


class _StderrHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno < logging.ERROR:  # the error that ends the command is printed anyway
            prefix = "Warning: " if record.levelno == logging.WARNING else ""
            print_line(f"{prefix}{record.getMessage()}")


class _LogFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created).astimezone().isoformat()
        return f"{time} {record.levelname} {printable(record.getMessage(), 2000)}"


class _LogHandler(logging.StreamHandler):  # type: ignore[type-arg]
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Do nothing: a log that can't be written is no reason to stop."""


@contextmanager
def log_to_stderr(*, verbose: bool) -> Iterator[None]:
    """Print the package's log messages to stderr: with `verbose` all, else notices and warnings.

    Within another one, that of `from-config`, it alone prints them.
    """
    _PACKAGE.propagate = False
    _PACKAGE.setLevel(logging.INFO)
    outer = _PACKAGE.handlers[:]
    _PACKAGE.handlers = [_StderrHandler(logging.INFO if verbose else NOTICE)]
    try:
        yield
    finally:
        _PACKAGE.handlers = outer


@contextmanager
def execution_log(now: datetime | None) -> Iterator[None]:
    """Write the package's log messages, and the error that ends the command, to `zato.<now>.log`.

    None writes no log. Raises FileNotMadeError if the log can't be created.
    """
    if now is None:
        yield
        return
    path = f"zato.{_stamp(now)}.log"
    file = create_private_file(Path(path))
    handler = _LogHandler(file)
    handler.setFormatter(_LogFormatter())
    _PACKAGE.addHandler(handler)
    logger.log(NOTICE, "Log: ./%s", path)
    try:
        yield
    except ZatoError as error:
        logger.error("%s", error)  # noqa: TRY400 no traceback: it may hold secrets
        raise
    finally:
        _PACKAGE.removeHandler(handler)
        with suppress(OSError):  # closing retries what a full disk did not accept
            file.close()


def store_arguments(command: str, arguments: Mapping[str, object], *, now: datetime) -> None:
    """Write `zato.<now>.config`; raise FileNotMadeError if it can't be created or can't hold an argument."""
    stamp = _stamp(now)
    lines = [f"# {stamp} - {user_at_host()}", f"command={command}"]
    path = Path(f"zato.{stamp}.config")
    try:
        for name, value in arguments.items():
            if value is not None:
                lines.append(f"{name}={value.absolute() if isinstance(value, Path) else value}")
        if not all(line.isprintable() for line in lines):
            message = "--store-config can't store a path, username or command with unprintable characters."
            raise FileNotMadeError(message, "Leave it out.")
        with create_private_file(path) as file:
            file.writelines(f"{line}\n" for line in lines)
    except OSError as error:
        message = f"`{path}` can't be written to: {error.strerror}."
        raise FileNotMadeError(message, "Change to another directory.") from None


def _stamp(now: datetime) -> str:
    return now.isoformat(timespec="microseconds").replace("-", "_").replace(":", "_").replace(".", "_")
