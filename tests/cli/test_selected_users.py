"""Whom `zato sso reset-user-passwords` is to reset: --users-from, --all, --exclude."""

import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from click.testing import Result
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.bulk import APPROVED, OUT, assert_all_old, assert_refused, assert_valid, listed, names
from tests.support.servers import USERS, Server, insert_user
from tests.support.tables import LITERAL_USERNAMES
from zato_sso_reset.cli.users_file import read_usernames

Invoke = Callable[..., Result]


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

        assert_refused(sqlite_server, done, 2, "'--users-from': line 1: Input/output error.")

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

        assert list(read_usernames(BytesIO(text))) == [line for line in lines if line]


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
            "15 can't be reset: `user1` (listed more than once), "
            "`pending1` (not approved, but before_decision), "
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

    @pytest.mark.parametrize("name", LITERAL_USERNAMES)
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

        assert_refused(sqlite_server, done, 22, "No such user `LOCKED1` to exclude")

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
