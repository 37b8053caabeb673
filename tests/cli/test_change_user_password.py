"""`zato sso change-user-password`: sources of the password, refusals and output."""

import io
import json
import os
import pty
import re
import select
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from fcntl import ioctl
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cli.conftest import Invoke, error_line, shell, tables
from tests.conftest import ZATO
from tests.support.bulk import as_time
from tests.support.databases import make_3_0
from tests.support.servers import OLD, Server

CHANGE = ("sso", "change-user-password")

FROM_STDIN = (*CHANGE, "--password-stdin")

CHOSEN = "Chosen: pass-W\u00f6rd \u2713 1"
"""A password with spaces and non-ASCII characters, which every policy here accepts."""

CHANGED = "Changed password for user `user1`\n"


class TestStdin:
    """`--password-stdin`."""

    def test_sets_the_password(self, server: Server, invoke: Invoke) -> None:
        """The chosen password replaces the old one, and is not printed."""
        done = invoke(*FROM_STDIN, server.path, "user1", input=f"{CHOSEN}\n")

        assert (done.exit_code, done.stdout, done.stderr) == (0, CHANGED, "")
        assert server.opens("user1", CHOSEN)
        assert not server.opens("user1", OLD)
        row = server.database.row("user1")
        assert bool(row["password_is_set"])
        set_at = datetime.fromisoformat(f"{row['password_last_set']}+00:00")
        assert abs(datetime.now(timezone.utc) - set_at) < timedelta(minutes=1)

    @pytest.mark.parametrize("end", ["", "\n", "\r\n"])
    def test_line_end_is_not_part_of_the_password(
        self, sqlite_server: Server, invoke: Invoke, end: str
    ) -> None:
        """Spaces around it are part of it."""
        assert invoke(*FROM_STDIN, sqlite_server.path, "user1", input=f" {CHOSEN} {end}").exit_code == 0
        assert sqlite_server.opens("user1", f" {CHOSEN} ")

    def test_options_work_as_in_a_reset(self, sqlite_server: Server, invoke: Invoke) -> None:
        """Expiry, must-change and unlock are stored with the password."""
        options = ("--expiry", "99", "--must-change", "yes", "--unlock")
        done = invoke(*FROM_STDIN, *options, sqlite_server.path, "locked1", input=CHOSEN)

        row = sqlite_server.database.row("locked1")
        assert done.exit_code == 0
        assert as_time(row["password_expiry"]) - as_time(row["password_last_set"]) == timedelta(days=99)
        assert (row["password_must_change"], row["is_locked"]) == (1, 0)
        assert sqlite_server.opens("locked1", CHOSEN)

    def test_password_follows_a_key1_on_stdin(self, sqlite_server: Server, invoke: Invoke) -> None:
        """If the server's key is read from stdin, it is the first line."""
        sqlite_server.edit("secrets.conf", "secret_keys", key1="zato+stdin:///")
        done = invoke(*FROM_STDIN, sqlite_server.path, "user1", input=f"{sqlite_server.key}\n{CHOSEN}\n")

        assert (done.exit_code, done.stderr) == (0, "")
        assert sqlite_server.opens("user1", CHOSEN)

    @pytest.mark.parametrize("redirection", ["<&-", "0>/dev/null"])
    def test_unreadable_stdin_is_an_empty_password(self, sqlite_server: Server, redirection: str) -> None:
        """A closed or write-only stdin has no password."""
        done = shell(f'exec zato "$@" {redirection}', *FROM_STDIN, sqlite_server.path, "user1")

        assert error_line(done, 2).startswith("Error: The password is empty.")
        assert sqlite_server.opens("user1", OLD)

    @given(
        st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=8, max_size=40),
        st.sampled_from(["", "\n"]),
    )
    @settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_any_other_password_verifies_afterwards(
        self, sqlite_server: Server, invoke: Invoke, password: str, end: str
    ) -> None:
        """Every password that the policy accepts is stored as it is."""
        done = invoke(*FROM_STDIN, sqlite_server.path, "user1", input=f"{password}{end}".encode())

        assert done.exit_code == 0 or "contains a line of reject_list" in done.stderr
        assert sqlite_server.opens("user1", password) is (done.exit_code == 0)


