"""Arguments and options."""

import os
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO, TypeVar
from unicodedata import category

import click

from zato_sso_reset.cli.completion import complete_path, complete_username
from zato_sso_reset.text import printable, quoted

F = TypeVar("F", bound=Callable[..., Any])

MAX_USERNAME = 191  # characters: the width of the column

_CONTROLS = {"Cc", "Cs", "Zl", "Zp"}
"""Unicode categories of control characters; Cs is a byte that was not UTF-8."""

_BIDI_CONTROLS = {0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}
"""Unicode's Bidi_Control characters, which can make one name look like another."""

MAX_INPUT = 4096  # bytes of stdin; stock Zato accepts passwords of at most 256 characters

MAX_DAYS_DIGITS = 7  # ten million days are 27,000 years


def has_controls(text: str) -> bool:
    """Return whether `text` has control characters."""
    return any(category(c) in _CONTROLS for c in text)


def username_type(text: str) -> str:
    """Return a valid username; raise BadParameter if it is empty, too long, or has control characters."""
    if not text:
        raise click.BadParameter("It is empty.")
    if len(text) > MAX_USERNAME:
        raise click.BadParameter(f"{quoted(text, 40)} is longer than {MAX_USERNAME} characters.")
    if has_controls(text) or any(ord(c) in _BIDI_CONTROLS for c in text):
        shown = printable(text, 80)
        raise click.BadParameter(f"`{shown}` has control characters or bytes that are not UTF-8.")
    return text


def _days(text: str, minimum: int = 1) -> int:
    shown = printable(text, 40)
    if not re.fullmatch("[1-9][0-9]*" if minimum else "0|[1-9][0-9]*", text):
        raise click.BadParameter(f"`{shown}` is not a whole number of days of at least {minimum}.")
    if len(text) > MAX_DAYS_DIGITS:
        raise click.BadParameter(f"`{shown}` days are beyond the year 9999.")
    return int(text)


def days_or_0(text: str) -> int:
    """Return a whole number of days, 0 or more."""
    return _days(text, minimum=0)


def _yes_no(text: str) -> bool:
    word = text.strip(" ").lower()
    if word in {"true", "yes", "on", "y", "t", "1"}:
        return True
    if word in {"false", "no", "off", "n", "f", "0"}:
        return False
    raise click.BadParameter(f"{quoted(text, 40)} is neither true nor false.")


def _path(text: str) -> Path:
    if not text:
        raise click.BadParameter("It is empty.")  # Path("") would be the current directory
    return Path(os.path.expanduser(text))  # noqa: PTH111 an unknown user's `~name` stays as it is


def _command(text: str) -> str:
    if not text.strip():
        raise click.BadParameter("It is empty.")
    return text


def read_line(stdin: TextIO | None) -> str:
    """Return the next line of stdin without its end, and without reading ahead; empty at the end."""
    return read_stdin(stdin, "A line", whole=False)


def read_stdin(stdin: TextIO | None, subject: str, *, whole: bool) -> str:
    """Return the `whole` stdin, or its next line, without the line end.

    Raises UsageError, which names the `subject`, if it is longer than `MAX_INPUT`.
    """
    data = b""
    with suppress(OSError):  # stdin may not be readable
        data = (stdin.buffer.read if whole else stdin.buffer.readline)(MAX_INPUT + 1) if stdin else b""
    if len(data) > MAX_INPUT:
        raise click.UsageError(f"{subject} on stdin is longer than {MAX_INPUT} bytes.")
    return data.decode(errors="surrogateescape").removesuffix("\n").removesuffix("\r")


def _none_for_stdout(_ctx: click.Context, _param: click.Parameter, path: Path | None) -> Path | None:
    """Return None for stdout, which is `-` and the default."""
    return None if str(path) == "-" else path


def _complete_yes_no(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    return [word for word in ("true", "false") if word.startswith(incomplete)]


path_argument = click.argument("path", type=_path, shell_complete=complete_path)
username_argument = click.argument("username", type=username_type, shell_complete=complete_username)
expiry_option = click.option(
    "--expiry",
    type=_days,
    metavar="DAYS",
    help="Days until the password expires. [default: the server's setting, or else 760]",
)
must_change_option = click.option(
    "--must-change",
    type=_yes_no,
    metavar="true|false",
    shell_complete=_complete_yes_no,
    help="Whether the user must change the password at the next login. [default: unchanged]",
)
unlock_option = click.option("--unlock", is_flag=True, help="Also unlock the account.")
disable_totp_option = click.option(
    "--disable-totp", is_flag=True, help="Also disable TOTP, so that the password alone is enough to log in."
)
revoke_access_option = click.option(
    "--revoke-access", is_flag=True, help="Also end open sessions and invalidate password-reset links."
)
dry_run_option = click.option(
    "-n", "--dry-run", is_flag=True, help="Do everything except the change, and print what would be changed."
)
output_file_option = click.option(
    "--output-file",
    type=click.Path(path_type=Path),
    callback=_none_for_stdout,
    metavar="FILE",
    help="Write the result to a new file that only its owner can read. [default: stdout]",
)
deliver_to_option = click.option(
    "--deliver-to",
    type=_command,
    metavar="COMMAND",
    help="Run COMMAND in a shell with the result on its stdin; the change is committed only if COMMAND reads "
    "all of it and ends with 0.",
)
store_config_option = click.option(
    "--store-config",
    is_flag=True,
    help="Write the arguments to zato.<now>.config, for `zato from-config`.",
)
verbose_option = click.option(
    "-v", "--verbose", is_flag=True, help="Print the files and settings used, on stderr."
)
store_log_option = click.option(
    "--store-log",
    is_flag=True,
    help="Write an execution log, zato.<now>.log, to the current directory. It never contains the password.",
)


def output_option(*formats: str) -> Callable[[F], F]:
    """Return an option for the output format; the first of `formats` is the default."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(formats),
        default=formats[0],
        metavar="|".join(formats),
        help="Output format.",
        show_default=True,
    )


def single_user(*formats: str, destinations: Sequence[Callable[..., Any]] = ()) -> Callable[[F], F]:
    """Return a decorator with the parameters of `SingleUserRequest`.

    `formats` are those of --output, `destinations` more options for where the result goes.
    """
    parameters = [path_argument, username_argument, expiry_option, must_change_option, unlock_option]
    parameters += [disable_totp_option, revoke_access_option, dry_run_option, output_option(*formats)]
    parameters += [output_file_option, *destinations, store_config_option, verbose_option, store_log_option]

    def decorate(function: F) -> F:
        for parameter in reversed(parameters):
            function = parameter(function)
        return function

    return decorate
