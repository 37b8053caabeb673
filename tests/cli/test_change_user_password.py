"""`zato sso change-user-password`: where the password comes from, what is refused, what is told."""

import io
import json
import os
import pty
import re
import select
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from fcntl import ioctl
from pathlib import Path

import pytest
from click.testing import Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import ZATO
from tests.support.servers import OLD, Server

Invoke = Callable[..., Result]

CHANGE = ("sso", "change-user-password")

FROM_STDIN = (*CHANGE, "--password-stdin")

CHOSEN = "Chosen: pass-W\u00f6rd \u2713 1"
"""What is not ASCII, has blanks, and no rule refuses."""


def assert_refused(server: Server, done: Result, exit_code: int, reason: str) -> None:
    """See that nothing was changed or printed, and that one line says why, without the password."""
    assert (done.exit_code, done.stdout) == (exit_code, ""), done.stderr
    assert re.fullmatch(r"Error: .+\n", done.stderr)
    assert reason in done.stderr
    assert CHOSEN not in done.stderr
    assert server.opens("user1", OLD)


class TestStdin:
    """`--password-stdin`."""

    def test_sets_that_password(self, server: Server, invoke: Invoke) -> None:
        """One line is printed, and the account opens with what was chosen alone."""
        done = invoke(*FROM_STDIN, server.path, "user1", input=f"{CHOSEN}\n")

        assert (done.exit_code, done.stderr) == (0, "")
        assert done.stdout == "Changed password for user `user1`\n"
        assert server.opens("user1", CHOSEN)
        assert not server.opens("user1", OLD)
        row = server.database.row("user1")
        assert bool(row["password_is_set"])
        set_at = datetime.fromisoformat(f"{row['password_last_set']}+00:00")
        assert abs(datetime.now(timezone.utc) - set_at) < timedelta(minutes=1)

    @pytest.mark.parametrize("end", ["", "\n", "\r\n"])
    def test_end_of_the_line_is_no_part_of_it(self, sqlite_server: Server, invoke: Invoke, end: str) -> None:
        """With or without one, it is the same password; blanks around it are its own."""
        assert invoke(*FROM_STDIN, sqlite_server.path, "user1", input=f" {CHOSEN} {end}").exit_code == 0
        assert sqlite_server.opens("user1", f" {CHOSEN} ")

    def test_options_are_those_of_a_reset(self, sqlite_server: Server, invoke: Invoke) -> None:
        """Expiry, must-change and what lets the user in are set with it."""
        options = ("--expiry", "99", "--must-change", "yes", "--unlock")
        done = invoke(*FROM_STDIN, *options, sqlite_server.path, "locked1", input=CHOSEN)

        row = sqlite_server.database.row("locked1")
        lasts = datetime.fromisoformat(row["password_expiry"]) - datetime.fromisoformat(
            row["password_last_set"]
        )
        assert done.exit_code == 0
        assert lasts == timedelta(days=99)
        assert (row["password_must_change"], row["is_locked"]) == (1, 0)
        assert sqlite_server.opens("locked1", CHOSEN)

    def test_comes_after_a_key1(self, sqlite_server: Server, invoke: Invoke) -> None:
        """A server whose key is read from stdin takes the first line, and leaves the second."""
        sqlite_server.edit("secrets.conf", "secret_keys", key1="zato+stdin:///")
        text = f"{sqlite_server.key}\n{CHOSEN}\n"
        done = invoke(*FROM_STDIN, sqlite_server.path, "user1", input=text)

        assert (done.exit_code, done.stderr) == (0, "")
        assert sqlite_server.opens("user1", CHOSEN)

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (b"", "is empty"),
            (b"\n", "is empty"),
            (b"\r\n", "is empty"),
            (b"two-long-enough\nlines\n", "line break"),
            (b"two-long-enough\n\n", "line break"),
            (b"carriage\rreturn", "line break"),
            ("line\u2028separator".encode(), "line break"),
            (b"has\0a-nul-character", "control character"),
            (b"has-an\x1b[31m-escape", "control character"),
            (b"back\x7fspaced", "control character"),
            (b"latin-1-\xe9\n", "not UTF-8"),
            (b"a-surrogate-\xed\xa0\x80\n", "not UTF-8"),
            (b"x" * 4097, "longer than 4096 bytes"),
        ],
    )
    def test_what_could_not_be_typed_is_refused(
        self, sqlite_server: Server, invoke: Invoke, data: bytes, reason: str
    ) -> None:
        """It is wrong usage, and nothing is changed."""
        done = invoke(*FROM_STDIN, sqlite_server.path, "user1", input=data)

        assert_refused(sqlite_server, done, 2, reason)

    @pytest.mark.parametrize("redirection", ["<&-", "0>/dev/null"])
    def test_can_not_be_read(self, sqlite_server: Server, redirection: str) -> None:
        """A stdin that is none has no password."""
        argv = ["/bin/sh", "-c", f'exec "$0" "$@" {redirection}', str(ZATO), *FROM_STDIN]
        done = subprocess.run(
            [*argv, str(sqlite_server.path), "user1"], capture_output=True, text=True, timeout=60, check=False
        )

        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("Error: The password is empty.")
        assert sqlite_server.opens("user1", OLD)

    @given(
        st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=8, max_size=40),
        st.sampled_from(["", "\n"]),
    )
    @settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_any_other_verifies_afterwards(
        self, sqlite_server: Server, invoke: Invoke, password: str, end: str
    ) -> None:
        """What the policy takes opens the account, whatever is in it."""
        done = invoke(*FROM_STDIN, sqlite_server.path, "user1", input=f"{password}{end}".encode())

        assert done.exit_code == 0 or "contains a line of reject_list" in done.stderr
        assert sqlite_server.opens("user1", password) is (done.exit_code == 0)


