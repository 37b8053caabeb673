"""`--deliver-to`."""

import json
import os
import signal
import stat
from pathlib import Path

import pytest

from tests.cli.conftest import RESET, Invoke, Process, delivered_password, error_line
from tests.conftest import AUDIT
from tests.support.bulk import (
    APPROVED,
    OUT,
    assert_all_old,
    bulk_arguments,
    kept,
    listed,
    recorded,
    unwarned,
)
from tests.support.servers import OLD, Server
from tests.support.syslog import unix_listener
from zato_sso_reset.services import bulk_reset

KEPT = Path("kept")

KEEP = f"cat >{KEPT}"


class TestProgram:
    """The input, the environment and the process of the program."""

    def test_result_is_on_stdin(self, server: Server, invoke: Invoke) -> None:
        """The line goes to the program, and nothing to stdout; the change is committed."""
        done = invoke(*RESET, "--deliver-to", KEEP, server.path, "user1")

        assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
        assert server.opens("user1", delivered_password(KEPT.read_text()))

    @pytest.mark.parametrize(
        ("output", "read"),
        [("json", lambda text: json.loads(text)["password"]), ("password", lambda text: text.rstrip("\n"))],
    )
    def test_format_is_that_of_output(
        self, sqlite_server: Server, invoke: Invoke, output: str, read: object
    ) -> None:
        """--output says what is on stdin."""
        assert callable(read)
        done = invoke(*RESET, "--output", output, "--deliver-to", KEEP, sqlite_server.path, "user1")

        assert done.exit_code == 0
        assert sqlite_server.opens("user1", read(KEPT.read_text()))

    def test_its_output_goes_to_stderr(self, sqlite_server: Server, process: Process) -> None:
        """The command's own stdout stays empty."""
        command = f"{KEEP}; echo one; echo two >&2"
        done = process(*RESET, "--deliver-to", command, sqlite_server.path, "user1")

        assert (done.returncode, done.stdout, done.stderr) == (0, "", "one\ntwo\n")

    def test_what_it_leaves_in_the_background_lives_on(self, sqlite_server: Server, invoke: Invoke) -> None:
        """A clipboard, for example, keeps the password in such a process."""
        command = f"{KEEP}; sleep 60 & echo $! >pid"
        done = invoke(*RESET, "--deliver-to", command, sqlite_server.path, "user1")

        assert done.exit_code == 0
        os.kill(int(Path("pid").read_text()), signal.SIGKILL)

    def test_closed_stdout_is_no_problem(self, sqlite_server: Server, process: Process) -> None:
        """Nothing goes there."""
        done = process(
            *(*RESET, "--deliver-to", KEEP, sqlite_server.path, "user1"), preexec_fn=lambda: os.close(1)
        )

        assert (done.returncode, done.stderr) == (0, "")

    def test_it_sees_the_username_and_no_secret(self, sqlite_server: Server, process: Process) -> None:
        """No process has the password in its arguments or its environment."""
        look = "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ >seen 2>/dev/null"
        command = f'echo "$ZATO_USERNAME" >username; {look}; {KEEP}'
        done = process(
            *(*RESET, "--output", "password", "--deliver-to", command), sqlite_server.path, "changing1"
        )
        seen = Path("seen").read_bytes().decode(errors="replace")

        assert (done.returncode, unwarned(done.stderr)) == (0, "")
        assert Path("username").read_text() == "changing1\n"
        assert "ZATO_USERNAME=changing1" in seen
        for secret in (KEPT.read_text().strip(), sqlite_server.key[:-5], "pbkdf2", "gAAAA"):
            assert secret not in seen

    def test_it_has_a_session_of_its_own_and_no_other_file(
        self, sqlite_server: Server, process: Process
    ) -> None:
        """Neither the database nor an inherited file is open in it."""
        command = f"ls -l /proc/$$/fd >fds; cut -d ' ' -f 1,6 /proc/$$/stat >ids; {KEEP}"
        with Path("inherited").open("w") as file:
            done = process(
                *(*RESET, "--deliver-to", command, sqlite_server.path, "user1"), pass_fds=[file.fileno()]
            )
        pid, session = Path("ids").read_text().split()

        assert (done.returncode, done.stderr) == (0, "")
        assert pid == session
        assert "pipe:" in Path("fds").read_text()
        for name in ("inherited", "zato.db", "socket:"):
            assert name not in Path("fds").read_text()


