"""The real `zato`, which sends itself a signal at one point: `STRIKE=POINT:SIGNAL[:TIME]`.

The points are `after-update` (the row is changed), `after-line` (the line is delivered, not committed) and
`after-commit` (the database has answered). TIME is the occurrence of the point that counts, 1 by default.
`HURRIED=1` shortens the time limits: see `hurry`. `BATCH` is the number of users in a batch.
"""

import itertools
import os
import signal
from collections.abc import Callable
from operator import setitem
from typing import Any

from zato_sso_reset import __main__
from zato_sso_reset.audit import syslog
from zato_sso_reset.cli import delivery
from zato_sso_reset.database import connect, engine, watchdog
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


def hurry(set_item: Callable[[Any, str, Any], None]) -> None:
    """Set short limits: a second for locks and readers, two for answers, three for transactions."""
    set_item(vars(delivery), "WRITE_TIMEOUT", 1)
    set_item(vars(watchdog), "TRANSACTION_TIMEOUT", 3)
    for module, name in ((connect, "CONNECT_TIMEOUT"), (syslog, "LOOKUP_TIMEOUT")):
        set_item(vars(module), name, 2)
    for arguments in engine._CONNECT_ARGS.values():  # noqa: SLF001 shorter than a user's
        for name in arguments.keys() & {"connect_timeout", "read_timeout", "write_timeout"}:
            set_item(arguments, name, 2)
    set_item(engine._CONNECT_ARGS["sqlite"], "timeout", 1)  # noqa: SLF001
    for backend, statement in engine._BEGIN.items():  # noqa: SLF001
        set_item(engine._BEGIN, backend, statement.replace(str(engine.LOCK_TIMEOUT), "1"))  # noqa: SLF001


if __name__ == "__main__":
    UserRepository.store = struck(UserRepository.store, after="after-update")  # type: ignore[method-assign]
    for service in (reset, bulk_reset):
        service.commit = struck(  # type: ignore[attr-defined]
            service.commit, before="after-line", after="after-commit"
        )
    if os.environ.get("HURRIED"):
        hurry(setitem)
    if batch := int(os.environ.get("BATCH") or "0"):
        bulk_reset.BATCH, bulk_reset.AHEAD = batch, 2 * batch
    __main__.main()
