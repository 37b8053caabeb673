"""`zato sso reset-user-passwords` on a terminal: the confirmation and the progress."""

import os
import pty
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from io import StringIO

import pytest

from tests.cli.conftest import Invoke, shell
from tests.support.bulk import APPROVED, OUT, assert_all_old, assert_valid, bulk_arguments, listed, names
from tests.support.servers import Server, insert_users
from zato_sso_reset.cli import progress
from zato_sso_reset.cli.json_lines import JsonLinesFile
from zato_sso_reset.host.program import zato
from zato_sso_reset.services import bulk_reset as bulk


@dataclass
class Terminal:
    """A terminal that is stdin and stderr of a run in this process."""

    master: int
    slave: int
    monkeypatch: pytest.MonkeyPatch

    def run(self, answer: str, *args: object) -> tuple[object, str]:
        """Run `zato` with an answer to its question; return the exit code and stdout."""
        os.write(self.master, f"{answer}\n".encode())
        stdout = StringIO()
        with self.monkeypatch.context() as context, ExitStack() as stack:
            for name, mode in (("stdin", "r"), ("stderr", "w")):
                stream = os.fdopen(os.dup(self.slave), mode)
                stack.enter_context(suppress(OSError))
                stack.callback(stream.close)
                context.setattr(sys, name, stream)
            context.setattr(sys, "stdout", stdout)
            with pytest.raises(SystemExit) as ended:
                zato.main([str(arg) for arg in args], prog_name="zato")
        return ended.value.code or 0, stdout.getvalue()

    def before_each_batch(self, action: Callable[[], object]) -> None:
        """Call `action` before the lines of a batch are written."""
        write_line = JsonLinesFile.write_line

        def write(file: JsonLinesFile, line: str) -> None:
            action()
            write_line(file, line)

        self.monkeypatch.setattr(JsonLinesFile, "write_line", write)

    def seen(self) -> str:
        """Return the text on the terminal."""
        os.set_blocking(self.master, False)
        shown = b""
        with suppress(OSError):
            while data := os.read(self.master, 65536):
                shown += data
        return shown.decode().replace("\r\n", "\n")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """Return a terminal."""
    master, slave = pty.openpty()
    yield Terminal(master, slave, monkeypatch)
    for fd in (master, slave):
        with suppress(OSError):
            os.close(fd)


class TestConfirmation:
    """The question on a terminal."""

    def test_has_the_number_of_users_and_super_users(self, sqlite_server: Server, terminal: Terminal) -> None:
        """After `y`, stdout has only the lines."""
        sqlite_server.database.run("UPDATE zato_sso_user SET is_super_user = 1 WHERE id IN (1, 3, 4)")
        code, stdout = terminal.run("y", *bulk_arguments(sqlite_server, "--all"))

        assert code == 0
        assert "Reset the passwords of 4 users (2 super-users)? [y/N]:" in terminal.seen()
        assert set(names(stdout)) == APPROVED
        assert_valid(sqlite_server, stdout)

    def test_resumed_run_counts_earlier_resets(
        self, sqlite_server: Server, terminal: Terminal, invoke: Invoke
    ) -> None:
        """A resumed run resets only the other users."""
        invoke(*bulk_arguments(sqlite_server, "--users-from", listed("user1"), "--yes", output=OUT))
        code, _ = terminal.run("y", *bulk_arguments(sqlite_server, "--all", "--resume", output=OUT))

        assert code == 0
        question = "1 user was reset earlier. Reset the passwords of 3 users (0 super-users)?"
        assert question in terminal.seen()

    @pytest.mark.parametrize("answer", ["n", "", "N", "\x04"])
    def test_any_other_answer_changes_nothing(
        self, sqlite_server: Server, terminal: Terminal, answer: str
    ) -> None:
        """No file is created either."""
        code, stdout = terminal.run(answer, *bulk_arguments(sqlite_server, "--all", output=OUT))

        assert (code, stdout) == (1, "")
        assert terminal.seen().endswith("Aborted. Nothing was changed.\n")
        assert not OUT.exists()
        assert_all_old(sqlite_server)

    @pytest.mark.parametrize("option", ["--yes", "--dry-run"])
    def test_is_not_needed(self, sqlite_server: Server, terminal: Terminal, option: str) -> None:
        """--yes answers it, and a dry run changes nothing."""
        code, _ = terminal.run("n", *bulk_arguments(sqlite_server, "--all", option, output=OUT))

        assert code == 0
        assert "[y/N]" not in terminal.seen()
        assert OUT.exists() is (option == "--yes")

    def test_stdout_of_a_process_has_only_the_lines(self, sqlite_server: Server, terminal: Terminal) -> None:
        """The console script asks on the terminal."""
        os.write(terminal.master, b"y\n")
        arguments = bulk_arguments(sqlite_server, "--all")
        done = shell('exec zato "$@"', *arguments, stdin=terminal.slave, stderr=terminal.slave)

        assert done.returncode == 0
        assert "4 users (0 super-users)? [y/N]:" in terminal.seen()
        assert_valid(sqlite_server, done.stdout)


