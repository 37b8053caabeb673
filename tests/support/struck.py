"""The real `zato`, which sends itself a signal at one point: `STRIKE=POINT:SIGNAL[:TIME]`.

The points are `after-update` (the row is changed), `after-line` (the line is delivered, not committed) and
`after-commit` (the database has answered). TIME is the occurrence of the point that counts, 1 by default.
`HURRIED=1` shortens the time limits of a connection and of the lookup of a syslog host. `BATCH` is the number
of users in a batch.
"""

import itertools
import os
import signal
from collections.abc import Callable
from typing import Any

from zato_sso_reset import __main__
from zato_sso_reset.audit import syslog
from zato_sso_reset.database import watchdog
from zato_sso_reset.database.users import UserRepository
from zato_sso_reset.services import bulk_reset, reset

POINT, NAME, TIME = (os.environ.get("STRIKE", "") + "::").split(":")[:3]

OCCURRENCES = itertools.count(1)


def strike(point: str) -> None:
    """Send the signal, if this is the point."""
    if NAME and point == POINT and next(OCCURRENCES) == int(TIME or "1"):
        os.kill(os.getpid(), signal.Signals[NAME])


def struck(function: Callable[..., Any], *, before: str = "", after: str = "") -> Callable[..., Any]:
    """Return a function with a point before and after `function`."""

    def run(*args: Any, **options: Any) -> Any:
        strike(before)
        result = function(*args, **options)
        strike(after)
        return result

    return run


if __name__ == "__main__":
    UserRepository.store = struck(UserRepository.store, after="after-update")  # type: ignore[method-assign]
    for service in (reset, bulk_reset):
        service.commit = struck(  # type: ignore[attr-defined]
            service.commit, before="after-line", after="after-commit"
        )
    if os.environ.get("HURRIED"):
        watchdog.TRANSACTION_TIMEOUT = syslog.LOOKUP_TIMEOUT = 2
    if batch := int(os.environ.get("BATCH") or "0"):
        bulk_reset.BATCH, bulk_reset.AHEAD = batch, 2 * batch
    __main__.main()