class TestOption:
    """`--password`."""

    def test_sets_the_password_and_warns(self, sqlite_server: Server, invoke: Invoke) -> None:
        """The warning names the better option, and not the password."""
        done = invoke(*CHANGE, "--password", CHOSEN, sqlite_server.path, "user1")

        assert (done.exit_code, done.stdout) == (0, CHANGED)
        assert re.fullmatch(r"Warning: --password shows .+ Use --password-stdin\.\n", done.stderr)
        assert CHOSEN not in done.stderr
        assert sqlite_server.opens("user1", CHOSEN)

    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            ((), "There is no terminal to ask on. Add --password-stdin."),
            (("--password-stdin", "--password", CHOSEN), "Use either --password-stdin or --password."),
            (("--password-stdin", "--output", "password"), "'--output'"),
        ],
    )
    def test_source_must_be_unambiguous_and_available(
        self, sqlite_server: Server, invoke: Invoke, options: tuple[str, ...], reason: str
    ) -> None:
        """Usage errors come before the server is read, and never show the password."""
        error = error_line(invoke(*CHANGE, *options, "no-such-path", "user1", input=CHOSEN), 2)

        assert reason in error
        assert CHOSEN not in error
        assert sqlite_server.opens("user1", OLD)

    @pytest.mark.parametrize(
        "arguments",
        [
            *([CHOSEN], ["--password-stdin", CHOSEN], [f"--password-stdin={CHOSEN}"], ["--passwd", CHOSEN]),
            *([f"-p{CHOSEN}"], ["-p", CHOSEN], [f"--pw={CHOSEN}"], [f"--zzz={CHOSEN}"]),
            *([f"--password{CHOSEN}"], ["--", CHOSEN], ["--output=json", CHOSEN]),
        ],
    )
    def test_unknown_arguments_are_not_shown(
        self, sqlite_server: Server, invoke: Invoke, arguments: list[str]
    ) -> None:
        """One of them may be the password."""
        done = invoke(*CHANGE, sqlite_server.path, "user1", *arguments)

        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr.count("\n") == 1
        assert CHOSEN[:6] not in done.stderr
        assert sqlite_server.opens("user1", OLD)

    def test_similar_options_are_suggested(self, sqlite_server: Server, invoke: Invoke) -> None:
        """The names of our own options hold no password."""
        error = error_line(invoke(*CHANGE, sqlite_server.path, "user1", "--must-chage", "yes"), 2)

        assert "Did you mean `--must-change`?" in error


