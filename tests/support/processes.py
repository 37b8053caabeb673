"""Programs that tests start as separate processes."""

import os
import subprocess
import sys
from collections.abc import Sequence
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


def start(argv: Sequence[object], **options: object) -> "subprocess.Popen[str]":
    """Start a program; stdout and stderr are pipes, unless `options` redirect them."""
    defaults = {"env": environment(), "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([*map(str, argv)], text=True, **{**defaults, **options})  # type: ignore[call-overload,no-any-return]
