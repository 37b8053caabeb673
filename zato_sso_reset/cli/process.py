"""Preparation of the process for handling secrets."""

import atexit
import gc
import os
from contextlib import suppress

PR_SET_DUMPABLE = 4  # from linux/prctl.h


def prepare_process() -> None:
    """Prepare the whole process, once, before a command opens files or connections."""
    import logging

    _open_standard_streams()
    _disable_core_dumps()
    # PGHOSTADDR, PGOPTIONS and others would lead libpq to another database.
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]
    # Drivers would log statements with their parameters.
    for name in ("sqlalchemy", "psycopg"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    # A process this short needs no garbage collection, least of all a full one at exit.
    gc.disable()
    atexit.register(gc.freeze)


def collect_garbage() -> None:
    """Turn garbage collection on again, for a command that works on many users."""
    gc.freeze()
    gc.enable()


def _open_standard_streams() -> None:
    """Open closed standard streams, so that no connection gets their numbers and is written to.

    They are opened read-only: a result can't be written to a stdout that was closed.
    """
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:  # noqa: PERF203 three times
            os.open(os.devnull, os.O_RDONLY)


def _disable_core_dumps() -> None:
    """Keep memory out of core files, and out of other processes of the same user."""
    import ctypes
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    with suppress(AttributeError):  # only on Linux; the limit alone does not prevent dumps to a pipe
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0)
