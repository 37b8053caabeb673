"""Cost of bulk resets: `python -m benchmarks.bulk [--quick]`; without it, draws `docs/performance.svg`.

It runs the `zato` that is installed in its Python's environment, which should not be editable.
"""

import json
import os
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from statistics import median

import pytest
from sqlalchemy import Connection

from benchmarks.measure import QUICK, Command, Cost, compare, measure
from benchmarks.one_reset import ZATO, full_server
from zato_sso_reset.cli.json_lines import JsonLinesFile
from zato_sso_reset.database.engine import Database
from zato_sso_reset.domain.access import NO_CHANGES
from zato_sso_reset.domain.users import NewPassword
from zato_sso_reset.server.config import ServerConfig
from zato_sso_reset.server.database import DatabaseConfig
from zato_sso_reset.services.bulk_reset import BATCH, reset_user_passwords
from zato_sso_reset.services.selection import closed_gates, select_all

BARE_HASHING = Path(__file__).with_name("bare_hashing.py")
PICTURE = Path(__file__).parents[1] / "docs" / "performance.svg"

SIZES = (1_000, 10_000) if QUICK else (1_000, 3_000, 10_000, 30_000, 100_000)
"""Users to reset with a hash that costs next to nothing."""

HASHERS = {"hashlib": "pbkdf2_sha512", "cryptography": "pbkdf2_sha512", "argon2id": "argon2id"}
"""The scheme of each kept hasher, at its real cost."""

HASHED = {"pbkdf2_sha512": 200 if QUICK else 1_000, "argon2id": 100 if QUICK else 300}
"""Users to reset with each scheme."""

CORES = len(os.sched_getaffinity(0))


def main(rounds: int) -> None:
    """Print each figure as a median of `rounds`."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for hasher, scheme in HASHERS.items():
            compare_to_hashing(hasher, scheme, folder / hasher, rounds)
        for engine in ("sqlite", "postgresql", "mysql"):
            show_transactions(engine, folder)
        costs = compare_sizes(folder, rounds)
        if not QUICK:
            draw(costs)


def compare_to_hashing(hasher: str, scheme: str, folder: Path, rounds: int) -> None:
    """Print the cost of bare hashing with `hasher` relative to that of resets with `scheme`."""
    users = HASHED[scheme]
    with full_server("sqlite", users, folder) as path:
        (path / "config" / "repo" / "sso.toml").write_text(f'[hash_secret]\nscheme = "{scheme}"\n')
        bare = (sys.executable, BARE_HASHING, hasher, str(users), str(CORES))
        hashing, resets = measure(bare, reset_all(path), rounds=rounds)
        compare(f"{users:,} bare hashes with {hasher}, to as many resets", hashing, resets)


def show_transactions(engine: str, folder: Path) -> None:
    """Print the time of a batch's transaction, from before its connection to after its commit."""
    with ExitStack() as stack:
        try:
            path = stack.enter_context(full_server(engine, 5_000, folder / "transactions"))
        except pytest.skip.Exception as reason:
            print(f"transactions on {engine}: skipped, {reason}")
            return
        (path / "config" / "repo" / "sso.toml").write_text("[hash_secret]\nrounds = 1\n")
        server = ServerConfig.read(path, env=os.environ, stdin=None)
        database = TimedDatabase(server.database)
        count = closed_gates(server, database, expiry=None, must_change=None, access=NO_CHANGES)
        usernames = list(select_all(database, [], count).usernames())
        database.seconds.clear()
        lines = stack.enter_context(closing(JsonLinesFile(path / "output", resume=False)))

        def deliver(new: Sequence[NewPassword]) -> None:
            lines.write_line("\n".join(json.dumps(each.record()) for each in new))

        for _ in reset_user_passwords(
            server,
            database,
            usernames,
            expiry=None,
            must_change=None,
            jobs=CORES,
            skip_missing=False,
            deliver=deliver,
            stop=lambda: False,
        ):
            pass
        milliseconds = [seconds * 1000 for seconds in database.seconds]
        print(
            f"the transaction of {BATCH} users on {engine}: median {median(milliseconds):.0f} ms, "
            f"longest {max(milliseconds):.0f} ms (n={len(milliseconds)})",
            flush=True,
        )


class TimedDatabase(Database):
    """A database that measures its transactions, in seconds."""

    def __init__(self, config: DatabaseConfig) -> None:
        super().__init__(config)
        self.seconds: list[float] = []

    @contextmanager
    def transaction(self, *, read_only: bool = False) -> Iterator[Connection]:
        """Yield a connection as `Database.transaction` does, and record the time."""
        start = time.perf_counter()
        try:
            with super().transaction(read_only=read_only) as connection:
                yield connection
        finally:
            self.seconds.append(time.perf_counter() - start)


def compare_sizes(folder: Path, rounds: int) -> dict[int, Cost]:
    """Print the cost of resets of many users relative to those of few; return the medians, by number."""
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
    throughput.set(title="Users per second, start and end included")
    memory.plot(list(costs), [cost.memory for cost in costs.values()], "o-", color="tab:orange")
    memory.set(title="Peak memory, MiB")
    for axes in (throughput, memory):
        axes.margins(0.08)
        axes.set(xlabel="users", xlim=0, ylim=0)
        axes.grid(visible=True, alpha=0.3)
    plt.savefig(PICTURE, metadata={"Date": None})


if __name__ == "__main__":
    main(rounds=1 if QUICK else 5)
