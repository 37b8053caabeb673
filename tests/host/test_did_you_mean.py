"""What is told as near to a username, server, option or command that is not there."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cli.conftest import Invoke
from tests.support.servers import Server, insert_user, insert_users, quick_server
from zato_sso_reset.database.engine import ODB
from zato_sso_reset.database.users import with_users
from zato_sso_reset.errors import UserNotFoundError
from zato_sso_reset.server.config import DatabaseConfig

RESET = ("sso", "reset-user-password")

NAMES = ("eleanor.rigby", "eleanor@example.com")


@st.composite
def mistyped(draw: st.DrawFn) -> tuple[str, str]:
    """Draw a name, and how it looks with one letter left out, put in or replaced, or with two swapped."""
    name = draw(st.sampled_from(NAMES))
    at = draw(st.integers(0, len(name) - 2))
    letter = draw(st.sampled_from("abcxyz_%"))
    after = name[at + 1 :]
    edits = (after, letter + name[at:], letter + after, after[0] + name[at] + after[1:])
    return name, name[:at] + draw(st.sampled_from(edits))


@pytest.fixture(scope="module")
def did_you_mean(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Ask the repository of a server with 1,800 users, most of whom begin or end like `NAMES`."""
    server = quick_server(tmp_path_factory.mktemp("many") / "server1")
    insert_users(server, NAMES)
    for name in ("member{}", "eleanor.{}", "{}.rigby", "{}@example.com"):
        insert_users(server, map(name.format, range(450)))
    odb = ODB(DatabaseConfig("sqlite", server.database.name))
    return lambda name: with_users(odb, lambda users: users.did_you_mean(name), reading=True)


class TestUsernames:
    """A username that is not there."""

    @given(mistyped().filter(lambda names: names[0] != names[1]))
    @settings(max_examples=25, deadline=None)
    def test_one_mistake_is_seen_among_thousands(
        self, did_you_mean: Callable[[str], str], names: tuple[str, str]
    ) -> None:
        """Whatever letter is wrong, the name that was meant is among those that are told."""
        meant, username = names

        assert f"`{meant}`" in did_you_mean(username)

    @given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
    @settings(max_examples=25, deadline=None)
    def test_any_name_has_an_answer(self, did_you_mean: Callable[[str], str], username: str) -> None:
        """No name is a pattern or a mistake in the statement."""
        assert did_you_mean(username).endswith(("`?", "its case matters."))

    def test_nearest_are_told_by_any_database(self, server: Server, invoke: Invoke) -> None:
        """Up to three names, the nearest first; one that differs in case alone is told alone."""
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

    def test_name_that_is_no_text_is_none(self, sqlite_server: Server) -> None:
        """What somebody put into SQLite's table as bytes is not told, and stops nothing."""
        with closing(sqlite3.connect(sqlite_server.database.name, isolation_level=None)) as connection:
            connection.execute("UPDATE zato_sso_user SET username = ? WHERE id = 5", [b"user2"])
        odb = ODB(DatabaseConfig("sqlite", sqlite_server.database.name))

        with pytest.raises(UserNotFoundError, match=r"Did you mean `user1`\?$"):
            with_users(odb, lambda users: users.get_by_username("user2"))

    def test_excluded_one_is_told(self, sqlite_server: Server, invoke: Invoke) -> None:
        """A user to leave out who is not there is told what is near, too."""
        done = invoke(
            *("sso", "reset-user-passwords", sqlite_server.path, "--all", "--exclude", "user2"),
            *("--output-file", "out", "--yes"),
        )

        assert done.exit_code == 22
        assert "Did you mean `user1`?" in done.stderr


class TestServers:
    """A PATH that is not there."""

    def test_server_beside_it_is_told(self, sqlite_server: Server, invoke: Invoke) -> None:
        """The path is told as it was given, with the name of a server that is near."""
        (sqlite_server.path.parent / "serve1").mkdir()
        (sqlite_server.path.parent / "server1a").symlink_to(sqlite_server.path)
        done = invoke(*RESET, "../servr1", "user1")

        assert done.exit_code == 23
        assert done.stderr.endswith(
            "`../servr1`. There is no such directory. Did you mean `../server1` or `../server1a`?\n"
        )

    @pytest.mark.parametrize("path", ["../scheduler", "../servr1/config", "missing"])
    def test_nothing_is_told_where_none_is_near(
        self, sqlite_server: Server, invoke: Invoke, path: str
    ) -> None:
        """Only servers that are beside it, and named alike, are meant."""
        assert sqlite_server.path.name == "server1"
        assert invoke(*RESET, path, "user1").stderr.endswith("There is no such directory.\n")

    def test_one_that_may_not_be_looked_into_stops_nothing(
        self, sqlite_server: Server, invoke: Invoke
    ) -> None:
        """What is beside it is not what was asked for: it raises no error of its own."""
        info = sqlite_server.path / ".zato-info"
        info.unlink(missing_ok=True)
        info.mkdir()

        assert "Did you mean `../server1`?" in invoke(*RESET, "../servr1", "user1").stderr


class TestOptionsAndCommands:
    """An option or command that is not there."""

    @pytest.fixture(autouse=True)
    def _no_stock_zato(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """Leave nothing on PATH that a command could be handed over to."""
        monkeypatch.setenv("PATH", str(tmp_path))

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
            (("sso", "reset-pasword", "PATH", "user1"), "reset-user-password"),
            (("sso", "quikstart", "PATH"), "quickstart"),
        ],
    )
    def test_nearest_is_told(self, invoke: Invoke, arguments: tuple[str, ...], near: str) -> None:
        """One line has the nearest name that there is."""
        done = invoke(*arguments)

        assert (done.exit_code, done.stdout) == (2, "")
        assert near in done.stderr.partition(" Did you mean ")[2]
        assert done.stderr.count("\n") == 1

    def test_nothing_is_told_where_none_is_near(self, invoke: Invoke) -> None:
        """A command of the stock `zato` is not taken for one of ours."""
        assert "Did you mean" not in invoke("create", "odb").stderr

    def test_command_of_a_stored_file_is_told(self, invoke: Invoke) -> None:
        """The command that a file asks for has its nearest among those that files may ask for."""
        Path("stored.config").write_text("command=sso_reset_user_pasword\n")

        assert "Did you mean `sso_reset_user_password`" in invoke("from-config", "stored.config").stderr
