"""Row 37: `--deliver-to` programs that do not take the password, and faults while they run."""

import os
import resource
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import Result

from tests.faults.conftest import (
    RESET,
    AfterLine,
    Invoke,
    Process,
    Proxied,
    Start,
    assert_new,
    assert_old,
    check_refusal,
    each_signal,
    first_on,
    printed,
)
from tests.support.bulk import (
    APPROVED,
    OUT,
    assert_all_old,
    bulk_arguments,
    fingerprints,
    kept,
    recorded,
    unwarned,
)
from tests.support.servers import Server, quick_server
from zato_sso_reset.cli import deliver_to
from zato_sso_reset.errors import OutputError
from zato_sso_reset.services import bulk_reset

KEPT = Path("kept")

KEEP = f"cat >{KEPT}"

PROGRAMS = {
    "no-such-program": "ended with exit code 127",
    "true": "did not read the whole result",
    f"{KEEP}; exit 3": "ended with exit code 3",
    "read line; exit 1": "ended with exit code 1",
    f"{KEEP}; kill -9 $$": "was ended by signal 9",
    "head -c 1 | true": "did not read the whole result",
    "exec <&-; sleep 0.1": "did not read the whole result",
    f"{KEEP}; sleep 60": "did not read the whole result and end within 0.5 seconds",
    "trap '' TERM; sleep 60": "did not read the whole result and end within 0.5 seconds",
    "exec 3<&0; sleep 60 <&3 & exit 0": "did not read the whole result",
}
"""Programs that do not take the password, and what the message says of them."""


