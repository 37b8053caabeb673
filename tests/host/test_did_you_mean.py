"""Suggestions for mistyped usernames, servers, options and commands."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.host.conftest import RESET, Invoke
from tests.support.servers import Server, insert_user, insert_users, quick_server
from zato_sso_reset.database.engine import Database
from zato_sso_reset.database.users import open_users
from zato_sso_reset.errors import UserNotFoundError
from zato_sso_reset.server.database import DatabaseConfig

NAMES = ("eleanor.rigby", "eleanor@example.com")


@st.composite
def mistyped(draw: st.DrawFn) -> tuple[str, str]:
    """Draw a name, and the name with one letter deleted, inserted or replaced, or two swapped."""
    name = draw(st.sampled_from(NAMES))
    at = draw(st.integers(0, len(name) - 2))
    letter = draw(st.sampled_from("abcxyz_%"))
    after = name[at + 1 :]
    edits = (after, letter + name[at:], letter + after, after[0] + name[at] + after[1:])
    return name, name[:at] + draw(st.sampled_from(edits))


@pytest.fixture(scope="module")
def suggest(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Return `suggest` on a database with 1,800 users, most of whom begin or end like `NAMES`."""
    server = quick_server(tmp_path_factory.mktemp("many") / "server1")
    insert_users(server, NAMES)
    for name in ("member{}", "eleanor.{}", "{}.rigby", "{}@example.com"):
        insert_users(server, map(name.format, range(450)))
    database = Database(DatabaseConfig("sqlite", server.database.name))

    def suggest(username: str) -> str:
        with open_users(database, read_only=True) as users:
            return users.suggest(username)

    return suggest


class TestUsernames:
    """A username that does not exist."""

    @given(mistyped().filter(lambda names: names[0] != names[1]))
    @settings(max_examples=25, deadline=None)
    def test_name_with_one_mistake_is_suggested(
        self, suggest: Callable[[str], str], names: tuple[str, str]
    ) -> None:
        """Any letter may be wrong, among thousands of users."""
        meant, username = names

        assert f"`{meant}`" in suggest(username)

    @given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
    @settings(max_examples=25, deadline=None)
    def test_any_name_has_a_hint(self, suggest: Callable[[str], str], username: str) -> None:
        """No name is a pattern, or breaks the statement."""
        assert suggest(username).endswith(("`?", "its case matters."))

    def test_three_nearest_are_suggested(self, server: Server, invoke: Invoke) -> None:
        """The nearest comes first; a name that differs only in case comes alone."""
        for user_id, username in enumerate(("anna", "Annas", "hanna", "joanna", "anna%"), start=9):
            insert_user(server, user_id, username, {})

        def hint(username: str) -> str:
            done = invoke(*RESET, server.path, username)
            assert (done.exit_code, done.stdout) == (22, "")
            return done.stderr.partition(f"No such user `{username}`. ")[2]

        assert hint("ANNAS") == "Did you mean `Annas`?\n"
        assert hint("anan") == "Did you mean `anna` or `hanna` or `Annas`?\n"
        assert hint("uesr1") == "Did you mean `user1`?\n"
        assert hint("USR1") == "Did you mean `user1`?\n"
        assert hint("nobody.like.that") == "Check the name; its case matters.\n"

    def test_name_stored_as_bytes_is_not_suggested(self, sqlite_server: Server) -> None:
        """Row 31: it does not disturb the search either."""
        with closing(sqlite3.connect(sqlite_server.database.name, isolation_level=None)) as connection:
            connection.execute("UPDATE zato_sso_user SET username = ? WHERE id = 5", [b"user2"])
        database = Database(DatabaseConfig("sqlite", sqlite_server.database.name))

        with (
            pytest.raises(UserNotFoundError, match=r"Did you mean `user1`\?$"),
            open_users(database) as users,
        ):
            users.get("user2", lock=False)

    def test_excluded_user_has_suggestions(self, sqlite_server: Server, invoke: Invoke) -> None:
        """--exclude needs an existing user."""
        done = invoke(
            *("sso", "reset-user-passwords", sqlite_server.path, "--all", "--exclude", "user2"),
            *("--output-file", "out", "--yes"),
        )

        assert done.exit_code == 22
        assert "Did you mean `user1`?" in done.stderr


