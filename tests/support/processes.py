"""Programs that tests start as processes of their own."""

import os
import sys
from pathlib import Path

from tests.support.limits import NOBODY

PYTHON = (sys.executable, "-I", "-B")
"""An interpreter that imports only what is installed, and writes no compiled modules."""

STRUCK = (*PYTHON, str(Path(__file__).with_name("struck.py")))
"""The real `zato`, which sends itself a signal: see `struck.py`."""

AS_NOBODY = (*PYTHON, str(Path(__file__).with_name("as_nobody.py")), str(NOBODY))
"""The real `zato`, as a user without rights."""


def environment(**more: str) -> dict[str, str]:
    """Return this process's environment, in which stdout is buffered as an administrator's is."""
    return {**os.environ, **more}