class TestWrongArguments:
    """What is not understood, and may be the password."""

    @pytest.mark.parametrize(
        "arguments",
        [
            [CHOSEN],
            ["--password-stdin", CHOSEN],
            [f"--password-stdin={CHOSEN}"],
            [f"-p{CHOSEN}"],
            ["-p", CHOSEN],
            [f"--pw={CHOSEN}"],
            [f"--zzz={CHOSEN}"],
            [f"--password{CHOSEN}"],
            ["--passwd", CHOSEN],
            ["--", CHOSEN],
            ["--output=json", CHOSEN],
        ],
    )
    def test_are_not_shown(self, sqlite_server: Server, invoke: Invoke, arguments: list[str]) -> None:
        """Neither whole nor its beginning."""
        done = invoke(*CHANGE, sqlite_server.path, "user1", *arguments)

        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr.count("\n") == 1
        assert CHOSEN[:6] not in done.stderr
        assert sqlite_server.opens("user1", OLD)

    def test_near_options_are(self, sqlite_server: Server, invoke: Invoke) -> None:
        """An option of ours that may be meant holds no password."""
        done = invoke(*CHANGE, sqlite_server.path, "user1", "--must-chage", "yes")

        assert done.exit_code == 2
        assert "Did you mean `--must-change`?" in done.stderr


class TestPolicy:
    """The server's own rules, each named where it refuses."""

    @pytest.mark.parametrize(
        ("rule", "password", "refusal"),
        [
            ("min_length = 12", "12345-78901", "it is shorter than min_length=12"),
            ("max_length = 12", "12345-7890123", "it is longer than max_length=12"),
            ('reject_list = "letmein"', "so-LetMeIn-please", "it contains a line of reject_list"),
            ("min_complexity = 4", "correct horse", "its zxcvbn score is below min_complexity=4"),
        ],
    )
    def test_refuses(
        self, sqlite_server: Server, invoke: Invoke, rule: str, password: str, refusal: str
    ) -> None:
        """The exit code is 21, and the old password stays."""
        sqlite_server.override(f"[password]\n{rule}\n")
        done = invoke(*FROM_STDIN, sqlite_server.path, "user1", input=password)

        assert_refused(sqlite_server, done, 21, f"refuses this password: {refusal}. Choose another.")
        assert password not in done.stderr

    @pytest.mark.parametrize(("length", "code"), [(12, 0), (11, 21)])
    def test_counts_characters(self, sqlite_server: Server, invoke: Invoke, length: int, code: int) -> None:
        """A password of the least length is taken, and bytes are no matter."""
        sqlite_server.override("[password]\nmin_length = 12\n")
        done = invoke(*FROM_STDIN, sqlite_server.path, "user1", input="\u2713" * length)

        assert done.exit_code == code


class TestInArguments:
    """`--password`."""

    def test_sets_that_password_and_warns(self, sqlite_server: Server, invoke: Invoke) -> None:
        """It is done, and a warning says what is better."""
        done = invoke(*CHANGE, "--password", CHOSEN, sqlite_server.path, "user1")

        assert (done.exit_code, done.stdout) == (0, "Changed password for user `user1`\n")
        assert re.fullmatch(r"Warning: --password shows .+ Use --password-stdin\.\n", done.stderr)
        assert CHOSEN not in done.stderr
        assert sqlite_server.opens("user1", CHOSEN)

    @pytest.mark.parametrize(
        ("password", "reason"),
        [("", "is empty"), ("a\nlong-enough", "line break"), ("latin-1-\udce9", "UTF-8")],
    )
    def test_is_refused_as_from_stdin(
        self, sqlite_server: Server, invoke: Invoke, password: str, reason: str
    ) -> None:
        """What could not be typed is wrong usage here too."""
        done = invoke(*CHANGE, f"--password={password}", sqlite_server.path, "user1")

        assert (done.exit_code, done.stdout) == (2, "")
        assert reason in done.stderr.splitlines()[1]
        assert sqlite_server.opens("user1", OLD)

    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            ((), "There is no terminal to ask on. Add --password-stdin."),
            (("--password-stdin", "--password", CHOSEN), "Use either --password-stdin or --password."),
            (("--password-stdin", "--output", "password"), "'--output'"),
        ],
    )
    def test_mistakes(
        self, sqlite_server: Server, invoke: Invoke, options: tuple[str, ...], reason: str
    ) -> None:
        """One way it must be, and only one; nobody waits for an answer that can't come."""
        done = invoke(*CHANGE, *options, "no-such-path", "user1", input=CHOSEN)

        assert_refused(sqlite_server, done, 2, reason)