class TestServers:
    """A PATH that does not exist."""

    @pytest.mark.parametrize("command", [RESET, ("sso", "password-status")])
    def test_swapped_arguments_are_recognised(
        self, sqlite_server: Server, invoke: Invoke, command: tuple[str, ...]
    ) -> None:
        """The user exists, and the server too."""
        done = invoke(*command, "user1", sqlite_server.path)

        assert done.exit_code == 23
        assert done.stderr == "Error: No server found at `user1`. PATH comes before USERNAME.\n"

    def test_neighbouring_servers_are_suggested(self, sqlite_server: Server, invoke: Invoke) -> None:
        """The suggestions are written like the given path."""
        (sqlite_server.path.parent / "serve1").mkdir()
        (sqlite_server.path.parent / "server1a").symlink_to(sqlite_server.path)
        done = invoke(*RESET, "../servr1", "user1")

        assert done.exit_code == 23
        assert done.stderr.endswith(
            "`../servr1`. There is no such directory. Did you mean `../server1` or `../server1a`?\n"
        )

    @pytest.mark.parametrize("path", ["../scheduler", "../servr1/config", "missing"])
    def test_other_directories_are_not_suggested(
        self, sqlite_server: Server, invoke: Invoke, path: str
    ) -> None:
        """Only servers in the same directory with a similar name are."""
        assert sqlite_server.path.name == "server1"
        assert invoke(*RESET, path, "user1").stderr.endswith("There is no such directory.\n")

    def test_unreadable_neighbour_is_no_error(self, sqlite_server: Server, invoke: Invoke) -> None:
        """Its `.zato-info` is a directory here."""
        info = sqlite_server.path / ".zato-info"
        info.unlink(missing_ok=True)
        info.mkdir()

        assert "Did you mean `../server1`?" in invoke(*RESET, "../servr1", "user1").stderr


@pytest.mark.usefixtures("no_stock_zato")
class TestOptionsAndCommands:
    """An option or command that does not exist."""

    @pytest.mark.parametrize(
        ("arguments", "near"),
        [
            (("--versoin",), "--version"),
            (("sso", "--hlep"), "--help"),
            ((*RESET, "PATH", "user1", "--expirey", "3"), "--expiry"),
            ((*RESET, "PATH", "user1", "--must_change=yes"), "--must-change"),
            (("from-config", "--hepl", "FILE"), "--help"),
            (("from-confg", "FILE"), "from-config"),
            (("ss", "reset-user-password"), "sso"),
            (("sso", "reset-pasword", "PATH", "user1"), "`zato sso reset-user-password`"),
            (("reset-user-password", "PATH", "user1"), "`zato sso reset-user-password`"),
            (("reset-user-pasword", "PATH", "user1"), "`zato sso reset-user-password`"),
            (("sso", "quikstart", "PATH"), "quickstart"),
        ],
    )
    def test_nearest_is_suggested(self, invoke: Invoke, arguments: tuple[str, ...], near: str) -> None:
        """The error is one line, in which the suggestion comes before what else helps."""
        done = invoke(*arguments)

        assert (done.exit_code, done.stdout) == (2, "")
        assert near in done.stderr.partition(" Did you mean ")[2]
        assert done.stderr.count("\n") == 1

    def test_distant_names_are_not_suggested(self, invoke: Invoke) -> None:
        """A command of the stock `zato` is not like one of ours."""
        assert "Did you mean" not in invoke("create", "odb").stderr

    def test_command_in_a_stored_file_has_suggestions(self, invoke: Invoke) -> None:
        """They are the commands that a file can contain."""
        Path("stored.config").write_text("command=sso_reset_user_pasword\n")

        assert "Did you mean `sso_reset_user_password`" in invoke("from-config", "stored.config").stderr
