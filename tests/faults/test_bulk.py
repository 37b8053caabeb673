"""Faults in the middle of many resets: which lines are valid, and how the rest is done."""

import os
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from tests.conftest import ZATO
from tests.faults.conftest import Proxied, Running, one_line
from tests.faults.loops import printed_password
from tests.support.bulk import OUT, assert_valid, bulk_arguments, names, records
from tests.support.databases import run
from tests.support.processes import environment
from tests.support.servers import OLD, USERS, Server, insert_users
from zato_sso_reset.cli.json_lines import LinesFile, LinesStdout
from zato_sso_reset.database import engine as odb
from zato_sso_reset.server.config import ServerConfig
from zato_sso_reset.services import bulk_reset as bulk

Invoke = Callable[..., Result]
Start = Callable[..., Running]
Harm = Callable[..., None]

ALL = USERS.keys() - {"pending1"}
"""Whom --all is about: two batches of two."""


@pytest.fixture
def do_harm(monkeypatch: pytest.MonkeyPatch) -> Harm:
    """Reset two users at a time, and do harm once the lines of one batch are out and its COMMIT is not."""
    monkeypatch.setattr(bulk, "BATCH", 2)

    def at_batch(number: int, harm: Callable[[], object]) -> None:
        batches = iter(range(1, 100))
        for lines in (LinesFile, LinesStdout):

            def write(*args: Any, original: Any = lines.write) -> None:
                original(*args)
                if next(batches) == number:
                    harm()

            monkeypatch.setattr(lines, "write", write)

    return at_batch


@pytest.fixture
def resume(invoke: Invoke) -> Callable[[Server], Result]:
    """Go on with all users."""
    return lambda server: invoke(*bulk_arguments(server, "--all", "--yes", "--resume", output=OUT))


Resume = Callable[[Server], Result]


def assert_done(server: Server, done: Result) -> None:
    """See that in the end each user has exactly one line, which is valid."""
    assert (done.exit_code, done.stdout) == (0, ""), done.stderr
    assert sorted(names(OUT.read_text())) == sorted(ALL)
    assert_valid(server, OUT.read_text())


