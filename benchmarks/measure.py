"""The cost of commands relative to each other."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

Command = Sequence[str | Path]

QUICK = "--quick" in sys.argv
"""Whether to measure fewer rounds and fewer users, in five minutes altogether."""

IN_TURN = Path(__file__).with_name("in_turn.py")


class Cost(NamedTuple):
    """Seconds by the clock, seconds of CPU (user and system, of all threads), peak memory in MiB."""

    wall: float
    cpu: float
    memory: float


def measure(*commands: Command, rounds: int) -> list[list[Cost]]:
    """Run all commands in turn, once each round, and return the costs of each command.

    An additional first round, which warms the caches, is not counted. The commands' stdout is discarded.

    Raises:
        subprocess.CalledProcessError: one of them failed.
    """
    job = json.dumps([rounds + 1, *commands], default=str)
    done = subprocess.run([sys.executable, "-I", "-S", IN_TURN, job], stdout=subprocess.PIPE, check=True)
    _, *counted = json.loads(done.stdout)
    return [[Cost(*cost) for cost in costs] for costs in zip(*counted, strict=True)]


def compare(what: str, costs: Sequence[Cost], to: Sequence[Cost]) -> None:
    """Print the median of the costs, each relative to the cost `to` of the same round."""
    wall, cpu, memory = (
        median(a / b for a, b in zip(ours, theirs, strict=True))
        for ours, theirs in zip(zip(*costs, strict=True), zip(*to, strict=True), strict=True)
    )
    seconds = median(cost.wall for cost in costs)
    print(
        f"{what}: {wall:.2f} by the clock, {cpu:.2f} of CPU, {memory:.2f} of peak memory "
        f"({seconds * 1000:.0f} ms, n={len(costs)})",
        flush=True,
    )