@dataclass
class Typist:
    """Somebody at the terminal of a process."""

    process: "subprocess.Popen[str]"
    terminal: int
    seen: str = ""

    def answer(self, question: str, answer: str) -> None:
        """Type an answer, once the question is shown and the echo is off."""
        while question not in self.seen or self.echoes:
            self._look()
        self.seen = self.seen.partition(question)[2]
        os.write(self.terminal, answer.encode())

    @property
    def echoes(self) -> bool:
        """Whether the terminal shows what is typed."""
        return bool(termios.tcgetattr(self.terminal)[3] & termios.ECHO)

    def end(self) -> tuple[int, str]:
        """Return exit code and stdout."""
        stdout, _ = self.process.communicate(timeout=30)
        with suppress(OSError):
            self._look()
        return self.process.returncode, stdout

    def _look(self) -> None:
        if select.select([self.terminal], [], [], 0.01)[0]:
            self.seen += os.read(self.terminal, 4096).decode()
        assert time.monotonic() < self._until, self.seen

    def __post_init__(self) -> None:
        self._until = time.monotonic() + 30


@pytest.fixture
def typist(sqlite_server: Server) -> Iterator[Typist]:
    """Change the password of `user1`, in a process that has a terminal of its own."""
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
    """The prompt, of a real process on a real terminal."""

    def test_asks_twice_and_shows_nothing(self, sqlite_server: Server, typist: Typist) -> None:
        """What differs is asked for again; nothing of it is echoed, and stdout is as ever."""
        for first, second in ((CHOSEN, "something else"), (CHOSEN, CHOSEN)):
            typist.answer("New password", f"{first}\n")
            typist.answer("Repeat for confirmation", f"{second}\n")
        shown = typist.seen
        code, stdout = typist.end()

        assert (code, stdout) == (0, "Changed password for user `user1`\n")
        assert "pass-W" not in shown + typist.seen
        assert typist.echoes
        assert sqlite_server.opens("user1", CHOSEN)

    @pytest.mark.parametrize(("key", "code"), [("\x03", 130), ("\x04", 1)])
    def test_is_given_up(self, sqlite_server: Server, typist: Typist, key: str, code: int) -> None:
        """On Ctrl-C and Ctrl-D nothing is changed, and the terminal shows again what is typed."""
        typist.answer("New password", f"{CHOSEN}\n")
        typist.answer("Repeat for confirmation", key)

        assert typist.end() == (code, "")
        assert typist.seen.endswith("Aborted.\r\n")
        assert typist.echoes
        assert sqlite_server.opens("user1", OLD)


class Keyboard(io.BytesIO):
    """A stdin that is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


class Interrupted(Keyboard):
    """A stdin on which somebody presses Ctrl-C."""

    def read1(self, _size: int | None = -1, /) -> bytes:
        """Do so."""
        raise KeyboardInterrupt


class TestPrompt:
    """The prompt, in this process."""

    def test_sets_that_password(self, server: Server, invoke: Invoke) -> None:
        """What was typed twice opens the account; an empty one is asked for again."""
        keys = Keyboard(f"\n{CHOSEN}\n{CHOSEN}\n".encode())
        done = invoke(*CHANGE, server.path, "user1", input=keys)

        assert done.exit_code == 0
        assert done.stdout.endswith("Changed password for user `user1`\n")
        assert server.opens("user1", CHOSEN)

    @pytest.mark.parametrize(
        ("keys", "code", "reason"),
        [
            (Interrupted(), 130, "Aborted."),
            (Keyboard(), 1, "Aborted."),
            (Keyboard(b"latin-1-\xe9\nlatin-1-\xe9\n"), 2, "are not UTF-8"),
            (Keyboard(b"with\ttab\nwith\ttab\n"), 2, "control character"),
        ],
    )
    def test_nothing_is_changed(
        self, sqlite_server: Server, invoke: Invoke, keys: Keyboard, code: int, reason: str
    ) -> None:
        """Whoever gives up, or types what can't be a password, has the old one."""
        done = invoke(*CHANGE, sqlite_server.path, "user1", input=keys)

        assert done.exit_code == code
        assert reason in done.stderr.splitlines()[-1]
        assert sqlite_server.opens("user1", OLD)