class TestCommit:
    """A COMMIT that goes wrong in the second batch."""

    @pytest.mark.parametrize("harm", ["end", "cut"])
    def test_is_refused(
        self, proxied: Proxied, invoke: Invoke, do_harm: Harm, resume: Resume, harm: str
    ) -> None:
        """The lines of that batch are cut off again, those of the batch before are valid."""
        do_harm(2, proxied.end_connections if harm == "end" else lambda: proxied.proxy.arm("cut"))
        done = invoke(*bulk_arguments(proxied.server, "--all", "--yes", output=OUT))

        assert (done.exit_code, done.stdout) == (79, "")
        assert done.stderr == (
            "Error: The database refused the commit of 2 user(s): their old passwords stay, and their lines "
            "were cut off again. So far, 2 of 4 users are done. Run the command again with --resume.\n"
        )
        assert len(records(OUT.read_text())) == 2
        assert_valid(proxied.server, OUT.read_text())
        assert_done(proxied.server, resume(proxied.server))

    def test_is_refused_at_once(self, proxied: Proxied, invoke: Invoke, do_harm: Harm) -> None:
        """In the first batch, no file is left."""
        do_harm(1, proxied.end_connections)
        done = invoke(*bulk_arguments(proxied.server, "--all", "--yes", output=OUT))

        assert (done.exit_code, done.stdout) == (79, "")
        assert done.stderr.endswith("and their lines were cut off again.\n")
        assert not OUT.exists()
        assert_valid(proxied.server, "")

    def test_is_refused_with_the_lines_on_stdout(
        self, proxied: Proxied, invoke: Invoke, do_harm: Harm
    ) -> None:
        """What can't be cut off is said to be void."""
        do_harm(2, proxied.end_connections)
        done = invoke(*bulk_arguments(proxied.server, "--all", "--yes"))

        assert done.exit_code == 79
        assert "of 2 user(s)" in done.stderr
        assert (
            "and their lines are void. So far, 2 of 4 users are done. Run the command again for the others"
            in (done.stderr)
        )
        lines = done.stdout.splitlines(keepends=True)
        assert len(lines) == 4
        assert_valid(proxied.server, "".join(lines[:2]))

    @pytest.mark.parametrize("output", ["-", OUT])
    def test_answer_is_lost(self, proxied: Proxied, invoke: Invoke, do_harm: Harm, output: object) -> None:
        """The batch is found on a new connection, and the run goes on."""
        do_harm(1, lambda: proxied.proxy.arm("lose-answer"))
        done = invoke(*bulk_arguments(proxied.server, "--all", "--yes", output=output))

        assert (done.exit_code, done.stderr) == (0, "Reset the passwords of 4 user(s).\n")
        text = OUT.read_text() if output is OUT else done.stdout
        assert len(records(text)) == 4
        assert_valid(proxied.server, text)

    @pytest.mark.parametrize("arrives", [True, False])
    def test_is_unknown(
        self,
        proxied: Proxied,
        invoke: Invoke,
        do_harm: Harm,
        resume: Resume,
        monkeypatch: pytest.MonkeyPatch,
        *,
        arrives: bool,
    ) -> None:
        """While it is on its way nobody can know; --resume sees, once it arrived or was lost."""
        monkeypatch.setattr(odb, "TRANSACTION_TIMEOUT", 1)
        do_harm(2, lambda: proxied.proxy.arm("hold"))
        done = invoke(*bulk_arguments(proxied.server, "--all", "--yes", output=OUT))
        before = OUT.read_text()

        assert (done.exit_code, done.stdout) == (76, "")
        assert done.stderr == (
            "Error: It is unknown whether the passwords of the last 2 user(s) were stored. "
            "So far, 2 of 4 users are done. Run the command again with --resume.\n"
        )
        assert len(records(before)) == 4
        monkeypatch.setattr(odb, "TRANSACTION_TIMEOUT", 15)
        if arrives:
            proxied.proxy.release()
        else:
            proxied.end_connections()
        again = resume(proxied.server)
        assert ("were never stored, and are replaced" in again.stderr) is not arrives
        assert (OUT.read_text() == before) is arrives
        assert_done(proxied.server, again)


class TestDatabase:
    """The database changes, or stops, between the batches."""

    @pytest.mark.parametrize(
        "change", ["DELETE FROM zato_sso_user", "UPDATE zato_sso_user SET username = 'renamed'"]
    )
    @pytest.mark.parametrize("server", ["postgresql", "mysql"], indirect=True)
    def test_user_goes(self, server: Server, invoke: Invoke, do_harm: Harm, change: str) -> None:
        """Who is not there any more is not reset, and the whole batch is not."""
        do_harm(1, lambda: server.database.run(f"{change} WHERE username = 'changing1'"))
        Path("users").write_text("user1\nlocked1\nMixedCase\nchanging1\n")
        done = invoke(*bulk_arguments(server, "--users-from", "users", "--yes", output=OUT))

        assert (done.exit_code, done.stdout) == (22, "")
        assert one_line(done.stderr)
        assert "`changing1`. So far, 2 of 4 users are done." in done.stderr
        assert set(names(OUT.read_text())) == {"user1", "locked1"}
        assert_valid(server, OUT.read_text())

    @pytest.mark.parametrize("options", [("--all",), ("--users-from", "users", "--skip-missing")])
    @pytest.mark.parametrize("server", ["postgresql", "mysql"], indirect=True)
    def test_user_whose_name_changes_case_is_left_out(
        self, server: Server, invoke: Invoke, do_harm: Harm, options: tuple[str, ...]
    ) -> None:
        """MySQL's collation still finds the user, who is nevertheless not the one that was selected."""
        rename = "UPDATE zato_sso_user SET username = 'MIXEDCASE' WHERE username = 'MixedCase'"
        do_harm(1, lambda: server.database.run(rename))
        Path("users").write_text("user1\nlocked1\nMixedCase\nchanging1\n")
        done = invoke(*bulk_arguments(server, *options, "--yes", output=OUT))

        assert (done.exit_code, done.stdout) == (0, "")
        assert "1 user(s) went meanwhile" in done.stderr
        assert set(names(OUT.read_text())) == {"user1", "locked1", "changing1"}
        assert_valid(server, OUT.read_text())

    @pytest.mark.parametrize("server", ["postgresql", "mysql"], indirect=True)
    def test_user_whose_name_changes_case_is_missing(
        self, server: Server, invoke: Invoke, do_harm: Harm
    ) -> None:
        """Without --skip-missing, that user ends the run like one who was removed."""
        rename = "UPDATE zato_sso_user SET username = 'MIXEDCASE' WHERE username = 'MixedCase'"
        do_harm(1, lambda: server.database.run(rename))
        Path("users").write_text("user1\nlocked1\nMixedCase\nchanging1\n")
        done = invoke(*bulk_arguments(server, "--users-from", "users", "--yes", output=OUT))

        assert (done.exit_code, done.stdout) == (22, "")
        assert "`MixedCase`. So far, 2 of 4 users are done." in done.stderr
        assert_valid(server, OUT.read_text())

    @pytest.mark.parametrize("server", ["postgresql", "mysql"], indirect=True)
    def test_row_is_locked(self, server: Server, invoke: Invoke, do_harm: Harm, resume: Resume) -> None:
        """The batches before stand, and --resume does the rest once the lock is gone."""
        with server.database.connect() as connection:

            def harm() -> None:
                run(connection, "BEGIN")
                run(connection, "SELECT * FROM zato_sso_user WHERE username = 'changing1' FOR UPDATE")

            do_harm(1, harm)
            done = invoke(*bulk_arguments(server, "--all", "--yes", output=OUT))
            run(connection, "ROLLBACK")

        assert (done.exit_code, done.stdout) == (75, "")
        assert one_line(done.stderr)
        assert "So far, 2 of 4 users are done. Run the command again with --resume." in done.stderr
        assert set(names(OUT.read_text())) == {"user1", "locked1"}
        assert_valid(server, OUT.read_text())
        assert_done(server, resume(server))