class TestUsage:
    """The option among others."""

    @pytest.mark.parametrize("command", ["", " "])
    def test_empty_command_is_a_usage_error(
        self, sqlite_server: Server, invoke: Invoke, command: str
    ) -> None:
        """An unset variable does not run an empty program."""
        assert "It is empty." in error_line(
            invoke(*RESET, "--deliver-to", command, sqlite_server.path, "user1"), 2
        )
        assert sqlite_server.opens("user1", OLD)

    def test_output_file_as_well_is_a_usage_error(self, sqlite_server: Server, invoke: Invoke) -> None:
        """One of them gets the result."""
        done = invoke(*(*RESET, "--deliver-to", KEEP, "--output-file", "out"), sqlite_server.path, "user1")

        assert "either --deliver-to or --output-file" in error_line(done, 2)
        assert list(Path.cwd().iterdir()) == []

    def test_change_user_password_does_not_have_it(self, sqlite_server: Server, invoke: Invoke) -> None:
        """It would hand over what the administrator chose."""
        done = invoke("sso", "change-user-password", "--deliver-to", KEEP, sqlite_server.path, "user1")

        assert done.exit_code == 2
        assert not KEPT.exists()

    def test_dry_run_does_not_start_it(self, sqlite_server: Server, invoke: Invoke) -> None:
        """Nothing is delivered."""
        done = invoke(*RESET, "--dry-run", "--deliver-to", KEEP, sqlite_server.path, "user1")

        assert done.exit_code == 0
        assert list(Path.cwd().iterdir()) == []
        assert sqlite_server.opens("user1", OLD)

    def test_stored_arguments_keep_it(self, sqlite_server: Server, invoke: Invoke) -> None:
        """`zato from-config` runs the same program again."""
        command = f"{KEEP}; echo '=\"$ZATO_USERNAME\"' >>{KEPT}.more "
        invoke(*RESET, "--store-config", "--deliver-to", command, sqlite_server.path, "user1")
        [config] = Path.cwd().glob("zato.*.config")
        first = KEPT.read_text()
        done = invoke("from-config", config)

        assert f"deliver_to={command}\n" in config.read_text()
        assert (done.exit_code, done.stdout) == (0, "")
        assert KEPT.read_text() != first
        assert sqlite_server.opens("user1", delivered_password(KEPT.read_text()))
        assert Path(f"{KEPT}.more").read_text() == '="$ZATO_USERNAME"\n' * 2

    def test_audit_line_has_no_command(
        self, sqlite_server: Server, invoke: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """It says only that a program took the password, once it has."""
        monkeypatch.setenv(AUDIT, f"{tmp_path}/log")
        with unix_listener(tmp_path / "log") as log:
            for end, delivered in ((0, "program"), (3, None)):
                invoke(*RESET, "--deliver-to", f"{KEEP}; exit {end} # S3cr3t", sqlite_server.path, "user1")
                line = log.line()
                assert line.fields.get("delivered") == delivered
                assert "S3cr3t" not in line.raw


APPEND = f"cat >>{KEPT}"


@pytest.fixture
def bulk_reset_all(bulk_reset: Invoke) -> Invoke:
    """Reset all users, with a program that keeps the passwords."""
    return lambda *args, output=OUT: bulk_reset("--all", "--deliver-to", APPEND, *args, output=output)


class TestManyUsers:
    """`--deliver-to` of `reset-user-passwords`."""

    @pytest.fixture(autouse=True)
    def _two_at_a_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Reset `APPROVED` in two batches."""
        monkeypatch.setattr(bulk_reset, "BATCH", 2)

    def test_program_gets_the_passwords_and_the_file_is_a_record(
        self, server: Server, invoke: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """The program runs once for each batch, and each user's audit line says who has the password."""
        monkeypatch.setenv(AUDIT, f"{tmp_path}/log")
        command = f"echo ${{ZATO_USERNAME-none}} >>runs; {APPEND}"
        with unix_listener(tmp_path / "log") as log:
            done = invoke(*bulk_arguments(server, "--all", "--yes", "--deliver-to", command, output=OUT))
            lines = log.lines()

        assert (done.exit_code, done.stdout) == (0, "")
        assert unwarned(done.stderr) == "Done: 4 passwords reset.\n"
        assert Path("runs").read_text() == "none\nnone\n"
        assert recorded(server, OUT.read_text(), kept()) == APPROVED
        assert stat.S_IMODE(OUT.stat().st_mode) == 0o600
        assert [line["delivered"] for line in lines] == ["program"] * 4

    def test_record_to_stdout_is_a_usage_error(self, sqlite_server: Server, bulk_reset_all: Invoke) -> None:
        """It could not be resumed."""
        assert "a record, which can't go to stdout" in error_line(bulk_reset_all(output="-"), 2)
        assert_all_old(sqlite_server)

    @pytest.mark.parametrize("is_record", [True, False])
    def test_other_kind_of_file_is_not_resumed(
        self, sqlite_server: Server, bulk_reset: Invoke, *, is_record: bool
    ) -> None:
        """A record gets no passwords, and passwords are no record."""
        options = ["--deliver-to", APPEND]
        bulk_reset("--users-from", listed("user1"), *(options if is_record else []), output=OUT)
        text = OUT.read_text()
        done = bulk_reset("--all", "--resume", *([] if is_record else options), output=OUT)

        begun = "with" if is_record else "without"
        assert error_line(done, 78) == (
            f"Error: `out.jsonl` was begun {begun} --deliver-to. Continue it in the same way.\n"
        )
        assert OUT.read_text() == text
        assert sqlite_server.opens("locked1", OLD)

    def test_dry_run_does_not_start_it(self, sqlite_server: Server, bulk_reset_all: Invoke) -> None:
        """Nothing is delivered or recorded."""
        done = bulk_reset_all("--dry-run")

        assert (done.exit_code, done.stdout) == (0, "")
        assert list(Path.cwd().iterdir()) == []
        assert_all_old(sqlite_server)
