"""The selection of users for a bulk reset: --users-from, --all, --exclude."""

import re
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.cli.conftest import Invoke
from tests.support.bulk import (
    APPROVED,
    OUT,
    assert_all_old,
    assert_refused,
    assert_valid,
    listed,
    names,
    unwarned,
)
from tests.support.servers import USERS, Server, insert_user
from tests.support.tables import LITERAL_USERNAMES
from zato_sso_reset.cli.users_file import read_usernames

WIDE = "\N{LINEAR B SYLLABLE B008 A}"
"""A character of four bytes."""


class TestUsersFrom:
    """`--users-from`: one username per line."""

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
    @pytest.mark.parametrize("source", ["-", "users.txt"])
    def test_each_line_is_a_username(
        self, sqlite_server: Server, bulk_reset: Invoke, source: str, text: bytes
    ) -> None:
        """Line ends of any kind, a byte order mark and blank lines are not part of a name."""
        Path("users.txt").write_bytes(text)
        done = bulk_reset("--users-from", source, input=text)

        assert (done.exit_code, unwarned(done.stderr)) == (
            0,
            "Done: 2 passwords reset.\n",
        )
        assert names(done.stdout) == ["user1", "MixedCase"]
        assert_valid(sqlite_server, done.stdout)

    def test_longest_username_fits(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """191 characters of four bytes fit between a byte order mark and CR LF."""
        insert_user(sqlite_server, 9, WIDE * 191, {})
        text = b"\xef\xbb\xbf" + (WIDE * 191).encode() + b"\r\n"
        done = bulk_reset("--users-from", "-", input=text)

        assert names(done.stdout) == [WIDE * 191]
        assert_valid(sqlite_server, done.stdout)

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            (b"user1\nuse\xffr\n", "line 2: Not UTF-8"),
            ("user1\n".encode("utf-16"), "line 1: Not UTF-8"),
            (b"user1\n\n\xc3\n", "line 3: Not UTF-8"),
            (b"user1\n" + b"a" * 192, "line 2: `aaaa"),
            (b"a" * 100_000, "longer than 191"),
            (WIDE.encode() * 100_000, "line 1: Longer than any username"),
            (b"user1\nuser\x1b[31m\n", "line 2: `user\\x1b[31m` has control"),
            (b"user\0\n", "line 1: `user\\x00` has control"),
            (b"user1\rMixedCase\r", "line 1: `user1\\rMixedCase` has control"),
            ("user1\u202e\n".encode(), "line 1: `user1\\u202e` has control"),
        ],
    )
    def test_invalid_line_is_a_usage_error(
        self, sqlite_server: Server, bulk_reset: Invoke, text: bytes, words: str
    ) -> None:
        """The error is short, and has the number of the line."""
        done = bulk_reset("--users-from", "-", input=text, output=OUT)

        assert_refused(sqlite_server, done, 2, "Invalid value for '--users-from'", words)
        assert len(done.stderr) < 400

    def test_unreadable_file_is_a_usage_error(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """This file can be opened, but not read."""
        done = bulk_reset("--users-from", "/proc/self/mem", output=OUT)

        assert_refused(sqlite_server, done, 2, "'--users-from': line 1: Input/output error.")

    @pytest.mark.parametrize("text", [b"", b"\n\n", b"\xef\xbb\xbf"])
    @pytest.mark.parametrize("option", [[], ["--skip-missing"]])
    def test_empty_list_is_an_error(
        self, sqlite_server: Server, bulk_reset: Invoke, text: bytes, option: list[str]
    ) -> None:
        """Nothing would be reset."""
        done = bulk_reset("--users-from", "-", *option, input=text, output=OUT)

        assert_refused(sqlite_server, done, 22, "There is no user to reset.")

    def test_list_follows_a_key1_on_stdin(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """If the server's key is read from stdin, it is the first line."""
        sqlite_server.edit("secrets.conf", "secret_keys", key1="zato+stdin:///")
        done = bulk_reset("--users-from", "-", input=f"{sqlite_server.key}\nuser1\nMixedCase\n")

        assert done.exit_code == 0
        assert names(done.stdout) == ["user1", "MixedCase"]

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.binary(max_size=2000)
        | st.lists(st.sampled_from([*USERS, "x", "", "\r"])).map(lambda lines: "\n".join(lines).encode())
    )
    @example(b"\xef\xbb\xbf" * 700)
    def test_any_bytes_have_a_documented_exit_code(self, bulk_reset: Invoke, text: bytes) -> None:
        """One printable line reports the outcome, besides warnings."""
        done = bulk_reset("--users-from", "-", "--dry-run", "--unlock", "--must-change", "false", input=text)

        assert done.exit_code in {0, 2, 22}
        assert done.stdout == ""
        assert done.stderr.count("\n") == 1
        assert done.stderr[:-1].isprintable()

    @given(st.lists(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp", "Cf"]), max_size=191)))
    def test_any_usernames_are_read_unchanged(self, lines: list[str]) -> None:
        """Only blank lines are left out."""
        text = "".join(f"{line}\n" for line in lines).encode()

        assert list(read_usernames(BytesIO(text))) == [line for line in lines if line]


class TestLookUp:
    """All users are looked up before the first is reset."""

    @pytest.mark.parametrize(
        ("users", "words"),
        [
            (
                ["user1", "pending1", "USER1", "MixedCase", "user1", *(f"missing{n}" for n in range(12))],
                [
                    (
                        "15 users can't be reset: `user1` (listed more than once), `pending1` (not approved, "
                        "but before_decision), `USER1` (no such user), `missing0` (no such user)"
                    ),
                    "`missing6` (no such user) and 5 more. Correct the list, or add --skip-missing.",
                ],
            ),
            (
                [f"missing{n}" for n in range(10)],
                ["10 users can't be reset", "`missing9` (no such user). Correct"],
            ),
            *(([name], [f"`{name}` (no such user)"]) for name in LITERAL_USERNAMES),
        ],
    )
    def test_error_names_the_first_ten_problems(
        self, sqlite_server: Server, bulk_reset: Invoke, users: list[str], words: list[str]
    ) -> None:
        """A name is neither a pattern nor SQL, and is not normalised."""
        done = bulk_reset("--users-from", listed(*users), output=OUT)

        assert_refused(sqlite_server, done, 22, *words)
        assert len(users) < 11 or "missing7" not in done.stderr

    def test_skip_missing_resets_the_others(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """A warning names the users left out; a user listed twice is reset once."""
        path = listed("user1", "pending1", "USER1", "MixedCase", "user1", "nobody")
        done = bulk_reset("--users-from", path, "--skip-missing")

        assert done.exit_code == 0
        assert re.fullmatch(
            r"Warning: 4 users can't be reset: `user1` .+, `nobody` \(no such user\)\. They are left out.+\n"
            r"Done: 2 passwords reset\.\n",
            done.stderr,
        )
        assert names(done.stdout) == ["user1", "MixedCase"]
        assert_valid(sqlite_server, done.stdout)

    def test_no_remaining_user_is_an_error(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """The warning comes first."""
        done = bulk_reset("--users-from", listed("nobody"), "--skip-missing", output=OUT)

        assert (done.exit_code, done.stdout) == (22, "")
        assert done.stderr.endswith("Error: There is no user to reset.\n")
        assert_all_old(sqlite_server)


class TestAll:
    """`--all` and `--exclude`."""

    @pytest.mark.parametrize(
        ("exclude", "expected"),
        [
            ([], APPROVED),
            (
                ["--exclude", "locked1", "--exclude=MixedCase", "--exclude", "pending1"],
                {"user1", "changing1"},
            ),
        ],
    )
    def test_approved_users_are_reset(
        self, sqlite_server: Server, bulk_reset: Invoke, exclude: list[str], expected: set[str]
    ) -> None:
        """Each --exclude leaves out a user, approved or not."""
        done = bulk_reset("--all", *exclude)

        assert done.exit_code == 0
        assert set(names(done.stdout)) == expected
        assert_valid(sqlite_server, done.stdout)

    @pytest.mark.parametrize(
        ("exclude", "words"),
        [
            (["LOCKED1", "user1"], "No such user `LOCKED1` to exclude. Did you mean `locked1`?"),
            (APPROVED, "no user to reset"),
        ],
    )
    def test_unknown_or_too_many_exclusions_are_errors(
        self, sqlite_server: Server, bulk_reset: Invoke, exclude: list[str], words: str
    ) -> None:
        """A misspelt name would exclude no user."""
        done = bulk_reset("--all", *(f"--exclude={name}" for name in exclude), output=OUT)

        assert_refused(sqlite_server, done, 22, words)

    def test_control_characters_are_part_of_a_name(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """A name that only the database accepts does not reset another user."""
        name = "x\0user1\n\x1b[31m"
        insert_user(sqlite_server, 9, name, {})
        done = bulk_reset("--all", "--exclude", "user1")

        assert done.exit_code == 0
        assert set(names(done.stdout)) == APPROVED - {"user1"} | {name}
        assert done.stdout.isascii()
        assert_valid(sqlite_server, done.stdout)
