"""Faults during a bulk reset: which lines are valid, and how --resume does the rest."""

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from tests.conftest import ZATO
from tests.faults.conftest import (
    RESET,
    AfterLine,
    Invoke,
    Process,
    Proxied,
    Start,
    first_on,
    one_line,
    printed_password,
)
from tests.support import processes
from tests.support.bulk import (
    APPROVED,
    OUT,
    assert_valid,
    bulk_arguments,
    names,
    records,
    unwarned,
)
from tests.support.databases import run, unreachable
from tests.support.servers import OLD, Server, insert_users
from zato_sso_reset.database import watchdog
from zato_sso_reset.database.engine import Database
from zato_sso_reset.server.config import ServerConfig
from zato_sso_reset.services import bulk_reset

RESUME = "Run the command again with --resume."

RENAME = "UPDATE zato_sso_user SET username = 'MIXEDCASE' WHERE username = 'MixedCase'"
"""MySQL's collation still finds `MixedCase` after this."""

on_servers = pytest.mark.parametrize("server", ["postgresql", "mysql"], indirect=True)


@pytest.fixture(autouse=True)
def _two_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reset `APPROVED` in two batches."""
    monkeypatch.setattr(bulk_reset, "BATCH", 2)


def reset_all(invoke: Invoke, server: Server, *args: object, output: object = OUT) -> Result:
    """Reset all users."""
    return invoke(*bulk_arguments(server, "--all", "--yes", *args, output=output))


def reset_listed(invoke: Invoke, server: Server, *args: object) -> Result:
    """Reset a list of all users."""
    Path("users").write_text("user1\nlocked1\nMixedCase\nchanging1\n")
    return invoke(*bulk_arguments(server, "--users-from", "users", "--yes", *args, output=OUT))


def assert_done(server: Server, done: Result) -> None:
    """Check that each user has exactly one line, which is valid."""
    assert (done.exit_code, done.stdout) == (0, ""), done.stderr
    assert sorted(names(OUT.read_text())) == sorted(APPROVED)
    assert_valid(server, OUT.read_text())


class TestCommit:
    """A commit that fails."""

    @pytest.mark.parametrize("fault", ["end", "cut"])
    def test_refused(self, proxied: Proxied, invoke: Invoke, after_line: AfterLine, fault: str) -> None:
        """The lines of the second batch are cut off again, those of the first are valid."""
        after_line(proxied.end_connections if fault == "end" else lambda: proxied.proxy.arm("cut"), 2)
        done = reset_all(invoke, proxied.server)

        assert (done.exit_code, done.stdout) == (79, "")
        assert done.stderr == (
            "Error: The database refused the commit: 2 new passwords are void, and the old ones stay. "
            f"2 of 4 users are done. {RESUME}\n"
        )
        assert len(records(OUT.read_text())) == 2
        assert_valid(proxied.server, OUT.read_text())
        assert_done(proxied.server, reset_all(invoke, proxied.server, "--resume"))

    def test_refused_in_the_first_batch(
        self, proxied: Proxied, invoke: Invoke, after_line: AfterLine
    ) -> None:
        """No file is left."""
        after_line(proxied.end_connections)
        done = reset_all(invoke, proxied.server)

        assert (done.exit_code, done.stdout) == (79, "")
        assert "0 of 4 users are done." in done.stderr
        assert not OUT.exists()
        assert_valid(proxied.server, "")

    def test_refused_with_lines_on_stdout(
        self, proxied: Proxied, invoke: Invoke, after_line: AfterLine
    ) -> None:
        """The lines of the second batch, which can't be cut off, are reported as void."""
        after_line(proxied.end_connections, 2)
        done = reset_all(invoke, proxied.server, output="-")

        assert done.exit_code == 79
        assert "2 new passwords are void" in done.stderr
        assert "2 of 4 users are done. Run the command again for the other users." in done.stderr
        lines = done.stdout.splitlines(keepends=True)
        assert len(lines) == 4
        assert_valid(proxied.server, "".join(lines[:2]))

    @pytest.mark.parametrize("output", ["-", OUT])
    def test_answer_lost(
        self, proxied: Proxied, invoke: Invoke, after_line: AfterLine, output: object
    ) -> None:
        """The batch is found on a new connection, and the run continues."""
        after_line(lambda: proxied.proxy.arm("lose-answer"))
        done = reset_all(invoke, proxied.server, output=output)

        assert (done.exit_code, unwarned(done.stderr)) == (
            0,
            "Done: 4 passwords reset.\n",
        )
        text = OUT.read_text() if output is OUT else done.stdout
        assert len(records(text)) == 4
        assert_valid(proxied.server, text)

    @pytest.mark.parametrize("arrives", [True, False])
    def test_unknown(
        self,
        proxied: Proxied,
        invoke: Invoke,
        after_line: AfterLine,
        monkeypatch: pytest.MonkeyPatch,
        *,
        arrives: bool,
    ) -> None:
        """The outcome of a commit on its way is unknown; --resume finds out whether it arrived."""
        after_line(lambda: proxied.proxy.arm("hold"), 2)
        with monkeypatch.context() as hurried:
            hurried.setattr(watchdog, "TRANSACTION_TIMEOUT", 1)
            done = reset_all(invoke, proxied.server)
        before = OUT.read_text()

        assert (done.exit_code, done.stdout) == (76, "")
        assert one_line(done.stderr)
        assert "It is unknown whether the last 2 new passwords were stored." in done.stderr
        assert done.stderr.endswith(f" 2 of 4 users are done. {RESUME}\n")
        assert len(records(before)) == 4
        if arrives:
            proxied.proxy.release()
        else:
            proxied.end_connections()
        again = reset_all(invoke, proxied.server, "--resume")
        assert ("were not committed, and will be replaced" in again.stderr) is not arrives
        assert (OUT.read_text() == before) is arrives
        assert_done(proxied.server, again)


