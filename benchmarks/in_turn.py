"""Run commands in turn, and print the cost of each run: a script that `measure` runs.

It is a separate, small process because Linux counts the memory of a command's parent as the command's.
"""

import json
import os
import sys
import time


def run(argv: list[str]) -> tuple[float, float, float]:
    """Run a command, and return its wall time and CPU time in seconds, and its peak memory in MiB."""
    start = time.perf_counter()
    pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=SILENT)
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - start
    if status:
        sys.exit(f"{argv} ended with {status}.")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


SILENT = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]

rounds, *commands = json.loads(sys.argv[1])
print(json.dumps([[run(argv) for argv in commands] for _ in range(rounds)]))