class TestProgress:
    """The progress on a terminal."""

    def test_has_the_rate_and_the_time_left(self, sqlite_server: Server, terminal: Terminal) -> None:
        """A run of more than a second shows both."""
        sqlite_server.edit("sso.conf", "hash_secret", rounds="1")
        insert_users(sqlite_server, [f"many{number}" for number in range(20)])
        terminal.monkeypatch.setattr(bulk, "BATCH", 10)
        terminal.before_each_batch(lambda: time.sleep(0.6))
        code, _ = terminal.run("", *bulk_arguments(sqlite_server, "--all", "--yes", output=OUT))
        shown = terminal.seen()

        assert code == 0
        assert "Resetting" in shown
        assert re.search(r"21/24  \d+/s  ETA 0:0\d", shown)
        assert re.search(r" 100%  24/24  \d+/s  ETA 0:00\x1b\[K\n", shown)
        assert_valid(sqlite_server, OUT.read_text())

    def test_progress_moves_with_hashes(self, sqlite_server: Server, terminal: Terminal) -> None:
        """A batch of four is no single step."""
        terminal.monkeypatch.setattr(progress, "INTERVAL", 0)
        code, _ = terminal.run("", *bulk_arguments(sqlite_server, "--all", "--yes", output=OUT))
        shown = terminal.seen()

        assert code == 0
        assert re.findall(r"\d/4", shown) == ["1/4", "2/4", "3/4", "4/4", "4/4"]

    def test_interruption_is_answered_at_once(self, sqlite_server: Server, terminal: Terminal) -> None:
        """The batch is finished."""
        insert_users(sqlite_server, [f"many{number}" for number in range(20)])
        terminal.monkeypatch.setattr(bulk, "BATCH", 10)
        terminal.before_each_batch(lambda: signal.raise_signal(signal.SIGINT))
        code, _ = terminal.run("", *bulk_arguments(sqlite_server, "--all", "--yes", output=OUT))
        *_, stopping, stopped, end = terminal.seen().split("\n")

        assert (code, end) == (130, "")
        assert stopping.endswith("\rStopping after this batch ...\x1b[K")
        assert "Stopped. 10 of 24 users are done." in stopped
        assert_valid(sqlite_server, OUT.read_text())

    def test_no_progress_hides_the_line(self, sqlite_server: Server, terminal: Terminal) -> None:
        """The result is still reported."""
        options = ("--all", "--yes", "-q", "--unlock", "--must-change", "false")
        arguments = bulk_arguments(sqlite_server, *options, output=OUT)

        assert terminal.run("", *arguments) == (0, "")
        result = (
            f"Done: 4 passwords reset. The passwords are in `{OUT}`: hand them out, then remove the file.\n"
        )
        result += "Also changed: users unlocked: 1.\n"
        assert terminal.seen() == f"\n{result}"

    def test_is_hidden_by_verbose(self, sqlite_server: Server, terminal: Terminal) -> None:
        """The lines of --verbose report the progress themselves."""
        arguments = bulk_arguments(sqlite_server, "--all", "--yes", "--verbose", output=OUT)

        assert terminal.run("", *arguments) == (0, "")
        assert "\n4 of 4 users are done.\nDone: 4 passwords reset." in terminal.seen()

    def test_disconnected_terminal_does_not_stop_the_run(
        self, sqlite_server: Server, terminal: Terminal
    ) -> None:
        """All users are reset."""
        terminal.before_each_batch(lambda: os.close(terminal.master))
        kept = os.dup(2)
        try:
            code, _ = terminal.run("", *bulk_arguments(sqlite_server, "--all", "--yes", output=OUT))
        finally:
            os.dup2(kept, 2)
            os.close(kept)

        assert code == 0
        assert_valid(sqlite_server, OUT.read_text())
