"""`zato sso reset-user-passwords`: its arguments, its questions, its output."""

import os
import pty
import re
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.conftest import ZATO
from tests.support.bulk import (
    OUT,
    RESET,
    all_rows,
    as_time,
    assert_all_old,
    assert_valid,
    bulk_arguments,
    listed,
    names,
    records,
)
from tests.support.servers import USERS, Server, insert_user, insert_users
from zato_sso_reset.cli.json_lines import LinesFile
from zato_sso_reset.cli.users_file import usernames_of
from zato_sso_reset.host.program import zato
from zato_sso_reset.services import bulk_reset as bulk
from zato_sso_reset.services import selection

Invoke = Callable[..., Result]

APPROVED = {"user1", "locked1", "MixedCase", "changing1"}


def assert_refused(server: Server, done: Result, exit_code: int, *words: str) -> None:
    """See one line on stderr that has `words`, nothing on stdout, no new file, and nobody reset."""
    assert (done.exit_code, done.stdout) == (exit_code, ""), done.stderr
    assert re.fullmatch("Error: .+\n", done.stderr)
    assert done.stderr[:-1].isprintable()
    for word in words:
        assert word in done.stderr
    assert not OUT.exists()
    assert_all_old(server)


class TestUsage:
    """What can't be meant."""

    @pytest.mark.parametrize(
        "args",
        [
            ["--output-file", "out.jsonl"],
            ["--all"],
            ["--all", "--users-from", "users.txt", "--output-file", "out.jsonl"],
            ["--users-from", "users.txt", "--exclude", "user1", "--output-file", "out.jsonl"],
            ["--all", "--exclude", "", "--output-file", "out.jsonl"],
            ["--all", "--exclude", "a\x1b[31m", "--output-file", "out.jsonl"],
            ["--all", "--resume", "--output-file", "-"],
            ["--all", "--jobs", "0", "--output-file", "out.jsonl"],
            ["--all", "--jobs", "1025", "--output-file", "out.jsonl"],
            ["--all", "--jobs", "two", "--output-file", "out.jsonl"],
            ["--all", "--expiry", "0", "--output-file", "out.jsonl"],
            ["--all", "--expiry", "2932898", "--output-file", "out.jsonl"],
            ["--all", "--must-change", "maybe", "--output-file", "out.jsonl"],
            ["--users-from", "no-such\x1bfile", "--output-file", "out.jsonl"],
            ["--users-from", ".", "--output-file", "out.jsonl"],
        ],
    )
    def test_is_refused(self, sqlite_server: Server, invoke: Invoke, args: list[str]) -> None:
        """A mistake on the command line ends with 2 before anything is changed or made."""
        listed("user1")

        assert_refused(sqlite_server, invoke(*RESET, sqlite_server.path, "--yes", *args), 2)

    @pytest.mark.parametrize("args", [["--all"], ["--users-from", "-"]])
    def test_no_terminal_to_ask_on(self, sqlite_server: Server, invoke: Invoke, args: list[str]) -> None:
        """Without --yes and without a terminal, nobody has agreed."""
        done = invoke(*bulk_arguments(sqlite_server, *args, output=OUT), input="user1\n")

        assert_refused(sqlite_server, done, 2, "Add --yes.")

    def test_stdin_is_closed(self, sqlite_server: Server) -> None:
        """A list that is to come from a stdin that is none is a mistake, not a bug."""
        argv = [str(ZATO), *bulk_arguments(sqlite_server, "--users-from", "-", "--yes", output=OUT)]
        done = subprocess.run(
            ["/bin/sh", "-c", 'exec "$0" "$@" <&-', *argv], capture_output=True, text=True, check=False
        )

        assert (done.returncode, done.stdout) == (2, "")
        assert re.fullmatch("Error: .*stdin is closed.*\n", done.stderr)

    def test_stdin_is_closed_here(self, monkeypatch: pytest.MonkeyPatch, sqlite_server: Server) -> None:
        """The same in this process, where Python has no stream then."""
        monkeypatch.setattr(sys, "stdin", None)
        with pytest.raises(SystemExit) as ended:
            zato.main(bulk_arguments(sqlite_server, "--users-from", "-"), prog_name="zato")

        assert ended.value.code == 2

    @pytest.mark.parametrize("path", ["", "no-such-path"])
    def test_path_is_no_server(self, invoke: Invoke, path: str) -> None:
        """PATH must be a server's directory."""
        done = invoke(*RESET, path, "--all", "--yes", "--output-file", OUT)

        assert (done.exit_code, done.stdout) == (23 if path else 2, "")
        assert not OUT.exists()


