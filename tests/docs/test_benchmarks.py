"""The benchmarks' script and measurements do what their documentation says."""

import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.servers import LINE, Server

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

measure: Callable[..., list[list[Any]]] = runpy.run_path(str(BENCHMARKS / "measure.py"))["measure"]


def test_handwritten_script_resets_the_password(sqlite_server: Server) -> None:
    """A stock server would accept the password that the script prints."""
    argv = (sys.executable, BENCHMARKS / "handwritten.py", sqlite_server.path, "user1")
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True)

    printed = LINE.fullmatch(done.stdout)
    assert printed
    assert sqlite_server.opens("user1", printed["password"])


def test_commands_are_measured_in_turn(tmp_path: Path) -> None:
    """Each round runs every command once, and the warm-up round is not counted."""
    log = tmp_path / "log"
    commands = [("/bin/sh", "-c", f"printf {letter} >>{log}") for letter in "ab"]
    costs = measure(*commands, rounds=2)

    assert log.read_text() == "ababab"
    assert [len(each) for each in costs] == [2, 2]


def test_costs_are_those_of_the_command() -> None:
    """Waiting costs no CPU, and memory is that of the command alone."""
    code = "import time; block = b'x' * 2**26; time.sleep(0.2)"
    [[cost]] = measure((sys.executable, "-c", code), rounds=1)

    assert cost.wall > 0.2
    assert cost.cpu < cost.wall
    assert 64 < cost.memory < 128