@on_servers
class TestDatabase:
    """Changes in the database between the batches."""

    @pytest.mark.parametrize(
        ("change", "user"),
        [
            ("DELETE FROM zato_sso_user WHERE username = 'changing1'", "changing1"),
            ("UPDATE zato_sso_user SET username = 'renamed' WHERE username = 'changing1'", "changing1"),
            (RENAME, "MixedCase"),
        ],
    )
    def test_missing_user_ends_the_run(
        self, server: Server, invoke: Invoke, after_line: AfterLine, change: str, user: str
    ) -> None:
        """A user who was removed or renamed, even in case alone, ends the run before the batch."""
        after_line(lambda: server.database.run(change))
        done = reset_listed(invoke, server)

        assert (done.exit_code, done.stdout) == (22, "")
        assert one_line(done.stderr)
        assert f"User `{user}` no longer exists" in done.stderr
        assert "2 of 4 users are done." in done.stderr
        assert set(names(OUT.read_text())) == {"user1", "locked1"}
        assert_valid(server, OUT.read_text())

    @pytest.mark.parametrize("listed", [True, False])
    def test_renamed_user_is_left_out(
        self, server: Server, invoke: Invoke, after_line: AfterLine, *, listed: bool
    ) -> None:
        """With --all or --skip-missing, the run continues without the user."""
        after_line(lambda: server.database.run(RENAME))
        done = reset_listed(invoke, server, "--skip-missing") if listed else reset_all(invoke, server)

        assert (done.exit_code, done.stdout) == (0, "")
        assert "Warning: 1 user was left out" in done.stderr
        assert set(names(OUT.read_text())) == {"user1", "locked1", "changing1"}
        assert_valid(server, OUT.read_text())

    @pytest.mark.usefixtures("hurried")
    def test_row_locked(self, server: Server, invoke: Invoke, after_line: AfterLine) -> None:
        """Row 15: the batches before it are done, and --resume does the rest after the lock."""
        with server.database.connect() as connection:

            def fault() -> None:
                run(connection, "BEGIN")
                run(connection, "SELECT * FROM zato_sso_user WHERE username = 'changing1' FOR UPDATE")

            after_line(fault)
            done = reset_all(invoke, server)
            run(connection, "ROLLBACK")

        assert (done.exit_code, done.stdout) == (75, "")
        assert one_line(done.stderr)
        assert f"The current batch was not changed. Try again. 2 of 4 users are done. {RESUME}" in done.stderr
        assert set(names(OUT.read_text())) == {"user1", "locked1"}
        assert_valid(server, OUT.read_text())
        assert_done(server, reset_all(invoke, server, "--resume"))


