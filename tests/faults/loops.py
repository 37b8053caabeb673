"""Kill loops and races: `python -m tests.faults.loops [--long]` prints their figures.

Each reset is a process of the installed `zato`. An account is lost if its stored password is neither the
old one nor a completely printed one; after a bulk reset, also if it has no line or two, or if --resume
changed a password that had a valid line. With --deliver-to, the last line that the program kept counts.
"""

import argparse
import contextlib
import itertools
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

sys.path.append(sys.path.pop(0))  # the installed package comes before the source tree

from tests.conftest import ENGINES, ZATO
from tests.faults.conftest import RESET, printed_password
from tests.support import databases, processes
from tests.support.bulk import bulk_arguments, fingerprints, records
from tests.support.databases import run
from tests.support.processes import STRUCK, environment
from tests.support.servers import OLD, Server, insert_users, quick_server


@dataclass
class Figures:
    """The exit codes of resets, and the number of accounts with the old, a new or a lost password."""

    exit_codes: Counter[int] = field(default_factory=Counter)
    old: int = 0
    new: int = 0
    lost: int = 0

    def __str__(self) -> str:
        ends = ", ".join(f"{count} x {code}" for code, count in sorted(self.exit_codes.items()))
        return f"exit codes: {ends}; found old: {self.old}, new: {self.new}, lost: {self.lost}"


def start(server: Server, username: str = "user1") -> "subprocess.Popen[str]":
    """Start a reset."""
    return processes.start([ZATO, *RESET, server.path, username])


def kill_loop(server: Server, kills: int, seed: int) -> Figures:
    """Kill resets at random instants, and check the password after each."""
    figures, known = Figures(), OLD
    chance = random.Random(seed)
    begun = time.monotonic()
    start(server, "MixedCase").communicate()
    length = time.monotonic() - begun
    while figures.exit_codes[-9] < kills:
        process = start(server)
        time.sleep(chance.uniform(length * 0.3, length * 1.1))
        process.kill()
        # The machine's speed changes: if this one had already ended, the next ones are killed sooner.
        length *= 1.01 if process.wait() else 0.9
        stdout, _ = process.communicate()
        figures.exit_codes[process.returncode] += 1
        new = printed_password(stdout)
        server.settle()
        if new and server.opens("user1", new):
            figures.new += 1
            known = new
        elif process.returncode != 0 and server.opens("user1", known):
            figures.old += 1
        else:
            figures.lost += 1
    return figures


MANY = [f"many{number}" for number in range(40)]
"""The users of a bulk reset."""


def start_many(server: Server, output: Path, *options: str) -> "subprocess.Popen[str]":
    """Start a reset of `MANY` in batches of three."""
    argv = [*STRUCK, *bulk_arguments(server, "--users-from", "-", "--yes", *options, output=output)]
    process = processes.start(argv, env=environment(BATCH="3"), stdin=subprocess.PIPE)
    assert process.stdin
    process.stdin.write("".join(f"{name}\n" for name in MANY))
    process.stdin.close()
    process.stdin = None
    return process


def valid_lines(server: Server, output: Path) -> dict[str, str]:
    """Return the passwords of complete lines that are valid, by username."""
    text = output.read_text() if output.exists() else ""
    passwords = {each.username: each.password for each in records(text[: text.rfind("\n") + 1])}
    return {name: passwords[name] for name in server.opened_by(passwords)}


def bulk_kill_loop(server: Server, kills: int, seed: int, *, to_program: bool = False) -> Figures:
    """Kill bulk resets at random instants, and resume each until it is done.

    With `to_program`, a program gets the lines, and the file is a record, which must not have any password.
    In the figures, `old` are users without a valid line after a kill, `new` those with one in the end.
    """
    figures, chance = Figures(), random.Random(seed)
    server.edit("sso.conf", "hash_secret", rounds="1")
    folder = Path(tempfile.mkdtemp())
    begun = time.monotonic()
    start_many(server, folder / "first", *_options(folder / "kept", to_program)).communicate()
    length = time.monotonic() - begun
    for number in itertools.count():
        if figures.exit_codes[-9] >= kills:
            break
        output = folder / str(number)
        lines = folder / f"{number}.kept" if to_program else output
        options = _options(lines, to_program)
        valid: dict[str, str] = {}
        to_be_killed = True
        while True:
            process = start_many(server, output, *options, *(["--resume"] if output.exists() else []))
            if to_be_killed:
                # Batches are written in the last part, after imports and lookup.
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(chance.uniform(length * 0.6, length * 1.05))
                process.kill()
            process.communicate()  # also waits for a program, which has the same stderr
            figures.exit_codes[process.returncode] += 1
            if to_be_killed:
                length *= 1.05 if process.returncode else 0.8
            server.settle()
            now = valid_lines(server, lines)
            figures.lost += sum(now.get(name) != password for name, password in valid.items())
            valid = now
            if process.returncode != -9:
                break
            figures.old += len(MANY) - len(now)
            to_be_killed = chance.random() < 0.3
        figures.lost += process.returncode != 0
        text = output.read_text()
        found = [*fingerprints(text)] if to_program else [each.username for each in records(text)]
        figures.lost += len(found) - len(set(found))
        figures.lost += to_program and any(each.password in text for each in records(lines.read_text()))
        figures.new += len(valid)
        figures.lost += len(MANY) - len(valid)
    shutil.rmtree(folder)
    return figures