class TestRefusals:
    """Passwords that could not be typed, or that the server's policy refuses."""

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            *((b"", "is empty"), (b"\n", "is empty"), (b"\r\n", "is empty")),
            *((b"two-long-enough\nlines\n", "line break"), (b"two-long-enough\n\n", "line break")),
            *((b"carriage\rreturn", "line break"), ("line\u2028separator".encode(), "line break")),
            *((b"has\0a-nul-character", "control character"), (b"back\x7fspaced", "control character")),
            *((b"has-an\x1b[31m-escape", "control character"), (b"latin-1-\xe9\n", "not UTF-8")),
            *((b"a-surrogate-\xed\xa0\x80\n", "not UTF-8"), (b"x" * 4097, "longer than 4096 bytes")),
        ],
    )
    def test_untypable_password_is_a_usage_error(
        self, sqlite_server: Server, invoke: Invoke, data: bytes, reason: str
    ) -> None:
        """Nothing is changed."""
        error = error_line(invoke(*FROM_STDIN, sqlite_server.path, "user1", input=data), 2)

        assert reason in error
        assert sqlite_server.opens("user1", OLD)

    @pytest.mark.parametrize(
        ("password", "reason"),
        [("", "is empty"), ("a\nlong-enough", "line break"), ("latin-1-\udce9", "UTF-8")],
    )
    def test_option_has_the_same_rules(
        self, sqlite_server: Server, invoke: Invoke, password: str, reason: str
    ) -> None:
        """The error follows the warning about --password."""
        done = invoke(*CHANGE, f"--password={password}", sqlite_server.path, "user1")

        assert (done.exit_code, done.stdout) == (2, "")
        assert reason in done.stderr.splitlines()[1]
        assert sqlite_server.opens("user1", OLD)

    @pytest.mark.parametrize(
        ("rule", "password", "refusal"),
        [
            ("min_length = 12", "12345-78901", "it is shorter than min_length=12"),
            ("max_length = 12", "12345-7890123", "it is longer than max_length=12"),
            ('reject_list = "letmein"', "so-LetMeIn-please", "it contains a line of reject_list"),
            ("min_complexity = 4", "correct horse", "its zxcvbn score is below min_complexity=4"),
            ("min_complexity = 0", "gAAAbout-12345", "it begins with `gAAA` or `zato.secf.`"),
            ("min_complexity = 0", "zato.secf.12345", "it begins with `gAAA` or `zato.secf.`"),
        ],
    )
    def test_policy_is_enforced(
        self, sqlite_server: Server, invoke: Invoke, rule: str, password: str, refusal: str
    ) -> None:
        """The error names the rule, and not the password."""
        sqlite_server.override(f"[password]\n{rule}\n")
        error = error_line(invoke(*FROM_STDIN, sqlite_server.path, "user1", input=password), 21)

        assert f"refuses this password: {refusal}" in error
        assert error.endswith(". Choose another.\n")
        assert password not in error
        assert sqlite_server.opens("user1", OLD)

    def test_complexity_is_checked_if_zato_has_the_rule(self, server: Server, invoke: Invoke) -> None:
        """As stock does: without the setting, Zato 3.2 and 3.3 require 4, and 3.0 requires nothing."""
        server.remove("sso.conf", "min_complexity")
        refused = invoke(*FROM_STDIN, server.path, "user1", input="correct horse")
        opens_old = server.opens("user1", OLD)
        make_3_0(server.database)
        done = invoke(*FROM_STDIN, server.path, "user1", input="correct horse")

        assert "its zxcvbn score is below min_complexity=4. Choose another." in error_line(refused, 21)
        assert opens_old
        assert (done.exit_code, done.stderr) == (0, "")
        assert server.opens("user1", "correct horse")

    @pytest.mark.parametrize(("length", "code"), [(12, 0), (11, 21)])
    def test_policy_counts_characters(
        self, sqlite_server: Server, invoke: Invoke, length: int, code: int
    ) -> None:
        """The number of bytes does not matter; the minimum itself is accepted."""
        sqlite_server.override("[password]\nmin_length = 12\n")
        done = invoke(*FROM_STDIN, sqlite_server.path, "user1", input="\u2713" * length)

        assert done.exit_code == code


@dataclass
class Typist:
    """A person at the terminal of a process."""

    process: "subprocess.Popen[str]"
    terminal: int
    seen: str = ""

    def __post_init__(self) -> None:
        self._until = time.monotonic() + 30

    def answer(self, question: str, answer: str) -> None:
        """Type an answer, once the question is shown and the echo is off."""
        while question not in self.seen or self.echoes:
            self._look()
        self.seen = self.seen.partition(question)[2]
        os.write(self.terminal, answer.encode())

    @property
    def echoes(self) -> bool:
        """Whether the terminal shows typed characters."""
        return bool(termios.tcgetattr(self.terminal)[3] & termios.ECHO)

    def end(self) -> tuple[int, str]:
        """Return the exit code and stdout."""
        stdout, _ = self.process.communicate(timeout=30)
        with suppress(OSError):
            self._look()
        return self.process.returncode, stdout

    def _look(self) -> None:
        if select.select([self.terminal], [], [], 0.01)[0]:
            self.seen += os.read(self.terminal, 4096).decode()
        assert time.monotonic() < self._until, self.seen