class TestOutputs:
    """What is told of it, and where."""

    def test_json_has_no_password(self, sqlite_server: Server, invoke: Invoke) -> None:
        """Whoever chose it knows it; the rest is as of a reset."""
        done = invoke(*FROM_STDIN, "--output", "json", sqlite_server.path, "locked1", input=CHOSEN)

        account = json.loads(done.stdout)
        row = sqlite_server.database.row("locked1")
        expiry = datetime.fromisoformat(account["password_expiry"].removesuffix("Z"))
        assert account == {
            "username": "locked1",
            "password_expiry": f"{row['password_expiry'].replace(' ', 'T')}Z",
            "must_change": False,
            "is_locked": True,
            "warnings": [done.stderr.removeprefix("Warning: ").rstrip("\n")],
        }
        assert expiry == datetime.fromisoformat(row["password_expiry"])

    def test_error_may_be_json(self, sqlite_server: Server, invoke: Invoke) -> None:
        """What refuses the password is told as an object too."""
        done = invoke(*FROM_STDIN, "--output", "json", sqlite_server.path, "user1", input="short")

        assert (done.exit_code, done.stdout) == (21, "")
        assert json.loads(done.stderr) == {
            "error": "The server's password policy refuses this password: it is shorter than min_length=8.",
            "exit_code": 21,
            "hint": "Choose another.",
        }

    def test_file(self, sqlite_server: Server, invoke: Invoke) -> None:
        """The line may go to a file; nobody is warned of it, for it has no password."""
        done = invoke(*FROM_STDIN, "--output-file", "out", sqlite_server.path, "user1", input=CHOSEN)

        assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
        assert Path("out").read_text() == "Changed password for user `user1`\n"

    def test_dry_run(self, server: Server, invoke: Invoke) -> None:
        """The policy is asked, and nothing is changed."""
        before = server.database.dump("zato_sso_user")
        done = invoke(*FROM_STDIN, "--dry-run", server.path, "user1", input=CHOSEN)
        refused = invoke(*FROM_STDIN, "--dry-run", server.path, "user1", input="short")

        assert (done.exit_code, done.stdout, refused.exit_code) == (0, "", 21)
        assert re.fullmatch(
            r"Would change the password of user `user1`: it expires at .+Z, and need not be changed "
            r"at the next login\. Nothing was changed\.\n",
            done.stderr,
        )
        assert server.database.dump("zato_sso_user") == before

    def test_stdout_is_full(self, sqlite_server: Server) -> None:
        """Where it can't be told, it is not done."""
        argv = [str(ZATO), *FROM_STDIN, str(sqlite_server.path), "user1"]
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                argv, input=CHOSEN, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False
            )

        assert done.returncode == 74
        assert re.fullmatch(r"Error: .+ Nothing was changed\. .+\n", done.stderr)
        assert sqlite_server.opens("user1", OLD)

    def test_stdout_is_a_public_file(self, sqlite_server: Server) -> None:
        """There is nothing to hide in it."""
        argv = [str(ZATO), *FROM_STDIN, str(sqlite_server.path), "user1"]
        with Path("out").open("w") as file:
            Path("out").chmod(0o644)
            done = subprocess.run(
                argv, input=CHOSEN, stdout=file, stderr=subprocess.PIPE, text=True, timeout=60, check=False
            )

        assert (done.returncode, done.stderr) == (0, "")
        assert Path("out").read_text() == "Changed password for user `user1`\n"


class TestStoredFiles:
    """`--store-log`, `--store-config` and `--verbose`."""

    ALL = ("--store-log", "--store-config", "--verbose")

    @pytest.mark.parametrize("option", ["--password-stdin", f"--password={CHOSEN}", None])
    @pytest.mark.parametrize("username", ["user1", "nobody"])
    def test_password_is_in_none(
        self, sqlite_server: Server, invoke: Invoke, option: str | None, username: str
    ) -> None:
        """Wherever it comes from, however it ends."""
        keys = Keyboard(f"{CHOSEN}\n{CHOSEN}\n".encode())
        options = [option] if option else []
        done = invoke(
            *CHANGE, *options, *self.ALL, sqlite_server.path, username, input=CHOSEN if option else keys
        )

        assert done.exit_code == (0 if username == "user1" else 22)
        texts = [done.stdout, done.stderr, *(file.read_text() for file in Path.cwd().iterdir())]
        assert len(texts) == 4
        assert not any(CHOSEN in text or "pass-W" in text for text in texts)