class TestKilled:
    """SIGKILL in the second batch."""

    def test_between_lines_and_commit(self, server: Server, start_bulk: Start, resume: Resume) -> None:
        """Its lines are void, and replaced."""
        code, stdout, _ = start_bulk(server, "after-line:SIGKILL:2").go_on()
        lines = OUT.read_text().splitlines(keepends=True)

        assert (code, stdout, len(lines)) == (-9, "", 4)
        assert_valid(server, "".join(lines[:2]))
        done = resume(server)
        assert done.stderr.startswith("Warning: The last 2 line(s) were never stored, and are replaced.\n")
        assert OUT.read_text().startswith("".join(lines[:2]))
        assert_done(server, done)

    @pytest.mark.parametrize("server", ["mysql"], indirect=True)
    def test_user_whose_name_changes_case_before_resume_is_not_found(
        self, server: Server, start_bulk: Start, resume: Resume
    ) -> None:
        """The lines of the batch are checked by exact name, though the collation finds another."""
        start_bulk(server, "after-line:SIGKILL:1").go_on()
        server.database.run("UPDATE zato_sso_user SET username = 'USER1' WHERE username = 'user1'")
        done = resume(server)

        assert (done.exit_code, done.stdout) == (0, "")
        assert set(names(OUT.read_text())) == {"USER1", "locked1", "MixedCase", "changing1"}
        assert_valid(server, OUT.read_text())

    @pytest.mark.parametrize("server", ["sqlite"], indirect=True)
    def test_after_the_commit(self, server: Server, start_bulk: Start, resume: Resume) -> None:
        """Its lines are valid, and kept."""
        code, stdout, _ = start_bulk(server, "after-commit:SIGKILL:1").go_on()
        before = OUT.read_text()

        assert (code, stdout) == (-9, "")
        assert_valid(server, before)
        done = resume(server)
        assert done.stderr == "Reset the passwords of 2 user(s).\n"
        assert OUT.read_text().startswith(before)
        assert_done(server, done)


