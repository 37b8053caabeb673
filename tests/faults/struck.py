"""The real `zato`, which sends itself a signal at one point: `STRIKE=POINT:SIGNAL`.

`after-update`: the row is changed. `after-line`: the line is out, the commit is not. `after-commit`: the
commit's answer is there. With `HURRIED=1` it waits less for a server that is silent.
"""

import os
import signal
from typing import Any

from zato_sso_reset import __main__, odb, reset
from zato_sso_reset.cli.output import Result
from zato_sso_reset.repository import UserRepository

POINT, _, NAME = os.environ.get("STRIKE", "").partition(":")


def strike(point: str) -> None:
    """Send the signal, where this is the point."""
    if point == POINT:
        os.kill(os.getpid(), signal.Signals[NAME])


def set_passwords(*args: Any, _original: Any = UserRepository.set_passwords, **options: Any) -> None:
    """Change the row, with a point after it."""
    _original(*args, **options)
    strike("after-update")


def write_line(*args: Any, _original: Any = Result.write_line) -> None:
    """Write the line, with a point after it."""
    _original(*args)
    strike("after-line")


def reset_user_password(*args: Any, _original: Any = reset.reset_user_password, **options: Any) -> None:
    """Reset the password, with a point after it."""
    _original(*args, **options)
    strike("after-commit")


if __name__ == "__main__":
    UserRepository.set_passwords = set_passwords  # type: ignore[method-assign]
    Result.write_line = write_line  # type: ignore[method-assign, assignment]
    reset.reset_user_password = reset_user_password
    if os.environ.get("HURRIED"):
        odb.TRANSACTION_TIMEOUT = 2
    __main__.main()