class TestKilled:
    """SIGKILL, and --resume after it."""

    def test_between_lines_and_commit(self, server: Server, start_bulk: Start, invoke: Invoke) -> None:
        """The lines of the second batch are void, and replaced."""
        code, stdout, _ = start_bulk(server, "after-line:SIGKILL:2").finish()
        lines = OUT.read_text().splitlines(keepends=True)

        assert (code, stdout, len(lines)) == (-9, "", 4)
        assert_valid(server, "".join(lines[:2]))
        done = reset_all(invoke, server, "--resume")
        assert done.stderr.startswith(
            "Warning: 2 passwords at the end of the file were not committed, and will be replaced.\n"
        )
        assert OUT.read_text().startswith("".join(lines[:2]))
        assert_done(server, done)

    @pytest.mark.parametrize("server", ["mysql"], indirect=True)
    def test_user_renamed_before_resume_is_not_found(
        self, server: Server, start_bulk: Start, invoke: Invoke
    ) -> None:
        """The lines of the batch are checked by exact name, although the collation finds another user."""
        start_bulk(server, "after-line:SIGKILL:1").finish()
        server.database.run("UPDATE zato_sso_user SET username = 'USER1' WHERE username = 'user1'")
        done = reset_all(invoke, server, "--resume")

        assert (done.exit_code, done.stdout) == (0, "")
        assert set(names(OUT.read_text())) == {"USER1", "locked1", "MixedCase", "changing1"}
        assert_valid(server, OUT.read_text())

    def test_after_the_commit(self, sqlite_server: Server, start_bulk: Start, invoke: Invoke) -> None:
        """The lines of the first batch are valid, and kept."""
        code, stdout, _ = start_bulk(sqlite_server, "after-commit:SIGKILL:1").finish()
        before = OUT.read_text()

        assert (code, stdout) == (-9, "")
        assert_valid(sqlite_server, before)
        done = reset_all(invoke, sqlite_server, "--resume")
        assert unwarned(done.stderr) == "Done: 2 passwords reset.\n"
        assert OUT.read_text().startswith(before)
        assert_done(sqlite_server, done)