def is_running(pid: int) -> bool:
    """Return whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for_pid() -> int:
    """Return the process id that a program writes."""
    while not (text := Path("pid").read_text() if Path("pid").exists() else "").endswith("\n"):
        time.sleep(0.01)
    return int(text)


def wait_for_end(pid: int) -> None:
    """Wait until a process has ended; a killed one takes a moment."""
    deadline = time.monotonic() + 5
    while is_running(pid):
        assert time.monotonic() < deadline, f"{pid} is still running"
        time.sleep(0.01)


def wait_for_end_of_group(group: int) -> None:
    """Wait until a process group has no member; a killed one is a zombie until init has seen it."""
    with suppress(ProcessLookupError):
        for _ in range(500):
            os.killpg(group, 0)
            time.sleep(0.01)
        pytest.fail("a process is left")


class TestNotTaken:
    """The old password stays, and nothing that was started is left."""

    @pytest.mark.parametrize("program", PROGRAMS)
    def test_program_that_fails_changes_nothing(
        self, server: Server, invoke: Invoke, monkeypatch: pytest.MonkeyPatch, program: str
    ) -> None:
        """Row 37: exit code 74 in bounded time, no lock, and no process left behind."""
        monkeypatch.setattr(deliver_to, "PROGRAM_TIMEOUT", 0.5)
        start = time.monotonic()
        done = invoke(*RESET, "--deliver-to", f"echo $$ >pid; {program}", server.path, "user1")

        assert time.monotonic() - start < 5
        assert (done.exit_code, done.stdout) == (74, "")
        assert done.stderr == (
            f"Error: The program of --deliver-to {PROGRAMS[program]}. Nothing was changed. "
            "Correct the program, and try again.\n"
        )
        assert_old(server)
        server.database.run("UPDATE zato_sso_user SET display_name = 'free' WHERE username = 'user1'")
        wait_for_end_of_group(wait_for_pid())

    def test_result_larger_than_a_pipe_is_read_in_full_or_refused(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Row 37: the wait for a program that reads only a part is bounded; a slow one gets all of it."""
        monkeypatch.setattr(deliver_to, "PROGRAM_TIMEOUT", 0.5)
        line = "x" * 200_000
        with pytest.raises(OutputError, match="did not read the whole result"):
            deliver_to.Program("head -c 70000 >kept").write_line(line)
        deliver_to.Program(f"sleep 0.1; {KEEP}").write_line(line)

        assert KEPT.read_text() == f"{line}\n"

    def test_pipe_held_open_for_writing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Row 37: whether the program has read everything is not waited for without a limit."""
        monkeypatch.setattr(deliver_to, "PROGRAM_TIMEOUT", 0.5)
        start = time.monotonic()
        with pytest.raises(OutputError, match="end within"):
            deliver_to.Program("exec 3>/proc/self/fd/0; read line; sleep 10 & exit 0").write_line("x")

        assert time.monotonic() - start < 5

    def test_no_file_descriptor_is_left(self) -> None:
        """Row 37: the pipe can't be made."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        os.close(free := os.dup(0))
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
        try:
            with pytest.raises(OutputError, match="could not be started: Too many open files"):
                deliver_to.Program(KEEP).write_line("x")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    def test_password_is_nowhere_else(self, sqlite_server: Server, process: Process) -> None:
        """Row 37: neither the messages nor the stored files have what the program failed to take."""
        options = ("--verbose", "--store-log", "--store-config", "--output", "password")
        done = process(*RESET, *options, "--deliver-to", f"{KEEP}; exit 1", sqlite_server.path, "user1")
        password = KEPT.read_text().strip()
        KEPT.unlink()

        assert done.returncode == 74
        assert_old(sqlite_server, done.stdout)
        assert len(password) == 32
        assert password not in done.stderr
        assert all(password not in path.read_text() for path in Path.cwd().iterdir())

    def test_program_that_cannot_be_started_changes_nothing(
        self, sqlite_server: Server, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Row 37: no shell on PATH."""
        monkeypatch.setenv("PATH", "nowhere")
        done = invoke(*RESET, "--deliver-to", KEEP, sqlite_server.path, "user1")

        assert done.exit_code == 74
        assert "could not be started: No such file or directory. Nothing was changed." in done.stderr
        assert_old(sqlite_server, done.stdout)

    def test_exit_code_is_known_even_if_sigchld_is_ignored(
        self, sqlite_server: Server, process: Process
    ) -> None:
        """Row 37: with SIGCHLD ignored by the parent, the exit code is still known."""
        done = process(
            *(*RESET, "--deliver-to", f"{KEEP}; exit 3", sqlite_server.path, "user1"),
            preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN),
        )

        assert done.returncode == 74
        assert "ended with exit code 3" in done.stderr
        assert_old(sqlite_server, done.stdout)


@each_signal("name")
class TestSignals:
    """Signals while the program runs, and after it."""

    def test_signal_before_the_answer_changes_nothing(self, server: Server, start: Start, name: str) -> None:
        """Row 37: the signal ends the program too, and the old password stays."""
        running = start(server, "", "--deliver-to", f"{KEEP}; echo $$ >pid; sleep 60")
        program = wait_for_pid()
        running.process.send_signal(signal.Signals[name])

        assert running.finish() == (-signal.Signals[name], "", "")
        wait_for_end(program)
        assert_old(server)

    def test_signal_after_the_answer_is_ignored(self, server: Server, start: Start, name: str) -> None:
        """Row 37: the signal is ignored, and the change is committed."""
        running = start(server, f"after-line:{name}", "--deliver-to", KEEP)

        assert running.finish() == (0, "", "")
        assert_new(server, KEPT.read_text())


class TestKilled:
    """SIGKILL, after which none of our code runs."""

    def test_kill_while_the_program_runs_changes_nothing(self, server: Server, start: Start) -> None:
        """Row 37: the old password stays, whatever the program does with its input."""
        running = start(server, "", "--deliver-to", "echo $$ >pid; cat >kept; sleep 0.2; mv kept late")
        program = wait_for_pid()
        running.process.kill()

        assert running.finish() == (-9, "", "")
        wait_for_end(program)
        assert_old(server)

    def test_kill_after_the_answer_changes_nothing(self, server: Server, start: Start) -> None:
        """Row 37: what the program took is void, and the old password stays."""
        assert start(server, "after-line:SIGKILL", "--deliver-to", KEEP).finish() == (-9, "", "")
        assert printed(KEPT.read_text())
        assert_old(server)


class TestCommit:
    """The commit fails after the program has taken the password."""

    def test_refused_commit_voids_what_the_program_took(
        self, proxied: Proxied, invoke: Invoke, after_line: AfterLine
    ) -> None:
        """Row 14: the message says that what the program took is void."""
        after_line(proxied.end_connections)
        done = invoke(*RESET, "--deliver-to", KEEP, proxied.server.path, "user1")

        assert (done.exit_code, done.stdout) == (79, "")
        assert done.stderr == (
            "Error: The database refused the commit: the new password is void, and the old one stays. "
            "Discard what the program of --deliver-to took, and run the command again.\n"
        )
        assert printed(KEPT.read_text())
        assert_old(proxied.server)

    def test_unknown_commit_says_which_delivery_counts(
        self, proxied: Proxied, invoke: Invoke, after_line: AfterLine
    ) -> None:
        """Row 14: the message says which delivery counts."""

        def fault() -> None:
            proxied.end_connections()
            proxied.server.database.run("UPDATE zato_sso_user SET password = 'third'")

        after_line(fault)
        done = invoke(*RESET, "--deliver-to", KEEP, proxied.server.path, "user1")

        assert (done.exit_code, done.stdout) == (76, "")
        assert done.stderr.endswith(
            " Run the command again: what the program of --deliver-to then takes counts.\n"
        )

    def test_lost_answer_is_looked_up(self, proxied: Proxied, invoke: Invoke, after_line: AfterLine) -> None:
        """Row 11: the account has the password that the program took."""
        after_line(lambda: proxied.proxy.arm("lose-answer"))
        done = invoke(*RESET, "--deliver-to", KEEP, proxied.server.path, "user1")

        assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
        assert_new(proxied.server, KEPT.read_text())


APPEND = f"cat >>{KEPT}"

ONCE = f"[ ! -e {KEPT} ] && {APPEND}"
"""A program that refuses the second batch."""


def reset_all(invoke: Invoke, server: Server, program: str, *args: object) -> Result:
    """Reset all users."""
    return invoke(*bulk_arguments(server, "--all", "--yes", "--deliver-to", program, *args, output=OUT))


def assert_resumed(server: Server, done: Result) -> None:
    """Check that each user has the last delivered password, and one line in the record."""
    assert (done.exit_code, done.stdout) == (0, ""), done.stderr
    assert recorded(server, OUT.read_text(), kept()) == APPROVED


@pytest.fixture
def _two_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reset `APPROVED` in two batches."""
    monkeypatch.setattr(bulk_reset, "BATCH", 2)


@pytest.mark.usefixtures("_two_at_a_time")
class TestManyUsers:
    """The batch that a program did not take is not recorded."""

    def test_refused_first_batch_leaves_no_file(self, server: Server, invoke: Invoke) -> None:
        """Row 37: no file is left, and no user was reset."""
        done = reset_all(invoke, server, f"{KEEP}; exit 3")

        check_refusal(done, 74)
        assert "exit code 3. Nothing was changed. Correct the program, and try again." in done.stderr
        assert not OUT.exists()
        assert_all_old(server)

    def test_refused_second_batch_is_delivered_by_resume(self, server: Server, invoke: Invoke) -> None:
        """Row 37: the record has the first batch alone, and --resume delivers the second."""
        done = reset_all(invoke, server, ONCE)

        check_refusal(done, 74)
        assert done.stderr.endswith(
            "exit code 1. The current batch was not changed. Correct the program, and try again. "
            "2 of 4 users are done. Run the command again with --resume. "
            "Of a user's delivered passwords, the last one counts.\n"
        )
        assert recorded(server, OUT.read_text(), kept()) == {"user1", "locked1"}
        again = reset_all(invoke, server, APPEND, "--resume")
        assert unwarned(again.stderr) == "Done: 2 passwords reset.\n"
        assert_resumed(server, again)

    @first_on("postgresql")
    def test_kill_before_the_commit_is_reported_by_resume(
        self, server: Server, start_bulk: Start, invoke: Invoke
    ) -> None:
        """Row 37: --resume delivers the second batch again, and says so."""
        running = start_bulk(server, "after-line:SIGKILL:2", "--deliver-to", APPEND)
        assert running.finish() == (-9, "", "")
        void = kept()
        assert server.opened_by(void) == {"user1", "locked1"}
        assert len(fingerprints(OUT.read_text())) == 4
        again = reset_all(invoke, server, APPEND, "--resume")

        assert unwarned(again.stderr) == (
            "Warning: 2 passwords that the program may have were not committed, and will be replaced.\n"
            "Done: 2 passwords reset.\n"
        )
        assert_resumed(server, again)
        assert {name for name in APPROVED if void[name] != kept()[name]} == {"MixedCase", "changing1"}

    def test_kill_after_the_commit_needs_no_second_delivery(
        self, sqlite_server: Server, start_bulk: Start, invoke: Invoke
    ) -> None:
        """Row 37: the first batch is not delivered again, although a user has changed the password since."""
        start_bulk(sqlite_server, "after-commit:SIGKILL:1", "--deliver-to", APPEND).finish()
        before = kept()
        sqlite_server.database.run("UPDATE zato_sso_user SET password = 'x' WHERE username = 'locked1'")
        again = reset_all(invoke, sqlite_server, APPEND, "--resume")

        assert unwarned(again.stderr) == "Done: 2 passwords reset.\n"
        assert before.items() <= kept().items()
        assert fingerprints(OUT.read_text()).keys() == APPROVED

    def test_refused_batch_is_delivered_again(
        self, proxied: Proxied, invoke: Invoke, after_line: AfterLine
    ) -> None:
        """Row 14: the second batch is cut off from the record, and delivered again by --resume."""
        after_line(proxied.end_connections, 2)
        done = reset_all(invoke, proxied.server, APPEND)

        check_refusal(done, 79)
        assert "2 new passwords are void, and the old ones stay. 2 of 4 users are done." in done.stderr
        assert done.stderr.endswith("Of a user's delivered passwords, the last one counts.\n")
        assert recorded(proxied.server, OUT.read_text(), kept()) == {"user1", "locked1"}
        assert_resumed(proxied.server, reset_all(invoke, proxied.server, APPEND, "--resume"))

    def test_termination_waits_for_the_batch(self, sqlite_server: Server, start_bulk: Start) -> None:
        """Row 37: the batch is delivered and committed, and is the last one."""
        program = f"{APPEND}; echo $$ >pid; sleep 0.3"
        running = start_bulk(sqlite_server, "", "--deliver-to", program)
        wait_for_pid()
        running.process.terminate()

        code, stdout, stderr = running.finish()
        assert (code, stdout) == (128 + signal.SIGTERM, "")
        assert stderr.startswith("Error: Stopped. 2 of 4 users are done.")
        assert recorded(sqlite_server, OUT.read_text(), kept()) == {"user1", "locked1"}

    def test_record_of_another_server_is_refused(
        self, sqlite_server: Server, invoke: Invoke, tmp_path: Path
    ) -> None:
        """Its fingerprints are not found, and nothing is delivered."""
        reset_all(invoke, sqlite_server, APPEND)
        before = kept()
        done = reset_all(invoke, quick_server(tmp_path / "other"), APPEND, "--resume")

        check_refusal(done, 78)
        assert "belong to another server" in done.stderr
        assert kept() == before
