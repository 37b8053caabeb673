"""Hand-over to a stock `zato`."""

import os
import re
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import click

from zato_sso_reset.host.messages import HintedUsageError, print_line
from zato_sso_reset.text import did_you_mean, printable, quoted

STOCK_CLI = "ZATO_STOCK_CLI"  # the environment variable with the path of the stock `zato`

HANDED_OVER = "ZATO_HANDED_OVER"
"""The environment variable with the time and the number of the last hand-over, to detect loops."""

MAX_HAND_OVERS = 5  # more hand-overs in a row are a loop: no stock command starts such a chain
HAND_OVER_WINDOW = 60  # seconds within which hand-overs count as in a row


SIMILARITY = 0.8  # the least similarity of a mistyped command
STOCK_COMMANDS = {"quickstart", "set-ide-password"}  # stock commands that are similar to ours


def hand_over(args: Sequence[str], command: str, known: Mapping[str, str]) -> NoReturn:
    """Replace this process with the stock `zato`, with the same arguments.

    The nearest of `known`, our own commands by name, are suggested instead of `command`. Raises UsageError if
    there is no stock `zato`, or ClickException if it can't be run or handed the same command back.
    """
    shown = printable(command, 40)
    near = "" if command in STOCK_COMMANDS else did_you_mean(command, known, SIMILARITY)
    stock = _find_stock()
    if not stock:
        missing = "no stock `zato` on PATH to hand it over to."
        if near:
            raise HintedUsageError(f"No such command `{shown}`. {near}", f"There is {missing}")
        hint = f"{STOCK_CLI} can name the stock `zato`."
        raise HintedUsageError(f"No such command `{shown}`, and {missing}", hint)
    if near:
        print_line(f"`{shown}` is handed over to the stock `zato`. {near}")
    count = _count_hand_overs()
    if count > MAX_HAND_OVERS or _is_this_program(stock):
        problem = (
            f"{quoted(stock)} is not a stock `zato`: it leads back here. Set {STOCK_CLI} to the stock one."
        )
        raise click.ClickException(f"No such command `{shown}`, and {problem}")
    env = {**os.environ, HANDED_OVER: f"{int(time.time())} {count}"}
    try:
        os.execve(stock, ["zato", *args], env)  # noqa: S606 no shell: arguments are passed on as they are
    except OSError as error:
        message = f"`{shown}` needs the stock `zato`, but {quoted(stock)} can't be run: {error.strerror}."
        raise click.ClickException(message) from None


def _find_stock() -> str | None:
    """Return the configured stock `zato`, or the first other `zato` on PATH."""
    if named := os.environ.get(STOCK_CLI):
        return shutil.which(named) or named
    candidates = (shutil.which("zato", path=folder) for folder in os.get_exec_path())
    return next((found for found in candidates if found and not _is_this_program(found)), None)


def _count_hand_overs() -> int:
    """Return the number of hand-overs in a row, with the one about to happen."""
    last = re.fullmatch("([0-9]{1,12}) ([0-9]{1,3})", os.environ.get(HANDED_OVER, ""))
    if last and time.time() - int(last[1]) < HAND_OVER_WINDOW:
        return int(last[2]) + 1
    return 1


def _is_this_program(executable: str) -> bool:
    """Return whether a file is a console script of this package, which names the package."""
    path = Path(executable)
    with suppress(OSError):
        if path.is_file():  # opening a FIFO would wait for a writer
            with path.open("rb") as file:
                return b"zato_sso_reset" in file.read(4096)
    return False