class TestAskedToEnd:
    """The signals of a shell, a terminal and a service manager."""

    def test_process(self, sqlite_server: Server, start_bulk: Start, resume: Resume) -> None:
        """On Ctrl-C it ends after the batch at hand, says how far it is and how to go on."""
        code, stdout, stderr = start_bulk(sqlite_server, "after-line:SIGINT").go_on()

        assert (code, stdout) == (130, "")
        assert stderr == "Error: Stopped. 2 of 4 users are done. Run the command again with --resume.\n"
        assert len(records(OUT.read_text())) == 2
        assert_valid(sqlite_server, OUT.read_text())
        assert_done(sqlite_server, resume(sqlite_server))

    @pytest.mark.parametrize(("output", "number"), [("-", signal.SIGTERM), (OUT, signal.SIGHUP)])
    def test_here(
        self, server: Server, invoke: Invoke, do_harm: Harm, output: object, number: signal.Signals
    ) -> None:
        """The same on each engine, also with the lines on stdout; the log has it too."""
        insert_users(server, ["more1", "more2"])
        handler = signal.getsignal(number)
        do_harm(2, lambda: os.kill(os.getpid(), number))
        done = invoke(*bulk_arguments(server, "--all", "--yes", "--store-log", output=output))
        text = OUT.read_text() if output is OUT else done.stdout
        (log,) = Path.cwd().glob("zato.*.log")

        assert done.exit_code == 128 + number
        how = "with --resume" if output is OUT else "for the others"
        assert done.stderr == f"Error: Stopped. 4 of 6 users are done. Run the command again {how}.\n"
        assert done.stderr[len("Error: ") : -1] in log.read_text()
        assert len(records(text)) == 4
        assert_valid(server, text)
        assert signal.getsignal(number) is handler

    def test_while_hashing(self, sqlite_server: Server) -> None:
        """What has been hashed of a batch is the last: nobody waits for all of it."""
        config = ServerConfig.read(sqlite_server.path, env={}, stdin=None, warn=pytest.fail)
        delivered: list[object] = []
        answers = iter([0, 0, 0, 15, 15])
        bulk.reset_user_passwords(
            config,
            odb.ODB(config.database),
            sorted(ALL),
            expiry=None,
            must_change=None,
            jobs=1,
            skip_missing=False,
            deliver=lambda new, _: delivered.extend(each.user.username for each in new),
            done=delivered.append,
            stop=lambda: next(answers),
            note=lambda _: None,
        )

        assert set(delivered[:3]) == set(sorted(ALL)[:3])
        assert delivered[3:] == [3]
        assert sqlite_server.opened_by(dict.fromkeys(ALL, OLD)) == {sorted(ALL)[3]}

    def test_in_the_last_batch(self, sqlite_server: Server, invoke: Invoke, do_harm: Harm) -> None:
        """Where all are done, all is well."""
        do_harm(2, lambda: os.kill(os.getpid(), signal.SIGTERM))
        done = invoke(*bulk_arguments(sqlite_server, "--all", "--yes", output=OUT))

        assert_done(sqlite_server, done)

    def test_under_nohup(self, sqlite_server: Server, start_bulk: Start) -> None:
        """A SIGHUP that was ignored from the start stays so."""
        running = start_bulk(
            sqlite_server,
            "after-line:SIGHUP",
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
        )
        code, _, stderr = running.go_on()

        assert (code, stderr) == (0, "Reset the passwords of 4 user(s).\n")
        assert_valid(sqlite_server, OUT.read_text())


class TestAtOnce:
    """Several processes at the same users."""

    def test_two_runs_and_a_reset(self, server: Server) -> None:
        """Each ends well or finds the database busy; every user's password is one that was written out."""
        insert_users(server, [f"many{number}" for number in range(10)])
        files = [Path("first.jsonl"), Path("second.jsonl")]
        commands = [
            *(bulk_arguments(server, "--all", "--yes", output=file) for file in files),
            ["sso", "reset-user-password", str(server.path), "user1"],
        ]
        running = [
            subprocess.Popen(
                [str(ZATO), *command],
                env=environment(),
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            for command in commands
        ]
        ends = [process.communicate(timeout=60) for process in running]

        assert {process.returncode for process in running} <= {0, 75}, ends
        possible = {name: {OLD} for name in [*ALL, *(f"many{number}" for number in range(10))]}
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
        assert all(re.fullmatch("(Error: .+|Reset .+)?\n?", stderr) for _, stderr in ends)
