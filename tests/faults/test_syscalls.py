"""The system calls of the commit path: their order, and a kill or failure at each of them.

A first run under strace counts the calls that write, sync, unlink, truncate, lock, send and receive, from
the opening of the database to the end. Then each call is killed or fails in a separate run. strace counts
the calls of each thread separately, and PostgreSQL's driver connects in a thread of its own.
"""

import re
import shlex
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ZATO
from tests.faults.conftest import RESET, printed_password
from tests.support.databases import unreachable
from tests.support.processes import STRUCK, environment
from tests.support.servers import OLD, Server

FILE_HARMS = ("signal=SIGKILL", "error=ENOSPC", "error=EIO")
SOCKET_HARMS = ("signal=SIGKILL", "error=EPIPE", "error=ECONNRESET")

HARMS = {
    "sqlite": dict.fromkeys(("pwrite64", "fsync", "fdatasync", "unlink", "ftruncate", "fcntl"), FILE_HARMS),
    "postgresql": dict.fromkeys(("sendto", "recvfrom", "sendmsg", "recvmsg"), SOCKET_HARMS),
    "mysql": dict.fromkeys(("sendto", "recvfrom", "sendmsg", "recvmsg"), SOCKET_HARMS),
}

STDOUT_HARMS = {"write": ("signal=SIGKILL", "error=ENOSPC", "error=EIO", "error=EPIPE")}

KILLED = {-9, 137}

UNCHANGED = {69, 74, 75, 77, 79}
"""The exit codes after which the old password must be valid."""


@dataclass(frozen=True)
class Run:
    """The result of a reset under strace."""

    exit_code: int
    stdout: str
    stderr: str
    calls: list[str]


def traced(server: Server, calls: str, *options: str) -> Run:
    """Reset the password of `user1` under strace, which traces the main thread; with `-f`, all threads."""
    trace = server.path / "trace"
    strace = ["strace", "-o", str(trace), "-e", f"trace={calls}", *options]
    argv = [*strace, *STRUCK, *RESET, str(server.path), "user1"]
    env = environment(HURRIED="1")
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=120, check=False)
    lines = trace.read_text().splitlines()
    stderr = re.sub(r"(?m)^strace: .*\n", "", done.stderr)
    return Run(done.returncode, done.stdout, stderr, lines)


def points(server: Server) -> Iterator[tuple[str, list[str]]]:
    """Yield each call since the opening of the database with each harm, as a name and options of strace."""
    harms = HARMS[server.database.engine] | STDOUT_HARMS
    names = ",".join(harms)
    by_thread: dict[str, list[str]] = {}
    for line in traced(server, f"{names},openat", "-f").calls:
        thread, call = line.split(maxsplit=1)
        by_thread.setdefault(thread, []).append(call)
    main, *others = by_thread.values()
    opened = [number for number, call in enumerate(main) if "zato.db" in call]
    before = Counter(call.partition("(")[0] for call in main[: opened[0] if opened else 0])
    total = Counter(call.partition("(")[0] for call in main)
    for name, kinds in harms.items():
        in_others = max((sum(call.startswith(f"{name}(") for call in calls) for calls in others), default=0)
        numbers: list[tuple[list[str], int]] = []
        numbers += [([], number) for number in range(before[name] + 1, total[name] + 1)]
        numbers += [(["-f"], number) for number in range(1, in_others + 1)]
        for options, number in numbers:
            for harm in kinds:
                yield name, [*options, "-e", f"inject={name}:{harm}:when={number}"]


def check(server: Server, run: Run, known: str, harm: str) -> str:
    """Check that the account has the known password or the printed one, and return that."""
    if harm == "signal=SIGKILL":
        assert run.exit_code in KILLED, "it was not killed"
    else:
        assert any("(INJECTED)" in call for call in run.calls), "nothing failed"
    new = printed_password(run.stdout)
    server.settle()
    is_new = new is not None and server.opens("user1", new)
    assert is_new or server.opens("user1", known), "lost"
    assert run.exit_code in {0, 76} | KILLED | UNCHANGED, run
    if run.exit_code == 0:
        assert is_new
    if run.exit_code in UNCHANGED:
        assert not is_new
    if run.exit_code not in {0} | KILLED:
        assert re.fullmatch("(Warning: .*\n)?Error: .*\n", run.stderr), run.stderr
    if server.database.engine == "sqlite":
        assert server.database.run("PRAGMA integrity_check") == [("ok",)]
    return new if is_new and new else known


@pytest.fixture
def strace() -> str:
    """The path of strace; without it, skip the test, or fail it in CI."""
    found = shutil.which("strace")
    if not found:
        unreachable("strace on PATH", FileNotFoundError())
    return str(found)


