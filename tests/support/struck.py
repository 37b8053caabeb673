"""The real `zato`, which sends itself a signal at one point: `STRIKE=POINT:SIGNAL[:TIME]`.

The points are `after-update` (the row is changed), `after-line` (the line is written, not committed) and
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
from zato_sso_reset.cli.delivery import OutputFile, Stdout
from zato_sso_reset.cli.json_lines import JsonLinesFile
from zato_sso_reset.database import watchdog
from zato_sso_reset.database.users import UserRepository
from zato_sso_reset.services import bulk_reset, reset

POINT, NAME, TIME = (os.environ.get("STRIKE", "") + "::").split(":")[:3]

OCCURRENCES = itertools.count(1)


def followed_by(point: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that sends the signal after `function`, if this is the point."""

    def struck(*args: Any, **options: Any) -> Any:
        result = function(*args, **options)
        if point == POINT and next(OCCURRENCES) == int(TIME or "1"):
            os.kill(os.getpid(), signal.Signals[NAME])
        return result

    return struck


if __name__ == "__main__":
    UserRepository.store = followed_by("after-update", UserRepository.store)  # type: ignore[method-assign]
    for delivery in (Stdout, OutputFile, JsonLinesFile):
        delivery.write_line = followed_by("after-line", delivery.write_line)  # type: ignore[method-assign]
    for service in (reset, bulk_reset):
        service.commit = followed_by("after-commit", service.commit)  # type: ignore[attr-defined]
    if os.environ.get("HURRIED"):
        watchdog.TRANSACTION_TIMEOUT = syslog.LOOKUP_TIMEOUT = 2
    if batch := int(os.environ.get("BATCH") or "0"):
        bulk_reset.BATCH, bulk_reset.AHEAD = batch, 2 * batch
    __main__.main()
