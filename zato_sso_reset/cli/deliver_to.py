"""Delivery of the result to a program."""

import os
import signal
import subprocess
from contextlib import suppress
from typing import Any

from zato_sso_reset.errors import OutputError
from zato_sso_reset.files import write_all
from zato_sso_reset.signals import ended_together, kill_group, time_limit

PROGRAM_TIMEOUT = 10  # seconds that the program may take; the users' rows are locked meanwhile
STDERR = 2


class Program:
    """Delivery to a program, which has to read the whole result and to end with 0."""

    def __init__(self, command: str, username: str | None = None) -> None:
        """Prepare to run `command` in a shell; its environment has the name of a single user."""
        self._command = command
        self._env = {**os.environ, "ZATO_USERNAME": username} if username else None

    def write_line(self, line: str) -> None:
        """Run the program with `line` on its stdin, within `PROGRAM_TIMEOUT`.

        Raises OutputError, after its process group was killed, unless it has read everything and ended with
        0. A signal that ends this process before that kills the group, too.
        """
        try:
            read_end, write_end = os.pipe()
        except OSError as error:
            raise _not_started(error) from None
        with (
            os.fdopen(read_end, "rb", 0) as unread,
            os.fdopen(write_end, "wb", 0) as stdin,
            ended_together() as end_together_with,
        ):
            program = self._start(read_end)
            end_together_with(program.pid)
            try:
                with time_limit(PROGRAM_TIMEOUT):
                    write_all(write_end, f"{line}\n".encode())
                    stdin.close()
                    # Until the program is reaped, no other process group can get its number.
                    end = os.waitid(os.P_PID, program.pid, os.WEXITED | os.WNOWAIT)
                    rest = unread.read(1)  # it waits while a process holds the pipe open for writing
            except TimeoutError:
                problem = f"did not read the whole result and end within {PROGRAM_TIMEOUT} seconds"
            else:
                problem = _problem(end) or ("did not read the whole result" if rest else "")
            if problem:
                kill_group(program.pid)
            with suppress(subprocess.TimeoutExpired):  # a program with more rights can't be killed
                program.wait(1)
        if problem:
            raise _error(problem)

    def withdraw(self) -> None:
        """Do nothing: the program keeps what it has read."""

    def warn_of_readers(self) -> None:
        """Do nothing: who can read the result is the program's business."""

    def _start(self, stdin: int) -> "subprocess.Popen[bytes]":
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # if it were ignored, the exit code would be lost
        try:
            return subprocess.Popen(  # noqa: S603 to run what the administrator writes is its purpose
                ["sh", "-c", self._command],  # noqa: S607 the shell on PATH, as everywhere
                env=self._env,
                stdin=stdin,
                stdout=STDERR,
                start_new_session=True,
            )
        except OSError as error:
            raise _not_started(error) from None


def _problem(end: Any) -> str:
    """Return what is wrong with the end of a program, or an empty text."""
    if end.si_code != os.CLD_EXITED:
        return f"was ended by signal {end.si_status}"
    return f"ended with exit code {end.si_status}" if end.si_status else ""


def _not_started(error: OSError) -> OutputError:
    return _error(f"could not be started: {error.strerror}")


def _error(problem: str) -> OutputError:
    """Return an error that does not quote the command, which may hold a secret."""
    return OutputError(f"The program of --deliver-to {problem}.", "Correct the program, and try again.")