@pytest.mark.parametrize(
    "arguments",
    [
        "reset-user-password PATH user1 >out",
        "reset-user-password PATH user1 --output-file out",
        "reset-user-passwords PATH --all --yes --output-file - >out",
        "reset-user-passwords PATH --all --yes --output-file out",
    ],
)
def test_output_is_synced_before_the_commit(
    strace: str, sqlite_server: Server, tmp_path: Path, arguments: str
) -> None:
    """The password is written, then synced, and only then the database is changed."""
    trace = tmp_path / "trace"
    command = f"exec {ZATO} sso {arguments.replace('PATH', shlex.quote(str(sqlite_server.path)))}"
    options = ["-f", "-y", "-o", str(trace), "-e", "trace=write,fsync,fdatasync,pwrite64"]
    argv = [strace, *options, "sh", "-c", command]
    subprocess.run(argv, env=environment(), capture_output=True, timeout=60, check=True)
    calls = [line.split(maxsplit=1)[1] for line in trace.read_text().splitlines()]

    def number_of(name: str, path: Path, after: int = 0) -> int:
        """Return the number of the next call of this name on a file."""
        pattern = re.compile(rf"(?:{name})\(\d+<{re.escape(str(path.absolute()))}>")
        found = (number for number, call in enumerate(calls) if number > after and pattern.match(call))
        number = next(found, None)
        assert number is not None, f"no {name} of {path}: {calls}"
        return number

    written = number_of("write", Path("out"))
    synced = number_of("fsync|fdatasync", Path("out"), written)
    assert written < synced < number_of("pwrite64", Path(sqlite_server.database.name))


@pytest.mark.exhaustive
@pytest.mark.usefixtures("strace")
def test_each_call(server: Server) -> None:
    """The account has its old password or a completely printed one, and the exit code says which."""
    ends, covered = Counter[str](), Counter[str]()
    # The first run may write compiled modules, so the second one is counted.
    traced(server, "none")
    each = list(points(server))
    known = printed_password(traced(server, "none").stdout) or OLD
    for name, options in each:
        harm = options[-1].split(":")[1]
        run = traced(server, name, *options)
        try:
            known = check(server, run, known, harm)
        except AssertionError as error:
            raise AssertionError(f"{options}: {error}\n{run}") from None
        covered[name] += 1
        ends[f"{harm.partition('=')[2]} -> {run.exit_code}"] += 1

    summary = ", ".join(f"{count} x {name}" for name, count in sorted(covered.items()))
    print(f"{server.database.engine}: {covered.total()} points, none lost: {summary}; {dict(ends)}")


def traced_with_program(server: Server, kept: Path, *inject: str) -> Run:
    """Run a reset with a program that keeps the password, and trace its main thread alone."""
    trace = server.path / "trace"
    strace = ["strace", "-o", str(trace), *inject]
    program = f"cat >{kept}.part && mv {kept}.part {kept}"
    argv = [*strace, *STRUCK, *RESET, "--deliver-to", program, str(server.path), "user1"]
    done = subprocess.run(argv, env=environment(), capture_output=True, text=True, timeout=120, check=False)
    return Run(done.returncode, done.stdout, done.stderr, trace.read_text().splitlines())


@pytest.mark.exhaustive
@pytest.mark.usefixtures("strace")
def test_each_call_with_a_program(server: Server) -> None:
    """Row 37: killed at each call since a program's start, it has the old password or the kept one."""
    known, ends = OLD, Counter[str]()
    server.edit("sso.conf", "hash_secret", rounds="1")
    first = traced_with_program(server, Path("first"))
    assert first.exit_code == 0, first
    known = printed_password(Path("first").read_text()) or ""
    names = [call.partition("(")[0] for call in first.calls if "(" in call.partition(" ")[0]]
    for position in range(names.index("pipe2"), len(names)):
        name, number = names[position], names[: position + 1].count(names[position])
        kept = Path(f"kept-{position}")
        run = traced_with_program(server, kept, "-e", f"inject={name}:signal=SIGKILL:when={number}")
        server.settle()
        new = printed_password(kept.read_text()) if kept.exists() else None
        is_new = new is not None and server.opens("user1", new)
        assert run.exit_code in {0} | KILLED, run
        assert run.stdout == ""
        assert is_new or (run.exit_code and server.opens("user1", known)), f"lost at {name} {number}: {run}"
        known = new if is_new and new else known
        ends[f"{'new' if is_new else 'old'} after {run.exit_code}"] += 1

    assert ends["old after -9"] > 10
    print(f"{server.database.engine}: {ends.total()} calls since the start of a program: {dict(ends)}")