class TestUsersFrom:
    """`--users-from`: one username a line."""

    @pytest.mark.parametrize(
        "text",
        [
            b"user1\nMixedCase\n",
            b"user1\nMixedCase",
            b"user1\r\nMixedCase\r\n",
            b"\xef\xbb\xbfuser1\nMixedCase\n",
            b"\n\nuser1\n\r\n\nMixedCase\n\n",
            b"\xef\xbb\xbf\nuser1\nMixedCase\n",
        ],
    )
    @pytest.mark.parametrize("source", ["stdin", "file"])
    def test_is_one_name_a_line(
        self, sqlite_server: Server, bulk_reset: Invoke, source: str, text: bytes
    ) -> None:
        """Line ends of any kind, a byte order mark and blank lines are no part of a name."""
        Path("users.txt").write_bytes(text)
        if source == "stdin":
            done = bulk_reset("--users-from", "-", input=text)
        else:
            done = bulk_reset("--users-from", "users.txt")

        assert (done.exit_code, done.stderr) == (0, "Reset the passwords of 2 user(s).\n")
        assert names(done.stdout) == ["user1", "MixedCase"]
        assert_valid(sqlite_server, done.stdout)

    def test_takes_the_longest_name(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """191 characters of four bytes fit, after a byte order mark and before CR LF too."""
        name = "\N{LINEAR B SYLLABLE B008 A}" * 191
        insert_user(sqlite_server, 9, name, {})
        done = bulk_reset("--users-from", "-", input=b"\xef\xbb\xbf" + name.encode() + b"\r\n")

        assert names(done.stdout) == [name]
        assert_valid(sqlite_server, done.stdout)

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            (b"user1\nuse\xffr\n", "line 2: Not UTF-8"),
            ("user1\n".encode("utf-16"), "line 1: Not UTF-8"),
            (b"user1\n\n\xc3\n", "line 3: Not UTF-8"),
            (b"user1\n" + b"a" * 192, "line 2: `aaaa"),
            (b"a" * 100_000, "longer than 191"),
            ("\N{LINEAR B SYLLABLE B008 A}".encode() * 100_000, "line 1: Longer than any username"),
            (b"user1\nuser\x1b[31m\n", "line 2: `user\\x1b[31m` has control"),
            (b"user\0\n", "line 1: `user\\x00` has control"),
            (b"user1\rMixedCase\r", "line 1: `user1\\rMixedCase` has control"),
            ("user1\u202e\n".encode(), "line 1: `user1\\u202e` has control"),
        ],
    )
    def test_is_no_list(self, sqlite_server: Server, bulk_reset: Invoke, text: bytes, words: str) -> None:
        """What no name can have is refused with its line, before anything is looked up or made."""
        done = bulk_reset("--users-from", "-", input=text, output=OUT)

        assert_refused(sqlite_server, done, 2, words)
        assert len(done.stderr) < 400

    def test_can_not_be_read(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """A file that opens and then fails is named as the reason."""
        done = bulk_reset("--users-from", "/proc/self/mem", output=OUT)

        assert_refused(sqlite_server, done, 2, "--users-from, line 0: Input/output error.")

    @pytest.mark.parametrize("text", [b"", b"\n\n", b"\xef\xbb\xbf"])
    @pytest.mark.parametrize("option", [[], ["--skip-missing"]])
    def test_is_empty(
        self, sqlite_server: Server, bulk_reset: Invoke, text: bytes, option: list[str]
    ) -> None:
        """An empty list is a mistake."""
        done = bulk_reset("--users-from", "-", *option, input=text, output=OUT)

        assert_refused(sqlite_server, done, 22, "There is no user to reset.")

    def test_comes_after_the_key(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """Where key1 is read from stdin, that is the first line and the names are all the others."""
        sqlite_server.edit("secrets.conf", "secret_keys", key1="zato+stdin:///")
        text = f"{sqlite_server.key}\nuser1\nMixedCase\n"
        done = bulk_reset("--users-from", "-", input=text)

        assert done.exit_code == 0
        assert names(done.stdout) == ["user1", "MixedCase"]

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.binary(max_size=2000)
        | st.lists(st.sampled_from([*USERS, "x", "", "\r"])).map(lambda lines: "\n".join(lines).encode())
    )
    @example(b"\xef\xbb\xbf" * 700)
    def test_may_be_anything(self, bulk_reset: Invoke, text: bytes) -> None:
        """Whatever the bytes are, users are reset or one line tells why not."""
        done = bulk_reset("--users-from", "-", "--dry-run", input=text)

        assert done.exit_code in {0, 2, 22}
        assert done.stdout == ""
        assert done.stderr.count("\n") == 1
        assert done.stderr[:-1].isprintable()

    @given(st.lists(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp", "Cf"]), max_size=191)))
    def test_gives_back_the_names(self, lines: list[str]) -> None:
        """What is written a line each comes back, blank lines left out."""
        text = "".join(f"{line}\n" for line in lines).encode()

        assert list(usernames_of(BytesIO(text))) == [line for line in lines if line]


class TestLookUp:
    """All are looked up before anybody is reset."""

    def test_names_the_first_ten_and_the_count(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """Those who can't be reset are named with the reason; nobody is reset, no file is made."""
        missing = [f"missing{number}" for number in range(12)]
        path = listed("user1", "pending1", "USER1", "MixedCase", "user1", *missing)
        done = bulk_reset("--users-from", path, output=OUT)

        assert_refused(
            sqlite_server,
            done,
            22,
            "15 can't be reset: `user1` (there twice), `pending1` (not approved, but before_decision), "
            "`USER1` (no such user), `missing0` (no such user)",
            "`missing6` (no such user) and 5 more. Correct the list, or add --skip-missing.",
        )
        assert "missing7" not in done.stderr

    def test_ten_have_no_more(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """Ten are all named."""
        path = listed(*(f"missing{number}" for number in range(10)))

        done = bulk_reset("--users-from", path, output=OUT)

        assert_refused(sqlite_server, done, 22, "10 can't be reset", "`missing9` (no such user). Correct")

    def test_skip_missing(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """The others are reset, one who is listed twice once; a warning names those who are left out."""
        path = listed("user1", "pending1", "USER1", "MixedCase", "user1", "nobody")
        done = bulk_reset("--users-from", path, "--skip-missing")

        assert done.exit_code == 0
        assert re.fullmatch(
            r"Warning: 4 can't be reset: `user1` .+, `nobody` \(no such user\)\. They are left out; .+\n"
            r"Reset the passwords of 2 user\(s\)\.\n",
            done.stderr,
        )
        assert names(done.stdout) == ["user1", "MixedCase"]
        assert_valid(sqlite_server, done.stdout)

    def test_nobody_is_left(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """With all of them left out, there is nobody to reset."""
        done = bulk_reset("--users-from", listed("nobody"), "--skip-missing", output=OUT)

        assert (done.exit_code, done.stdout) == (22, "")
        assert done.stderr.endswith("Error: There is no user to reset.\n")
        assert_all_old(sqlite_server)

    @pytest.mark.parametrize("name", ["' OR 1=1 --", "%", "user_", "user1 ", " user1", "use\u0301r1"])
    def test_is_taken_literally(self, sqlite_server: Server, bulk_reset: Invoke, name: str) -> None:
        """A name is neither a pattern nor SQL, and nothing in it is normalised."""
        assert_refused(sqlite_server, bulk_reset("--users-from", listed(name), output=OUT), 22, f"`{name}`")


class TestAll:
    """`--all` and `--exclude`."""

    def test_is_all_who_are_approved(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """Whoever is not approved is left out."""
        done = bulk_reset("--all")

        assert done.exit_code == 0
        assert set(names(done.stdout)) == APPROVED
        assert_valid(sqlite_server, done.stdout)

    def test_leaves_out_who_is_excluded(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """Each --exclude leaves out one, approved or not."""
        done = bulk_reset("--all", "--exclude", "locked1", "--exclude=MixedCase", "--exclude", "pending1")

        assert done.exit_code == 0
        assert set(names(done.stdout)) == {"user1", "changing1"}
        assert_valid(sqlite_server, done.stdout)

    def test_who_is_excluded_must_be_there(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """A name that was misspelt would leave out nobody."""
        done = bulk_reset("--all", "--exclude", "LOCKED1", "--exclude", "user1", output=OUT)

        assert_refused(sqlite_server, done, 22, "No such user `LOCKED1`, who is to be excluded")

    def test_nobody_is_left(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """A server whose users are all left out has nobody to reset."""
        excluded = [f"--exclude={name}" for name in APPROVED]

        assert_refused(sqlite_server, bulk_reset("--all", *excluded, output=OUT), 22, "no user to reset")

    def test_names_with_control_characters(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """A name that only a database could hold is one name, and leads to no other user."""
        name = "x\0user1\n\x1b[31m"
        insert_user(sqlite_server, 9, name, {})
        done = bulk_reset("--all", "--exclude", "user1")

        assert done.exit_code == 0
        assert set(names(done.stdout)) == APPROVED - {"user1"} | {name}
        assert done.stdout.isascii()
        assert_valid(sqlite_server, done.stdout)


class TestManyUsers:
    """More than one page is looked up, and more than one batch written."""

    @pytest.fixture(autouse=True)
    def _small(self, monkeypatch: pytest.MonkeyPatch, sqlite_server: Server) -> None:
        monkeypatch.setattr(selection, "PAGE", 4)
        monkeypatch.setattr(bulk, "BATCH", 3)
        monkeypatch.setattr(bulk, "AHEAD", 6)
        sqlite_server.edit("sso.conf", "hash_secret", rounds="1")
        insert_users(sqlite_server, [f"many{number}" for number in range(20)])

    @pytest.mark.parametrize("jobs", [[], ["--jobs", "1"], ["--jobs=7"]])
    @pytest.mark.parametrize("output", ["-", OUT])
    def test_each_has_one_line(
        self, sqlite_server: Server, bulk_reset: Invoke, jobs: list[str], output: object
    ) -> None:
        """Nobody is missed, and nobody is done twice."""
        done = bulk_reset("--all", *jobs, output=output)
        text = OUT.read_text() if output is OUT else done.stdout

        assert (done.exit_code, done.stderr) == (0, "Reset the passwords of 24 user(s).\n")
        assert len(names(text)) == 24
        assert len({record.password_expiry for record in records(text)}) == 8
        assert_valid(sqlite_server, text)

    def test_a_list_has_its_order_by_batches(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """The batches follow the list; those who are not in it are left alone."""
        wanted = [f"many{number}" for number in range(19, 6, -1)]
        done = bulk_reset("--users-from", listed(*wanted))

        assert set(names(done.stdout)[:3]) == {"many19", "many18", "many17"}
        assert set(names(done.stdout)) == set(wanted)
        assert_valid(sqlite_server, done.stdout)

    @pytest.fixture
    def who_go(self, sqlite_server: Server) -> None:
        """Have a whole batch of users gone, or not approved any more, once the first is reset."""
        sqlite_server.database.run(
            "CREATE TRIGGER go AFTER UPDATE ON zato_sso_user WHEN new.username = 'user1' BEGIN "
            "UPDATE zato_sso_user SET username = 'gone' WHERE username = 'many8'; "
            "DELETE FROM zato_sso_user WHERE username = 'many9'; "
            "UPDATE zato_sso_user SET approval_status = 'rejected' WHERE username = 'many10'; END"
        )

    @pytest.mark.usefixtures("who_go")
    def test_who_goes_meanwhile(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """A listed user who was there at the look-up and is not any more ends the run; --resume goes on."""
        users = listed("user1", *(f"many{number}" for number in range(20)))
        done = bulk_reset("--users-from", users, output=OUT)

        assert (done.exit_code, done.stdout) == (22, "")
        assert re.fullmatch(
            "Error: No such user any more, or not approved: `many8`. So far, [0-9]+ of 21 users are done. "
            "Run the command again with --resume.\n",
            done.stderr,
        )
        assert_valid(sqlite_server, OUT.read_text())
        again = bulk_reset("--users-from", users, "--resume", "--skip-missing", output=OUT)
        assert again.exit_code == 0
        assert len(names(OUT.read_text())) == 18
        assert_valid(sqlite_server, OUT.read_text())

    @pytest.mark.usefixtures("who_go")
    def test_who_goes_meanwhile_was_not_asked_for(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """With --all the others are reset, and the count is of those."""
        done = bulk_reset("--all", output=OUT)

        assert done.exit_code == 0
        assert done.stderr == (
            "Warning: 3 user(s) went meanwhile, or are not approved any more. They are left out.\n"
            "Reset the passwords of 21 user(s).\n"
        )
        assert len(names(OUT.read_text())) == 21
        assert_valid(sqlite_server, OUT.read_text())

    def test_who_went_after_a_reset(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """Whoever has a line already is not looked up again."""
        path = listed("user1", "many1", "many2", "many3")
        bulk_reset("--users-from", listed("user1", "many1"), output=OUT)
        sqlite_server.database.run("DELETE FROM zato_sso_user WHERE username = 'many1'")
        listed("user1", "many1", "many2", "many3")
        done = bulk_reset("--users-from", path, "--resume", output=OUT)

        assert (done.exit_code, done.stderr) == (0, "Reset the passwords of 2 user(s).\n")
        assert set(names(OUT.read_text())) == {"user1", "many1", "many2", "many3"}


def identity(path: Path) -> tuple[int, ...]:
    """Return what changes where a file is written to or replaced."""
    status = path.lstat()
    return status.st_ino, status.st_mode, status.st_size, status.st_mtime_ns


class TestOutputFile:
    """`--output-file`, and what goes there."""

    def test_is_new_and_private(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """Even without a umask its owner alone can read it; stdout stays empty."""
        before = os.umask(0)
        try:
            done = bulk_reset("--all", output=OUT)
        finally:
            os.umask(before)

        assert (done.exit_code, done.stdout, done.stderr) == (0, "", "Reset the passwords of 4 user(s).\n")
        assert stat.S_IMODE(OUT.stat().st_mode) == 0o600
        assert_valid(sqlite_server, OUT.read_text())

    @pytest.mark.parametrize("make", ["file", "folder", "link", "dangling link", "fifo"])
    def test_is_never_written_over(self, sqlite_server: Server, bulk_reset: Invoke, make: str) -> None:
        """Whatever has the name already stays as it is, and leads nowhere."""
        there = Path("there")
        if make == "file":
            there.write_text("kept")
        elif make == "folder":
            there.mkdir()
        elif make == "fifo":
            os.mkfifo(there)
        else:
            there.symlink_to("victim")
            if make == "link":
                Path("victim").write_text("kept")
        before = identity(there)
        done = bulk_reset("--all", output=there)

        assert_refused(sqlite_server, done, 73, "`there` is there already. Give another, or add --resume")
        assert identity(there) == before
        assert make != "link" or Path("victim").read_text() == "kept"
        assert make == "link" or not Path("victim").exists()

    @pytest.mark.parametrize("path", ["no/such/folder", "users.txt/out", "x" * 300])
    def test_can_not_be_made(self, sqlite_server: Server, bulk_reset: Invoke, path: str) -> None:
        """Where it can't be made, nobody is reset."""
        assert_refused(
            sqlite_server, bulk_reset("--users-from", listed("user1"), output=path), 73, "can't be made"
        )

    @pytest.mark.parametrize(
        ("args", "flags"),
        [
            ([], {"user1": False, "changing1": True}),
            (["--must-change", "true"], {"user1": True, "changing1": True}),
            (["--must-change", "false"], {"user1": False, "changing1": False}),
        ],
    )
    def test_tells_must_change_as_it_stands(
        self, sqlite_server: Server, bulk_reset: Invoke, args: list[str], flags: dict[str, bool]
    ) -> None:
        """It is what the option says, or what the user had."""
        done = bulk_reset("--users-from", listed("user1", "changing1"), *args)

        assert {record.username: record.must_change for record in records(done.stdout)} == flags
        assert_valid(sqlite_server, done.stdout)

    def test_tells_when_the_password_expires(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """In ISO 8601 of UTC, so many days after it was set."""
        done = bulk_reset("--all", "--expiry", "3")
        (expiry,) = {record.password_expiry for record in records(done.stdout)}

        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", expiry)
        for name in APPROVED:
            row = sqlite_server.database.row(name)
            assert as_time(row["password_expiry"]) == datetime.fromisoformat(expiry[:-1])
            assert as_time(row["password_expiry"]) - as_time(row["password_last_set"]) == timedelta(days=3)
        assert_valid(sqlite_server, done.stdout)

    @pytest.mark.parametrize(("mode", "warned"), [(0o644, True), (0o600, False)])
    def test_warns_of_a_file_that_others_can_read(
        self, sqlite_server: Server, mode: int, *, warned: bool
    ) -> None:
        """Where stdout is such a file, a warning says what to do."""
        OUT.touch()
        OUT.chmod(mode)
        argv = [str(ZATO), *bulk_arguments(sqlite_server, "--all", "--yes")]
        with OUT.open("w") as stdout:
            done = subprocess.run(argv, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False)

        assert done.returncode == 0
        assert (re.search("^Warning: .+chmod 600", done.stderr, re.MULTILINE) is not None) is warned
        assert_valid(sqlite_server, OUT.read_text())

    @pytest.mark.parametrize("redirection", [">/dev/full", ">&-", "1</dev/null"])
    def test_stdout_fails(self, sqlite_server: Server, redirection: str) -> None:
        """A stdout that takes nothing ends the run with 74 and nobody reset."""
        argv = [str(ZATO), *bulk_arguments(sqlite_server, "--all", "--yes")]
        done = subprocess.run(
            ["/bin/sh", "-c", f'exec "$0" "$@" {redirection}', *argv],
            capture_output=True,
            text=True,
            check=False,
        )

        assert (done.returncode, done.stdout) == (74, "")
        assert re.fullmatch("Error: .+\n", done.stderr)
        assert_all_old(sqlite_server)

    def test_stdout_is_not_needed_for_a_file(self, sqlite_server: Server) -> None:
        """With every stream closed, no file of ours gets the number of one, and the file gets its lines."""
        argv = [str(ZATO), *bulk_arguments(sqlite_server, "--all", "--yes", output=OUT)]
        done = subprocess.run(["/bin/sh", "-c", 'exec "$0" "$@" <&- >&- 2>&-', *argv], check=False)

        assert done.returncode == 0
        assert_valid(sqlite_server, OUT.read_text())


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
            slow = LinesFile.write

            def write(*args: Any) -> None:
                time.sleep(0.6)
                slow(*args)

            context.setattr(LinesFile, "write", write)
            code, _ = terminal.run("", *bulk_arguments(sqlite_server, "--all", "--yes", output=OUT))
        shown = terminal.seen()

        assert code == 0
        assert "Resetting" in shown
        assert "10/24" in shown
        assert re.search(r"20/24  00:00:0\d  \d+ a second", shown)
        assert_valid(sqlite_server, OUT.read_text())

    def test_terminal_goes_away(self, sqlite_server: Server, terminal: Terminal) -> None:
        """Nobody sees the bar any more, and everybody is reset all the same."""
        with terminal.monkeypatch.context() as context:
            write = LinesFile.write

            def hang_up(*args: Any) -> None:
                os.close(terminal.master)
                write(*args)

            context.setattr(LinesFile, "write", hang_up)
            kept = os.dup(2)
            try:
                code, _ = terminal.run("", *bulk_arguments(sqlite_server, "--all", "--yes", output=OUT))
            finally:
                os.dup2(kept, 2)
                os.close(kept)

        assert code == 0
        assert_valid(sqlite_server, OUT.read_text())


class TestDryRun:
    """`--dry-run`."""

    @pytest.mark.parametrize("output", ["-", OUT])
    def test_changes_nothing(self, sqlite_server: Server, bulk_reset: Invoke, output: object) -> None:
        """It tells what would be done, rolls back, and makes no file."""
        before = all_rows(sqlite_server.database)
        done = bulk_reset("--all", "--dry-run", output=output)

        assert (done.exit_code, done.stdout) == (0, "")
        assert done.stderr == (
            "Would reset the passwords of 4 user(s), 0 of them super-user(s). Nothing was changed.\n"
        )
        assert all_rows(sqlite_server.database) == before
        assert not OUT.exists()

    def test_needs_no_answer(self, sqlite_server: Server, invoke: Invoke) -> None:
        """There is nothing to agree to."""
        assert invoke(*bulk_arguments(sqlite_server, "--all", "--dry-run", output=OUT)).exit_code == 0

    @pytest.mark.parametrize("end", ["", "half a line"])
    def test_of_a_resume(self, bulk_reset: Invoke, end: str) -> None:
        """The file stays as it is, half a line at its end too."""
        bulk_reset("--users-from", listed("user1"), output=OUT)
        before = OUT.read_text() + end
        OUT.write_text(before)
        done = bulk_reset("--all", "--resume", "--dry-run", output=OUT)

        assert (done.exit_code, done.stdout) == (0, "")
        assert "Would reset the passwords of 3 user(s)" in done.stderr
        assert OUT.read_text() == before

    def test_finds_what_would_fail(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """Even the change itself is tried."""
        sqlite_server.database.run(
            "CREATE TRIGGER no BEFORE UPDATE ON zato_sso_user BEGIN SELECT RAISE(ABORT, 'no'); END"
        )

        assert_refused(sqlite_server, bulk_reset("--all", "--dry-run", output=OUT), 69)


class TestReport:
    """`--verbose` and `--store-log`."""

    def test_never_hold_a_secret(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """What was found where is told; no password, hash or key is."""
        done = bulk_reset("--all", "--verbose", "--store-log", "--expiry", "2", output=OUT)
        (log,) = Path.cwd().glob("zato.*.log")

        assert (done.exit_code, done.stdout) == (0, "")
        for text in (done.stderr, log.read_text()):
            for word in (
                "secrets.conf",
                "PBKDF2-SHA512, 1000 rounds",
                "2 days, from --expiry",
                "4 of 4 users",
            ):
                assert word in text
            for record in records(OUT.read_text()):
                assert record.password not in text
            for secret in (sqlite_server.key, "pbkdf2-sha512$", "gAAAA"):
                assert secret not in text
        assert stat.S_IMODE(log.stat().st_mode) == 0o600

    def test_log_has_the_error(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """Why the command failed is in the log too."""
        done = bulk_reset("--users-from", listed("nobody"), "--store-log", output=OUT)
        (log,) = Path.cwd().glob("zato.*.log")

        assert_refused(sqlite_server, done, 22)
        assert "ERROR 1 can't be reset: `nobody` (no such user)" in log.read_text()