def _options(lines: Path, to_program: bool) -> list[str]:  # noqa: FBT001 one caller
    return ["--deliver-to", f"cat >>{lines}"] if to_program else []


def race(server: Server, at_once: int, users: list[str], races: int = 1) -> Figures:
    """Reset the passwords of `users`, in turn, with several processes at once."""
    figures = Figures()
    for _ in range(races):
        running = [start(server, users[number % len(users)]) for number in range(at_once)]
        printed: dict[str, set[str]] = {user: set() for user in users}
        for number, process in enumerate(running):
            stdout, _ = process.communicate()
            figures.exit_codes[process.returncode] += 1
            if process.returncode == 0:
                printed[users[number % len(users)]].add(printed_password(stdout) or "")
        for user, passwords in printed.items():
            if any(server.opens(user, password) for password in passwords):
                figures.new += 1
            elif not passwords and server.opens(user, OLD):
                figures.old += 1
            else:
                figures.lost += 1
    return figures


@contextlib.contextmanager
def busy_server(server: Server) -> Iterator[None]:
    """Read and write the tables in a loop, as a running server does."""
    over = threading.Event()

    def loop(statement: str) -> None:
        with server.database.connect() as connection:
            while not over.wait(0.02):
                run(connection, statement)

    statements = (
        "SELECT * FROM zato_sso_user",
        "UPDATE zato_sso_user SET display_name = 'busy' WHERE username = 'user1'",
        "UPDATE zato_sso_session SET user_agent = 'busy'",
    )
    threads = [threading.Thread(target=loop, args=[statement]) for statement in statements]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


@contextlib.contextmanager
def server_on(engine: str, name: str) -> Iterator[Server]:
    """Create a server on one of the three databases."""
    folder = Path(tempfile.mkdtemp())
    create = {"postgresql": databases.postgresql, "mysql": databases.mysql}
    database = create[engine](name) if engine in create else None
    if database:
        databases.make_tables(database)
    server = quick_server(folder / "server1", database)
    server.edit("sso.conf", "hash_secret", rounds="1")
    try:
        yield server
    finally:
        if database:
            databases.drop(database)
        shutil.rmtree(folder)


def main() -> int:
    """Run all loops and races; return 1 if anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    long_help = "10,002 kills, 300 of bulk resets, and 20 races of 50 processes each"
    parser.add_argument("--long", action="store_true", help=long_help)
    parser.add_argument("--kills", type=int, help="kills on each engine")
    parser.add_argument("--bulk-kills", type=int, help="kills of bulk resets on each engine")
    arguments = parser.parse_args()
    kills = arguments.kills or (3334 if arguments.long else 20)
    bulk_kills = arguments.bulk_kills or (50 if arguments.long else 5)
    races, at_once = (20, 50) if arguments.long else (2, 10)
    lost = 0
    for engine in ENGINES:
        seed = random.SystemRandom().randrange(2**32)
        with server_on(engine, f"loop_{seed}") as server:
            figures = kill_loop(server, kills, seed)
            print(f"{engine}, seed {seed}: {kills} kills: {figures}", flush=True)
            lost += figures.lost
            insert_users(server, MANY)
            figures = bulk_kill_loop(server, bulk_kills, seed)
            print(f"{engine}: {bulk_kills} kills of bulk resets of {len(MANY)}: {figures}", flush=True)
            lost += figures.lost
            figures = bulk_kill_loop(server, bulk_kills, seed, to_program=True)
            print(f"{engine}: {bulk_kills} kills of bulk resets with --deliver-to: {figures}", flush=True)
            lost += figures.lost
            for users in (["user1"], ["user1", "locked1", "MixedCase", "changing1"]):
                figures = race(server, at_once, users, races)
                print(f"{engine}: {races} x {at_once} at once, {len(users)} users: {figures}", flush=True)
                lost += figures.lost
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