class TestClock:
    """A clock that stands still, or jumps back."""

    @pytest.fixture
    def set_clock(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
        """Stop the clock of the processes that are started, with the real libfaketime."""
        found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
        if not found:
            unreachable("libfaketime", FileNotFoundError())

        def stop(time: str) -> None:
            monkeypatch.setenv("LD_PRELOAD", str(found[0]))
            monkeypatch.setenv("FAKETIME", time)
            monkeypatch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")

        return stop

    @first_on("mysql")  # which stores whole seconds
    @pytest.mark.parametrize(
        "times",
        [
            (None, "2026-12-01 12:00:00"),
            (None, "2026-12-01 11:00:00"),
            ("2026-12-02 12:00:00", "2026-12-01 12:00:00"),
        ],
        ids=["frozen", "back on resume", "back since an earlier reset"],
    )
    def test_batches_differ(
        self,
        server: Server,
        start_bulk: Start,
        process: Process,
        set_clock: Callable[[str], None],
        times: tuple[str | None, str],
    ) -> None:
        """Row 27: after SIGKILL before the second batch's commit, each line is valid or cut off."""
        before, after = times
        if before:
            set_clock(before)
            earlier = process(*bulk_arguments(server, "--all", "--yes", output="earlier.jsonl"))
            assert earlier.returncode == 0
        set_clock("2026-12-01 12:00:00")
        code, stdout, _ = start_bulk(server, "after-line:SIGKILL:2").finish()
        lines = OUT.read_text().splitlines(keepends=True)
        assert (code, stdout, len(lines)) == (-9, "", 4)
        assert len({line.password_expiry for line in records("".join(lines))}) == 2
        set_clock(after)
        done = process(*bulk_arguments(server, "--all", "--yes", "--resume", output=OUT))

        assert (done.returncode, done.stdout) == (0, "")
        assert unwarned(done.stderr) == (
            "Warning: 2 passwords at the end of the file were not committed, and will be replaced.\n"
            "Done: 2 passwords reset.\n"
        )
        text = OUT.read_text()
        assert text.startswith("".join(lines[:2]))
        assert len({line.password_expiry for line in records(text)}) == 2
        assert sorted(names(text)) == sorted(APPROVED)
        assert server.opened_by({line.username: line.password for line in records(text)}) == APPROVED


class TestTerminated:
    """The signals of a shell, a terminal and a service manager."""

    def test_process(self, sqlite_server: Server, start_bulk: Start, invoke: Invoke) -> None:
        """Ctrl-C ends the run after the current batch, with the number of users done and what to do next."""
        code, stdout, stderr = start_bulk(sqlite_server, "after-line:SIGINT").finish()

        assert (code, stdout) == (130, "")
        assert stderr == f"Error: Stopped. 2 of 4 users are done. {RESUME}\n"
        assert len(records(OUT.read_text())) == 2
        assert_valid(sqlite_server, OUT.read_text())
        assert_done(sqlite_server, reset_all(invoke, sqlite_server, "--resume"))

    @pytest.mark.parametrize(("output", "number"), [("-", signal.SIGTERM), (OUT, signal.SIGHUP)])
    def test_in_this_process(
        self, server: Server, invoke: Invoke, after_line: AfterLine, output: object, number: signal.Signals
    ) -> None:
        """The same holds on each engine and on stdout, and the execution log has the message."""
        insert_users(server, ["more1", "more2"])
        handler = signal.getsignal(number)
        after_line(lambda: os.kill(os.getpid(), number), 2)
        done = reset_all(invoke, server, "--store-log", output=output)
        text = OUT.read_text() if output is OUT else done.stdout
        (log,) = Path.cwd().glob("zato.*.log")

        assert done.exit_code == 128 + number
        how = "with --resume" if output is OUT else "for the other users"
        stopped = f"Stopped. 4 of 6 users are done. Run the command again {how}."
        assert done.stderr == f"Log: ./{log.name}\nError: {stopped}\n"
        assert stopped in log.read_text()
        assert len(records(text)) == 4
        assert_valid(server, text)
        assert signal.getsignal(number) is handler

    def test_while_hashing(self, sqlite_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        """The users hashed so far are the last batch: the signal does not wait for all of it."""
        monkeypatch.setattr(bulk_reset, "BATCH", 100)
        config = ServerConfig.read(sqlite_server.path, env={}, stdin=None)
        answers = iter([0, 0, 0, 15, 15])
        batches = bulk_reset.reset_user_passwords(
            config,
            Database(config.database),
            sorted(APPROVED),
            expiry=None,
            must_change=None,
            jobs=1,
            skip_missing=False,
            deliver=lambda _: None,
            stop=lambda: bool(next(answers)),
        )

        assert [len(batch.new) for batch in batches] == [3]
        assert sqlite_server.opened_by(dict.fromkeys(APPROVED, OLD)) == {sorted(APPROVED)[3]}

    def test_in_the_last_batch(self, sqlite_server: Server, invoke: Invoke, after_line: AfterLine) -> None:
        """A signal after which all users are done changes nothing."""
        after_line(lambda: os.kill(os.getpid(), signal.SIGTERM), 2)

        assert_done(sqlite_server, reset_all(invoke, sqlite_server))

    def test_under_nohup(self, sqlite_server: Server, start_bulk: Start) -> None:
        """A SIGHUP that was ignored from the start stays ignored."""
        running = start_bulk(
            sqlite_server,
            "after-line:SIGHUP",
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
        )
        code, _, stderr = running.finish()

        assert (code, unwarned(stderr)) == (0, "Done: 4 passwords reset.\n")
        assert_valid(sqlite_server, OUT.read_text())


@first_on("mysql")
def test_two_runs_and_a_reset_at_once(server: Server) -> None:
    """Row 24: each process succeeds or finds the database busy; each user has a password that was printed."""
    many = [f"many{number}" for number in range(10)]
    insert_users(server, many)
    files = [Path("first.jsonl"), Path("second.jsonl")]
    commands = [
        *(bulk_arguments(server, "--all", "--yes", output=file) for file in files),
        [*RESET, str(server.path), "user1"],
    ]
    running = [processes.start([ZATO, *command]) for command in commands]
    ends = [process.communicate(timeout=60) for process in running]

    assert {process.returncode for process in running} <= {0, 75}, ends
    possible = {name: {OLD} for name in [*APPROVED, *many]}
    for process, file in zip(running, files, strict=False):
        lines = records(file.read_text()) if file.exists() else []
        assert (len(lines) == 14) is (process.returncode == 0)
        for line in lines:
            possible[line.username].discard(OLD)
            possible[line.username].add(line.password)
    if single := printed_password(ends[2][0]):
        possible["user1"] = possible["user1"] - {OLD} | {single}
    for name, passwords in possible.items():
        assert sum(server.opens(name, password) for password in passwords) == 1
    assert all(re.fullmatch("(Error: .+|Done: .+)?\n?", unwarned(stderr)) for _, stderr in ends)
