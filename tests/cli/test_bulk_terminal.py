"""`zato sso reset-user-passwords` on a terminal: its question, its progress."""

import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from io import StringIO
from typing import Any

import pytest

from tests.conftest import ZATO
from tests.support.bulk import APPROVED, OUT, assert_all_old, assert_valid, bulk_arguments, names
from tests.support.servers import Server, insert_users
from zato_sso_reset.cli.json_lines import JsonLinesFile
from zato_sso_reset.host.program import zato
from zato_sso_reset.services import bulk_reset as bulk


@dataclass
class Terminal:
    """A terminal that a run in this process has for stdin and stderr."""

    master: int
    slave: int
    monkeypatch: pytest.MonkeyPatch

    def run(self, answer: str, *args: object) -> tuple[object, str]:
        """Run `zato`, answering its question; return the exit code and stdout."""
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

    def seen(self) -> str:
        """Return all that was shown."""
        os.set_blocking(self.master, False)
        shown = b""
        with suppress(OSError):
            while data := os.read(self.master, 65536):
                shown += data
        return shown.decode().replace("\r\n", "\n")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """A terminal."""
    master, slave = pty.openpty()
    yield Terminal(master, slave, monkeypatch)
    for fd in (master, slave):
        with suppress(OSError):
            os.close(fd)


class TestQuestion:
    """The question on a terminal."""

    def test_tells_how_many_users_and_super_users(self, sqlite_server: Server, terminal: Terminal) -> None:
        """On y they are reset; stdout has nothing but the lines."""
        sqlite_server.database.run("UPDATE zato_sso_user SET is_super_user = 1 WHERE id IN (1, 3, 4)")
        code, stdout = terminal.run("y", *bulk_arguments(sqlite_server, "--all"))

        assert code == 0
        assert "Reset the passwords of 4 user(s), 2 of them super-user(s)? [y/N]:" in terminal.seen()
        assert stdout.startswith("{")
        assert set(names(stdout)) == APPROVED
        assert_valid(sqlite_server, stdout)

    @pytest.mark.parametrize("answer", ["n", "", "N", "\x04"])
    def test_no_changes_nothing(self, sqlite_server: Server, terminal: Terminal, answer: str) -> None:
        """On anything but y, nobody is reset and no file is made."""
        code, stdout = terminal.run(answer, *bulk_arguments(sqlite_server, "--all", output=OUT))

        assert (code, stdout) == (1, "")
        assert terminal.seen().endswith("Aborted.\n")
        assert not OUT.exists()
        assert_all_old(sqlite_server)

    @pytest.mark.parametrize("option", ["--yes", "--dry-run"])
    def test_is_not_asked(self, sqlite_server: Server, terminal: Terminal, option: str) -> None:
        """--yes is the answer, and a dry run needs none."""
        code, _ = terminal.run("n", *bulk_arguments(sqlite_server, "--all", option, output=OUT))

        assert code == 0
        assert "[y/N]" not in terminal.seen()
        assert OUT.exists() is (option == "--yes")

    def test_of_a_process(self, sqlite_server: Server, terminal: Terminal) -> None:
        """The console script asks on the terminal alone, and writes the lines to a stdout that is none."""
        os.write(terminal.master, b"y\n")
        done = subprocess.run(
            [str(ZATO), *bulk_arguments(sqlite_server, "--all")],
            stdin=terminal.slave,
            stderr=terminal.slave,
            stdout=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )

        assert done.returncode == 0
        assert "4 user(s), 0 of them super-user(s)? [y/N]:" in terminal.seen()
        assert done.stdout.startswith("{")
        assert_valid(sqlite_server, done.stdout)


class TestProgress:
    """The bar on a terminal."""

    def test_tells_rate_and_time_left(self, sqlite_server: Server, terminal: Terminal) -> None:
        """A run of more than a second shows how far it is, how fast, and for how long yet."""
        sqlite_server.edit("sso.conf", "hash_secret", rounds="1")
        insert_users(sqlite_server, [f"many{number}" for number in range(20)])
        with terminal.monkeypatch.context() as context:
            context.setattr(bulk, "BATCH", 10)
            slow = JsonLinesFile.write_line

            def write(*args: Any) -> None:
                time.sleep(0.6)
                slow(*args)

            context.setattr(JsonLinesFile, "write_line", write)
            code, _ = terminal.run("", *bulk_arguments(sqlite_server, "--all", "--yes", output=OUT))
        shown = terminal.seen()

        assert code == 0
        assert "Resetting" in shown
        assert "10/24" in shown
        assert re.search(r"20/24  00:00:0\d  \d+/s", shown)
        assert_valid(sqlite_server, OUT.read_text())

    def test_terminal_goes_away(self, sqlite_server: Server, terminal: Terminal) -> None:
        """Nobody sees the bar any more, and everybody is reset all the same."""
        with terminal.monkeypatch.context() as context:
            write = JsonLinesFile.write_line

            def hang_up(*args: Any) -> None:
                os.close(terminal.master)
                write(*args)

            context.setattr(JsonLinesFile, "write_line", hang_up)
            kept = os.dup(2)
            try:
                code, _ = terminal.run("", *bulk_arguments(sqlite_server, "--all", "--yes", output=OUT))
            finally:
                os.dup2(kept, 2)
                os.close(kept)

        assert code == 0
        assert_valid(sqlite_server, OUT.read_text())
