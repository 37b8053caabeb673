"""What many resets cost: `python -m benchmarks.bulk [ROUNDS]`, which also draws `docs/performance.svg`.

It runs the `zato` that is installed beside its Python, as users have it: not editable.
"""

import os
import shlex
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import median
from typing import TypeVar

import pytest
from sqlalchemy import Connection

from benchmarks.measure import Command, Cost, compare, measure
from benchmarks.one_reset import ZATO, full_server
from zato_sso_reset.cli.json_lines import LinesFile
from zato_sso_reset.database.engine import ODB
from zato_sso_reset.server.config import DatabaseConfig, ServerConfig
from zato_sso_reset.services.bulk_reset import BATCH, reset_user_passwords
from zato_sso_reset.services.selection import select_all

T = TypeVar("T")

BARE_HASHING = Path(__file__).with_name("bare_hashing.py")
PICTURE = Path(__file__).parents[1] / "docs" / "performance.svg"

SIZES = (1_000, 3_000, 10_000, 30_000, 100_000)
"""Users that are reset, where the hash costs next to nothing."""

HASHED = {"pbkdf2_sha512": 2_000, "argon2id": 300}
"""Users that are reset with each scheme at its real cost."""

CORES = len(os.sched_getaffinity(0))


def main(rounds: int = 3) -> None:
    """Print each figure as a median of so many rounds."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for scheme, users in HASHED.items():
            compare_to_hashing(scheme, users, folder, rounds)
        for engine in ("sqlite", "postgresql", "mysql"):
            show_transactions(engine, folder)
        draw(compare_sizes(folder, rounds))


def compare_to_hashing(scheme: str, users: int, folder: Path, rounds: int) -> None:
    """Print the throughput of resets in proportion to that of bare hashing."""
    with full_server("sqlite", users, folder / scheme) as path:
        (path / "config" / "repo" / "sso.toml").write_text(f'[hash_secret]\nscheme = "{scheme}"\n')
        bare = (sys.executable, BARE_HASHING, scheme, str(users), str(CORES))
        hashing, resets = measure(bare, reset_all(path), rounds=rounds)
        compare(f"bare {scheme}, {users:,} times, to as many resets", hashing, resets)


def show_transactions(engine: str, folder: Path) -> None:
    """Print how long the transaction of a batch takes, from before its connection to after its commit."""
    with ExitStack() as stack:
        try:
            path = stack.enter_context(full_server(engine, 5_000, folder / "transactions"))
        except pytest.skip.Exception as reason:
            print(f"transactions on {engine}: skipped, {reason}")
            return
        (path / "config" / "repo" / "sso.toml").write_text("[hash_secret]\nrounds = 1\n")
        server = ServerConfig.read(path, env=os.environ, stdin=None, warn=print)
        odb = TimedODB(server.database)
        usernames = select_all(odb, []).usernames
        odb.seconds.clear()
        lines = stack.enter_context(closing(LinesFile(path / "output", resume=False)))
        reset_user_passwords(
            server,
            odb,
            usernames,
            expiry=None,
            must_change=None,
            jobs=CORES,
            skip_missing=False,
            deliver=lambda new, _: lines.write(new),
            done=int,
            stop=bool,
            note=lambda _: None,
        )
        print(
            f"the transaction of {BATCH} users on {engine}: median {median(odb.seconds) * 1000:.0f} ms, "
            f"longest {max(odb.seconds) * 1000:.0f} ms (n={len(odb.seconds)})",
            flush=True,
        )


class TimedODB(ODB):
    """A database whose transactions are timed, in seconds."""

    def __init__(self, config: DatabaseConfig) -> None:
        super().__init__(config)
        self.seconds: list[float] = []

    def in_transaction(self, work: Callable[[Connection], T], *, reading: bool = False) -> T:
        """Time it."""
        start = time.perf_counter()
        try:
            return super().in_transaction(work, reading=reading)
        finally:
            self.seconds.append(time.perf_counter() - start)


def compare_sizes(folder: Path, rounds: int) -> dict[int, Cost]:
    """Print what resets of many users cost in proportion to those of few; return the medians, by number."""
    with ExitStack() as stack:
        paths = [stack.enter_context(full_server("sqlite", size, folder / "sizes")) for size in SIZES]
        for path in paths:
            (path / "config" / "repo" / "sso.toml").write_text("[hash_secret]\nrounds = 1\n")
        few, *more = measure(*map(reset_all, paths), rounds=rounds)
    for size, costs in zip(SIZES[1:], more, strict=True):
        compare(f"resets of {size:,} users to those of {SIZES[0]:,}", costs, few)
    return {
        size: Cost(*map(median, zip(*costs, strict=True)))
        for size, costs in zip(SIZES, [few, *more], strict=True)
    }


def reset_all(path: Path) -> Command:
    """Return the command that resets all users, to a new file."""
    output = shlex.quote(f"{path}.jsonl")
    reset = shlex.join([str(ZATO), "sso", "reset-user-passwords", str(path), "--all", "--yes"])
    return ("/bin/sh", "-c", f"rm -f {output}; exec {reset} --output-file {output} 2>/dev/null")


def draw(costs: dict[int, Cost]) -> None:
    """Draw throughput and memory over the number of users."""
    from matplotlib import pyplot as plt
    from matplotlib import rcParams

    rcParams["svg.hashsalt"] = "performance"
    _, (throughput, memory) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    throughput.plot(list(costs), [users / cost.wall for users, cost in costs.items()], "o-")
    throughput.set(title="Users a second, start and end included", xlabel="users", xscale="log", ylim=0)
    memory.plot(list(costs), [cost.memory for cost in costs.values()], "o-", color="tab:orange")
    memory.set(title="Peak memory, MiB", xlabel="users", xscale="log", ylim=0)
    for axes in (throughput, memory):
        axes.grid(visible=True, alpha=0.3)
    plt.savefig(PICTURE, metadata={"Date": None})


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
