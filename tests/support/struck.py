"""The real `zato`, which sends itself a signal at one point: `STRIKE=POINT:SIGNAL[:TIME]`.

`after-update`: the row is changed. `after-line`: the line is out, the commit is not. `after-commit`: the
commit's answer is there. TIME says how often the point must have been come to, once where it is left
out. With `HURRIED=1` it waits less for a server that is silent. `BATCH` is how many users of many are
reset in one transaction.
"""

import itertools
import os
import signal
import sys
from typing import Any

from zato_sso_reset import __main__
from zato_sso_reset.cli.delivery import Result, ResultFile
from zato_sso_reset.cli.json_lines import Lines
from zato_sso_reset.database import engine as odb
from zato_sso_reset.database.users import UserRepository
from zato_sso_reset.services import bulk_reset as bulk
from zato_sso_reset.services import reset

POINT, NAME, TIME = (os.environ.get("STRIKE", "") + "::").split(":")[:3]

TIMES = itertools.count(1)


def strike(point: str) -> None:
    """Send the signal, where this is the point."""
    if point == POINT and next(TIMES) == int(TIME or "1"):
        os.kill(os.getpid(), signal.Signals[NAME])


def set_passwords(*args: Any, _original: Any = UserRepository.set_passwords, **options: Any) -> None:
    """Change the row, with a point after it."""
    _original(*args, **options)
    strike("after-update")


def write_line(*args: Any, _original: Any = Result.write_line) -> None:
    """Write the line, with a point after it."""
    _original(*args)
    strike("after-line")


def write_file(*args: Any, _original: Any = ResultFile.write_line) -> None:
    """Make the file, with a point after it."""
    _original(*args)
    strike("after-line")


def write_lines(*args: Any, _original: Any = Lines.write) -> None:
    """Write the lines of a batch, with a point after them."""
    _original(*args)
    strike("after-line")


def change_passwords(*args: Any, _original: Any = reset.change_passwords) -> None:
    """Reset the password, or those of a batch, with a point after it."""
    _original(*args)
    strike("after-commit")


if __name__ == "__main__":
    UserRepository.set_passwords = set_passwords  # type: ignore[method-assign]
    reset.change_passwords = change_passwords  # type: ignore[assignment]
    bulk.change_passwords = change_passwords  # type: ignore[attr-defined, assignment]
    Lines.write = write_lines  # type: ignore[method-assign, assignment]
    ResultFile.write_line = write_file  # type: ignore[method-assign, assignment]
    if "reset-user-passwords" not in sys.argv:
        Result.write_line = write_line  # type: ignore[method-assign, assignment]
    if os.environ.get("HURRIED"):
        odb.TRANSACTION_TIMEOUT = 2
    if batch := int(os.environ.get("BATCH") or "0"):
        bulk.BATCH, bulk.AHEAD = batch, 2 * batch
    __main__.main()