@pytest.fixture
def typist(sqlite_server: Server) -> Iterator[Typist]:
    """Change the password of `user1`, in a process with its own terminal."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [str(ZATO), *CHANGE, str(sqlite_server.path), "user1"],
        stdin=slave,
        stderr=slave,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 it takes no lock
    )
    with process:
        yield Typist(process, master)
    for fd in (master, slave):
        os.close(fd)


class TestTerminal:
    """The prompt of a real process on a real terminal."""

    def test_asks_twice_without_an_echo(self, sqlite_server: Server, typist: Typist) -> None:
        """After two different answers, it asks again."""
        for first, second in ((CHOSEN, "something else"), (CHOSEN, CHOSEN)):
            typist.answer("New password", f"{first}\n")
            typist.answer("Repeat for confirmation", f"{second}\n")
        shown = typist.seen

        assert typist.end() == (0, CHANGED)
        assert "pass-W" not in shown + typist.seen
        assert typist.echoes
        assert sqlite_server.opens("user1", CHOSEN)

    @pytest.mark.parametrize(("key", "code"), [("\x03", 130), ("\x04", 1)])
    def test_interruption_restores_the_echo(
        self, sqlite_server: Server, typist: Typist, key: str, code: int
    ) -> None:
        """Ctrl-C and Ctrl-D change nothing."""
        typist.answer("New password", f"{CHOSEN}\n")
        typist.answer("Repeat for confirmation", key)

        assert typist.end() == (code, "")
        assert typist.seen.endswith("Aborted.\r\n")
        assert typist.echoes
        assert sqlite_server.opens("user1", OLD)


class Keyboard(io.BytesIO):
    """A stdin that is a terminal."""

    def isatty(self) -> bool:
        """Return True."""
        return True

    def read1(self, _size: int | None = -1, /) -> bytes:
        """Return a line, as a terminal does."""
        return self.readline()


class Interrupted(Keyboard):
    """A stdin on which Ctrl-C is pressed."""

    def read1(self, _size: int | None = -1, /) -> bytes:
        """Raise KeyboardInterrupt."""
        raise KeyboardInterrupt


class TestPrompt:
    """The prompt, in this process."""

    def test_sets_the_password(self, server: Server, invoke: Invoke) -> None:
        """An empty answer is asked for again."""
        done = invoke(*CHANGE, server.path, "user1", input=Keyboard(f"\n{CHOSEN}\n{CHOSEN}\n".encode()))

        assert done.exit_code == 0
        assert done.stdout.endswith(CHANGED)
        assert server.opens("user1", CHOSEN)

    def test_asks_again_after_a_refusal(self, sqlite_server: Server, invoke: Invoke) -> None:
        """The policy is shown once, and each refusal before the next question."""
        sqlite_server.override("[password]\nmin_complexity = 3\nreject_list = 'letmein'\n")
        keys = "".join(f"{each}\n{each}\n" for each in ("short", "LetMeIn-9-please", CHOSEN))
        done = invoke(*CHANGE, sqlite_server.path, "user1", input=Keyboard(keys.encode()))
        rules = "8 to 256 characters, without any line of reject_list, a zxcvbn score of at least 3."
        policy, first, second = (line for line in done.stderr.splitlines() if "polic" in line)

        assert done.exit_code == 0
        assert policy == f"The server's password policy: {rules}"
        assert first.endswith("it is shorter than min_length=8. Choose another.")
        assert second.endswith("it contains a line of reject_list. Choose another.")
        assert sqlite_server.opens("user1", CHOSEN)

    @pytest.mark.parametrize(("username", "reason"), [("usr1", "No such user"), ("pending1", "not approved")])
    def test_unknown_user_is_not_asked_for(
        self, server: Server, invoke: Invoke, username: str, reason: str
    ) -> None:
        """The error comes before the question."""
        error = error_line(invoke(*CHANGE, server.path, username, input=Keyboard()), 22)

        assert reason in error

    def test_policy_depends_on_the_version_of_zato(self, server: Server, invoke: Invoke) -> None:
        """Without the setting, only Zato 3.0 accepts a simple password."""
        server.remove("sso.conf", "min_complexity")
        make_3_0(server.database)
        done = invoke(*CHANGE, server.path, "user1", input=Keyboard(b"correct horse\n" * 2))

        assert done.exit_code == 0
        assert "zxcvbn" not in done.stderr

    def test_stdin_that_is_a_terminal_is_announced(self, sqlite_server: Server, invoke: Invoke) -> None:
        """Otherwise the command would seem to hang."""
        done = invoke(*FROM_STDIN, sqlite_server.path, "user1", input=Keyboard(CHOSEN.encode()))

        assert done.exit_code == 0
        assert done.stderr.startswith("Waiting for the password on stdin")

    @pytest.mark.parametrize(
        ("keys", "code", "reason"),
        [
            (Interrupted(), 130, "Aborted."),
            (Keyboard(), 1, "Aborted."),
            (Keyboard(b"latin-1-\xe9\n" * 6), 2, "not UTF-8"),
            (Keyboard(b"with\ttab\n" * 6), 2, "control character"),
            (Keyboard(b"short\n" * 6), 21, "shorter than min_length=8"),
        ],
    )
    def test_aborted_or_untypable_input_changes_nothing(
        self, sqlite_server: Server, invoke: Invoke, keys: Keyboard, code: int, reason: str
    ) -> None:
        """The last line says why."""
        done = invoke(*CHANGE, sqlite_server.path, "user1", input=keys)

        assert done.exit_code == code
        assert reason in done.stderr.splitlines()[-1]
        assert sqlite_server.opens("user1", OLD)


class TestOutput:
    """Results and errors."""

    def test_json_has_no_password(self, sqlite_server: Server, invoke: Invoke) -> None:
        """The other fields are those of a reset."""
        done = invoke(*FROM_STDIN, "--output", "json", sqlite_server.path, "locked1", input=CHOSEN)

        assert json.loads(done.stdout) == {
            "username": "locked1",
            "password_expiry": sqlite_server.database.row("locked1")["password_expiry"].replace(" ", "T")
            + "Z",
            "must_change": False,
            "is_locked": True,
            "warnings": [done.stderr.removeprefix("Warning: ").rstrip("\n")],
        }

    def test_refusal_can_be_json(self, sqlite_server: Server, invoke: Invoke) -> None:
        """The refusal and the hint are fields."""
        done = invoke(*FROM_STDIN, "--output", "json", sqlite_server.path, "user1", input="short")

        assert (done.exit_code, done.stdout) == (21, "")
        assert json.loads(done.stderr) == {
            "error": "The server's password policy refuses this password: it is shorter than min_length=8.",
            "exit_code": 21,
            "hint": "Choose another.",
        }

    @pytest.mark.parametrize("option", ["--output-file out", "> out"])
    def test_file_needs_no_warning(self, sqlite_server: Server, option: str) -> None:
        """The line has no password, so other users may read it."""
        command = f'umask 022; exec zato "$@" {option}'
        done = shell(command, *FROM_STDIN, sqlite_server.path, "user1", input=CHOSEN)

        said = "The result is in `out`.\n" if option.startswith("--") else ""
        assert (done.returncode, done.stdout, done.stderr) == (0, "", said)
        assert Path("out").read_text() == CHANGED

    def test_dry_run_checks_the_policy(self, server: Server, invoke: Invoke) -> None:
        """Nothing is changed."""
        before = tables(server)
        done = invoke(*FROM_STDIN, "--dry-run", server.path, "user1", input=CHOSEN)
        refused = invoke(*FROM_STDIN, "--dry-run", server.path, "user1", input="short")

        assert (done.exit_code, done.stdout, refused.exit_code) == (0, "", 21)
        assert re.fullmatch(
            r"Would change the password of user `user1`: it expires at .+Z, and need not be changed "
            r"at the next login\. Nothing was changed\.\n",
            done.stderr,
        )
        assert tables(server) == before

    def test_full_stdout_keeps_the_old_password(self, sqlite_server: Server) -> None:
        """Row 4: the error does not claim that a password was printed."""
        done = shell('exec zato "$@" >/dev/full', *FROM_STDIN, sqlite_server.path, "user1", input=CHOSEN)

        error = error_line(done, 74)
        assert "Nothing was changed." in error
        assert "printed" not in error
        assert sqlite_server.opens("user1", OLD)

    @pytest.mark.parametrize("option", ["--password-stdin", f"--password={CHOSEN}", None])
    @pytest.mark.parametrize("username", ["user1", "nobody"])
    def test_password_is_in_no_file_or_stream(
        self, sqlite_server: Server, invoke: Invoke, option: str | None, username: str
    ) -> None:
        """Neither --store-log nor --store-config nor --verbose shows it."""
        keys = Keyboard(f"{CHOSEN}\n{CHOSEN}\n".encode())
        options = (*([option] if option else []), "--store-log", "--store-config", "--verbose")
        done = invoke(*CHANGE, *options, sqlite_server.path, username, input=CHOSEN if option else keys)

        assert done.exit_code == (0 if username == "user1" else 22)
        texts = [done.stdout, done.stderr, *(file.read_text() for file in Path.cwd().iterdir())]
        assert len(texts) == 4
        assert not any(CHOSEN in text or "pass-W" in text for text in texts)
