"""Invalid arguments: the docstrings begin with the names in the table "Bad input" of docs/faults.md.

Each refusal is one line on stderr, with nothing on stdout and nothing changed. Arguments that are bytes, or
might block the command, go to a separate process.
"""

from pathlib import Path

import pytest

from tests.faults.conftest import RESET, Invoke, Refuse, check_refusal, printed
from tests.support.limits import in_no_directory
from tests.support.servers import OLD, Server, insert_user
from tests.support.tables import LITERAL_USERNAMES, NOT_BOOLEANS, NOT_DAYS


class TestUsername:
    """USERNAME."""

    @pytest.mark.parametrize(
        ("username", "shown"),
        [
            ("", "empty"),
            ("a" * 192, "longer than 191"),
            ("user1\x01", r"user1\x01"),
            ("user1\x7f", r"user1\x7f"),
            ("user1\x9b31m", r"user1\x9b31m"),
            ("\x1b[31muser1", r"\x1b[31muser1"),
            ("user1\r", r"user1\r"),
            ("user1\n", r"user1\n"),
            ("\u202euser1", r"\u202euser1"),
            ("user1\u2066", r"user1\u2066"),
        ],
    )
    def test_invalid(self, sqlite_server: Server, refuse: Refuse, username: str, shown: str) -> None:
        """Username: empty, too long or with control characters; shown escaped and short."""
        message = refuse(sqlite_server, 2, sqlite_server.path, username)

        assert shown in message
        assert len(message) < 250

    def test_bytes(self, sqlite_server: Server, refuse_in_time: Refuse) -> None:
        """Username: bytes that are not UTF-8, or an escape sequence, in a separate process."""
        assert r"user1\x1b\udcff" in refuse_in_time(sqlite_server, 2, sqlite_server.path, "user1\x1b\udcff")

    def test_nul(self, sqlite_server: Server, invoke: Invoke) -> None:
        """Username: NUL, which is possible only within one process."""
        done = invoke(*RESET, sqlite_server.path, "user1\0")

        check_refusal(done, 2)
        assert r"user1\x00" in done.stderr
        assert sqlite_server.opens("user1", OLD)

    def test_case_and_collation(self, server: Server, refuse: Refuse) -> None:
        """Case and collation: a name that the collation considers equal is another user's."""
        insert_user(server, 9, "alice", {})

        assert "Did you mean `alice`?" in refuse(server, 22, server.path, "ALICE")
        for username in ("alice ", "al\N{LATIN SMALL LETTER I WITH ACUTE}ce"):
            message = refuse(server, 22, server.path, username)
            assert f"No such user `{username}`" in message
            if server.database.engine == "mysql":
                assert "Did you mean `alice`?" in message

    def test_literal(self, server: Server, refuse: Refuse) -> None:
        """Decomposed Unicode, SQL, wildcards: no normalisation, no pattern."""
        insert_user(server, 9, "al\N{LATIN SMALL LETTER I WITH ACUTE}ce", {})

        for username in ("ali\N{COMBINING ACUTE ACCENT}ce", *LITERAL_USERNAMES):
            assert "No such user" in refuse(server, 22, server.path, username)

    def test_hyphen(self, sqlite_server: Server, refuse: Refuse, invoke: Invoke) -> None:
        """A hyphen: refused as an option, with a hint that helps."""
        insert_user(sqlite_server, 9, "-bob", {})

        assert "`-- -bob`" in refuse(sqlite_server, 2, sqlite_server.path, "-bob")
        assert "`-- -nab`" in refuse(sqlite_server, 2, sqlite_server.path, "--expiry", "3", "-nab")
        assert "username" not in refuse(sqlite_server, 2, sqlite_server.path, "user1", "--bob")
        done = invoke(*RESET, sqlite_server.path, "--", "-bob")
        assert sqlite_server.opens("-bob", printed(done.stdout))


class TestOptions:
    """Values of options."""

    @pytest.mark.parametrize(
        "text",
        [
            *NOT_DAYS,
            pytest.param("9" * 5000, id="five thousand digits"),
            pytest.param("\N{FULLWIDTH DIGIT TWO}" * 5000, id="five thousand other digits"),
        ],
    )
    def test_expiry(self, sqlite_server: Server, refuse: Refuse, text: str) -> None:
        """Expiry: only a whole number in ASCII digits; shown short."""
        message = refuse(sqlite_server, 2, "--expiry", text, sqlite_server.path, "user1")

        assert "'--expiry'" in message
        assert len(message) < 250

    @pytest.mark.parametrize("days", ["2932898", "9999999", "99999999"])
    def test_expiry_beyond_the_last_year(self, sqlite_server: Server, refuse: Refuse, days: str) -> None:
        """Expiry beyond the year 9999: the message names that year."""
        message = refuse(sqlite_server, 2, "--expiry", days, sqlite_server.path, "user1")

        assert "beyond the year 9999" in message

    @pytest.mark.parametrize("text", NOT_BOOLEANS)
    def test_must_change(self, sqlite_server: Server, refuse: Refuse, text: str) -> None:
        """Must-change: neither true nor false."""
        assert "'--must-change'" in refuse(
            sqlite_server, 2, "--must-change", text, sqlite_server.path, "user1"
        )

    def test_given_twice(self, sqlite_server: Server, invoke: Invoke) -> None:
        """An option given twice: the last one counts."""
        twice = ("--expiry", "9", "--must-change", "yes", "--expiry", "2", "--must-change", "no")
        sqlite_server.database.run("UPDATE zato_sso_user SET password_must_change = 1")
        done = invoke(*RESET, *twice, "--verbose", sqlite_server.path, "user1")

        assert done.exit_code == 0
        assert "Expiry: 2 days" in done.stderr
        assert sqlite_server.database.row("user1")["password_must_change"] == 0


class TestPath:
    """PATH, the directory of a server."""

    @pytest.mark.parametrize(
        ("path", "hint"),
        [
            ("missing", "no such directory"),
            ("x" * 300, "too long"),
            ("file", "It is a file"),
            ("env", "servers inside: `server1`, `server2`"),
            ("env/server1/config/repo", "/env/server1`?"),
            ("env/scheduler", "another kind: scheduler"),
            ("empty", "no `config/repo/secrets.conf`"),
            ("\x1b[31m\udcff", r"\x1b[31m\udcff"),
        ],
    )
    def test_not_a_server(self, sqlite_server: Server, refuse: Refuse, path: str, hint: str) -> None:
        """Path: missing, a file, several servers, inside one, the scheduler's; the hint names it."""
        Path("file").touch()
        Path("empty").mkdir()
        for name in ("server1", "server2", "scheduler"):
            repo = Path("env", name, "config", "repo")
            repo.mkdir(parents=True)
            (repo / "secrets.conf").touch()
        Path("env/scheduler/.zato-info").write_text('{"component": "SCHEDULER"}')

        assert hint in refuse(sqlite_server, 23, path, "user1")

    def test_empty(self, sqlite_server: Server, refuse: Refuse, monkeypatch: pytest.MonkeyPatch) -> None:
        """Path: empty is wrong usage, not the current directory."""
        monkeypatch.chdir(sqlite_server.path)

        assert "'PATH'" in refuse(sqlite_server, 2, "", "user1")

    def test_removed_current_directory(
        self, sqlite_server: Server, refuse: Refuse, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Path: relative to a current directory that was removed."""
        with in_no_directory(monkeypatch):
            assert "No server found at `server1`." in refuse(sqlite_server, 23, "server1", "user1")
