"""`zato sso reset-user-password`: its arguments, its output, and the files it writes on request."""

import getpass
import os
import re
import socket
import stat
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from click.testing import Result
from cryptography.fernet import Fernet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.limits import in_no_directory
from tests.support.servers import LINE, OLD, USERS, Server, insert_user, quick_server
from tests.support.tables import LITERAL_USERNAMES, NOT_BOOLEANS, NOT_DAYS

Invoke = Callable[..., Result]
Process = Callable[..., CompletedProcess[str]]

RESET = ("sso", "reset-user-password")

fuzz = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
"""The server is the same for all examples of a test: none of them changes it."""


def tables(server: Server) -> list[object]:
    """Return all that a reset could change."""
    return [server.database.dump(table) for table in ("zato_sso_user", "zato_sso_session")]


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A server for the tests that change nothing."""
    return quick_server(tmp_path_factory.mktemp("shared") / "server1")


@pytest.fixture
def unchanged(shared_server: Server) -> Iterator[Server]:
    """A server whose database is to be, after the test, what it was before."""
    before = tables(shared_server)
    yield shared_server
    assert tables(shared_server) == before


def stored_days(server: Server, username: str) -> float:
    """Return for how many days the password was set."""
    row = server.database.row(username)
    lasts = datetime.fromisoformat(row["password_expiry"]) - datetime.fromisoformat(row["password_last_set"])
    return lasts / timedelta(days=1)


def is_refused(done: Result) -> bool:
    """Tell whether a value was refused as wrong usage, in one line that is safe for a terminal."""
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: Invalid value for ")
    return done.stderr[:-1].isprintable() and len(done.stderr) < 400


class TestDiscovery:
    """The command is found through its entry point."""

    def test_is_listed_and_loaded(self, invoke: Invoke) -> None:
        """The group knows its name, and its page is there."""
        assert "reset-user-password" in invoke("sso", "--help").stdout
        assert "Reset a user's password to a generated one." in invoke(*RESET, "--help").stdout


class TestReset:
    """The command as a whole."""

    def test_prints_one_line_and_stores_that_password(self, sqlite_server: Server, invoke: Invoke) -> None:
        """The exact line is alone on stdout, and what it says opens the account."""
        done = invoke(*RESET, sqlite_server.path, "user1")

        assert (done.exit_code, done.stderr) == (0, "")
        match = LINE.fullmatch(done.stdout)
        assert match
        assert match["username"] == "user1"
        assert sqlite_server.opens("user1", match["password"])
        assert not sqlite_server.opens("user1", OLD)

    def test_each_run_has_a_password_of_its_own(self, sqlite_server: Server, invoke: Invoke) -> None:
        """Three runs print three passwords."""
        assert len({invoke(*RESET, sqlite_server.path, "user1").stdout for _ in range(3)}) == 3

    @pytest.mark.parametrize(
        ("username", "code"), [("nobody", 22), ("pending1", 22), ("USER1", 22), ("mixedcase", 22)]
    )
    def test_no_such_user(self, unchanged: Server, invoke: Invoke, username: str, code: int) -> None:
        """The user must be there under exactly this name, and approved."""
        done = invoke(*RESET, unchanged.path, username)

        assert (done.exit_code, done.stdout) == (code, "")
        assert re.fullmatch(r"Error: .+\n", done.stderr)

    def test_path_is_no_server(self, invoke: Invoke, tmp_path: Path) -> None:
        """A directory of something else is refused by name."""
        done = invoke(*RESET, tmp_path, "user1")

        assert (done.exit_code, done.stdout) == (23, "")
        assert done.stderr.startswith(f"Error: No server found at `{tmp_path}`.")

    def test_path_is_empty(self, unchanged: Server, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
        """An empty PATH is not the current directory, be that a server's."""
        monkeypatch.chdir(unchanged.path)

        assert is_refused(invoke(*RESET, "", "user1"))


class TestExpiry:
    """`--expiry`."""

    @pytest.mark.parametrize(
        "given_as", [["--expiry", "2"], ["--expiry=2"], ["--expiry", "9", "--expiry", "2"]]
    )
    def test_is_in_days(self, sqlite_server: Server, invoke: Invoke, given_as: list[str]) -> None:
        """The password expires that many days after it was set; the last option counts."""
        assert invoke(*RESET, *given_as, sqlite_server.path, "user1").exit_code == 0
        assert stored_days(sqlite_server, "user1") == 2

    def test_may_reach_to_the_year_9999(self, sqlite_server: Server, invoke: Invoke) -> None:
        """The last day that there is can be had, and not one more."""
        last = (datetime(9999, 12, 31, tzinfo=timezone.utc) - datetime.now(timezone.utc)).days

        assert invoke(*RESET, f"--expiry={last}", sqlite_server.path, "user1").exit_code == 0
        assert stored_days(sqlite_server, "user1") == last
        before = tables(sqlite_server)
        done = invoke(*RESET, f"--expiry={last + 2}", sqlite_server.path, "user1")
        assert (done.exit_code, done.stdout) == (2, "")
        assert "beyond the year 9999" in done.stderr
        assert tables(sqlite_server) == before

    @pytest.mark.parametrize("days", ["2932898", "9999999", "99999999", "1" * 5000])
    def test_beyond_the_year_9999(self, unchanged: Server, invoke: Invoke, days: str) -> None:
        """So many days are refused with that reason, in a short line."""
        done = invoke(*RESET, "--expiry", days, unchanged.path, "user1")

        assert (done.exit_code, done.stdout) == (2, "")
        assert "beyond the year 9999" in done.stderr
        assert len(done.stderr) < 200

    @pytest.mark.parametrize("text", NOT_DAYS)
    def test_is_a_whole_number_in_ascii(self, unchanged: Server, invoke: Invoke, text: str) -> None:
        """Nothing but the digits of a number of 1 or more is taken."""
        assert is_refused(invoke(*RESET, "--expiry", text, unchanged.path, "user1"))

    @given(st.text().filter(lambda text: not re.fullmatch("[1-9][0-9]*", text)))
    @fuzz
    def test_any_other_text_is_refused(self, unchanged: Server, invoke: Invoke, text: str) -> None:
        """No text but a whole number changes anything."""
        assert is_refused(invoke(*RESET, f"--expiry={text}", unchanged.path, "user1"))


class TestMustChange:
    """`--must-change`."""

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            (("true", "yes", "on", "y", "t", "1", "TRUE", " Yes "), 1),
            (("false", "no", "off", "n", "f", "0", "False", " nO "), 0),
        ],
    )
    def test_sets_or_clears(
        self, sqlite_server: Server, invoke: Invoke, words: tuple[str, ...], expected: int
    ) -> None:
        """Each word does what it says to a user who had the opposite."""
        for word in words:
            sqlite_server.database.run("UPDATE zato_sso_user SET password_must_change = %s", 1 - expected)

            assert invoke(*RESET, "--must-change", word, sqlite_server.path, "user1").exit_code == 0
            assert sqlite_server.database.row("user1")["password_must_change"] == expected

    @pytest.mark.parametrize(("username", "expected"), [("user1", 0), ("changing1", 1)])
    def test_without_it_nothing_changes(
        self, sqlite_server: Server, invoke: Invoke, username: str, expected: int
    ) -> None:
        """What the user had stays."""
        assert invoke(*RESET, sqlite_server.path, username).exit_code == 0
        assert sqlite_server.database.row(username)["password_must_change"] == expected

    @pytest.mark.parametrize("text", NOT_BOOLEANS)
    def test_other_words_are_refused(self, unchanged: Server, invoke: Invoke, text: str) -> None:
        """What is neither true nor false is wrong usage."""
        assert is_refused(invoke(*RESET, "--must-change", text, unchanged.path, "user1"))

    @given(st.text())
    @fuzz
    def test_any_text_is_a_word_or_refused(self, invoke: Invoke, text: str) -> None:
        """Only the twelve words get as far as looking for the server."""
        words = {"true", "yes", "on", "y", "t", "1", "false", "no", "off", "n", "f", "0"}
        done = invoke(*RESET, f"--must-change={text}", "no-such-path", "user1")

        assert done.exit_code == 23 if text.strip(" ").lower() in words else is_refused(done)


class TestUsername:
    """USERNAME."""

    @pytest.mark.parametrize(
        "username",
        [
            "",
            "a" * 192,
            "a\nb",
            "a\x1b[31m",
            "\x7f",
            "\x9b",
            "user1\r",
            "\u202euser1",
            "\u2066user1",
            "user1\udcff",
        ],
    )
    def test_no_account_can_have_it(self, unchanged: Server, invoke: Invoke, username: str) -> None:
        """A name that Zato can't have, or that fools the eye, is wrong usage, and shown escaped."""
        assert is_refused(invoke(*RESET, "--", unchanged.path, username))

    def test_may_have_191_characters(self, sqlite_server: Server, invoke: Invoke) -> None:
        """The width of the column is the longest."""
        username = "\N{LATIN SMALL LETTER E WITH ACUTE}" * 191
        insert_user(sqlite_server, 9, username, {})
        done = invoke(*RESET, sqlite_server.path, username)

        assert (done.exit_code, done.stderr) == (0, "")
        assert f"`{username}`" in done.stdout

    def test_may_begin_with_a_hyphen(self, sqlite_server: Server, invoke: Invoke) -> None:
        """It is taken for an option unless it comes after `--`, as the error says."""
        insert_user(sqlite_server, 9, "-bob", {})
        done = invoke(*RESET, sqlite_server.path, "-bob")

        assert (done.exit_code, done.stdout) == (2, "")
        assert "`-- -bob`" in done.stderr
        assert re.fullmatch(r"Error: .+\n", done.stderr)
        assert sqlite_server.opens("-bob", OLD)
        assert invoke(*RESET, "--", sqlite_server.path, "-bob").exit_code == 0
        assert not sqlite_server.opens("-bob", OLD)

    @pytest.mark.parametrize("username", LITERAL_USERNAMES)
    def test_is_taken_literally(self, unchanged: Server, invoke: Invoke, username: str) -> None:
        """A name is neither a pattern nor SQL, and nothing in it is normalised."""
        done = invoke(*RESET, unchanged.path, username)

        assert (done.exit_code, done.stdout) == (22, "")

    @given(
        st.tuples(
            st.text(max_size=50),
            st.characters(categories=["Cc", "Cs"])
            | st.sampled_from("\u200e\u200f\u202a\u202d\u202e\u2066\u2069"),
            st.text(max_size=50),
        ).map("".join)
    )
    @fuzz
    def test_any_control_character_is_refused(self, invoke: Invoke, username: str) -> None:
        """Wherever it stands in the name."""
        assert is_refused(invoke(*RESET, "--", "no-such-path", username))

    @given(st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=191))
    @fuzz
    def test_any_other_is_looked_for(self, unchanged: Server, invoke: Invoke, username: str) -> None:
        """Letters, numbers, punctuation and symbols of any script may be a name."""
        if username not in USERS:
            done = invoke(*RESET, "--", unchanged.path, username)

            assert (done.exit_code, done.stdout) == (22, "")
            assert done.stderr[:-1].isprintable()


class TestVerbose:
    """`--verbose`."""

    def test_tells_what_was_found_where(self, sqlite_server: Server, invoke: Invoke) -> None:
        """The files, the hash, the expiry and the database are on stderr; stdout is as without."""
        done = invoke(*RESET, "--verbose", sqlite_server.path, "user1")

        assert done.exit_code == 0
        assert LINE.fullmatch(done.stdout)
        for name in ("secrets.conf", "server.conf", "sso.conf"):
            assert str(sqlite_server.repo / name) in done.stderr
        assert "PBKDF2-SHA512, 1000 rounds" in done.stderr
        assert "730 days" in done.stderr
        assert sqlite_server.database.name in done.stderr
        assert all(line.isprintable() for line in done.stderr.split("\n"))

    def test_tells_that_the_option_won(self, sqlite_server: Server, invoke: Invoke) -> None:
        """The source of the expiry is named."""
        done = invoke(*RESET, "--verbose", "--expiry", "2", sqlite_server.path, "user1")

        assert "2 days, from --expiry" in done.stderr


def stored(suffix: str) -> Path:
    """Return the one file of this suffix in the current directory."""
    (file,) = Path.cwd().glob(f"*.{suffix}")
    return file


class TestStoredFiles:
    """`--store-log` and `--store-config`."""

    ALL = ("--store-log", "--store-config", "--verbose")

    @pytest.mark.parametrize("suffix", ["log", "config"])
    def test_is_named_after_the_time(self, sqlite_server: Server, invoke: Invoke, suffix: str) -> None:
        """The name holds the time in UTC, and the owner alone can read the file."""
        assert invoke(*RESET, f"--store-{suffix}", sqlite_server.path, "user1").exit_code == 0

        (file,) = Path.cwd().iterdir()
        match = re.fullmatch(rf"zato\.(\d{{4}}_\d\d_\d\dT\d\d_\d\d_\d\d_\d{{6}})\.{suffix}", file.name)
        assert match
        made = datetime.strptime(f"{match[1]}+0000", "%Y_%m_%dT%H_%M_%S_%f%z")
        assert abs(datetime.now(timezone.utc) - made) < timedelta(minutes=1)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600

    def test_mode_does_not_depend_on_umask(self, sqlite_server: Server, invoke: Invoke) -> None:
        """Even without a umask nobody else can read them."""
        before = os.umask(0)
        try:
            invoke(*RESET, *self.ALL, sqlite_server.path, "user1")
        finally:
            os.umask(before)

        assert [stat.S_IMODE(file.stat().st_mode) for file in Path.cwd().iterdir()] == [0o600, 0o600]

    def test_without_the_options_there_is_none(self, sqlite_server: Server, invoke: Invoke) -> None:
        """Nothing is left in the current directory."""
        invoke(*RESET, "--verbose", sqlite_server.path, "user1")

        assert list(Path.cwd().iterdir()) == []

    @pytest.mark.parametrize("username", ["user1", "nobody"])
    def test_no_secret_is_anywhere(
        self, sqlite_server: Server, process: Process, tmp_path: Path, username: str
    ) -> None:
        """Neither the password, nor a hash or the key, is in these files or on stderr."""
        before = sqlite_server.database.row("user1")["password"]
        done = process(*RESET, *self.ALL, sqlite_server.path, username)
        after = sqlite_server.database.row("user1")["password"]

        hashes = [Fernet(sqlite_server.key).decrypt(token).decode() for token in (before, after)]
        match = LINE.fullmatch(done.stdout)
        passwords = [match["password"]] if match else []
        assert (done.returncode, len(passwords)) == ((0, 1) if username == "user1" else (22, 0))
        texts = [done.stderr, *(file.read_text() for file in Path.cwd().iterdir())]
        assert len(texts) == 3
        for secret in (before, after, *hashes, *passwords, OLD, sqlite_server.key):
            assert not any(secret in text for text in texts)
        for file in (file for file in tmp_path.rglob("*") if file.is_file()):
            assert not any(password.encode() in file.read_bytes() for password in passwords)

    def test_log_tells_what_verbose_does(self, sqlite_server: Server, invoke: Invoke) -> None:
        """Each line of --verbose is there, with a time and a level, whether it was asked for or not."""
        told = invoke(*RESET, "--verbose", sqlite_server.path, "user1").stderr.splitlines()
        done = invoke(*RESET, "--store-log", sqlite_server.path, "user1")

        assert done.stderr == ""
        lines = [line.split(" ", maxsplit=2) for line in stored("log").read_text().splitlines()]
        assert [(level, text) for _, level, text in lines] == [("INFO", text) for text in told]
        assert all(datetime.fromisoformat(time).tzinfo for time, _, _ in lines)

    def test_log_has_the_error(self, sqlite_server: Server, invoke: Invoke) -> None:
        """What ends the command is its last line, as on stderr."""
        done = invoke(*RESET, "--store-log", sqlite_server.path, "nobody")

        last = stored("log").read_text().splitlines()[-1]
        assert done.exit_code == 22
        assert last.split(" ", maxsplit=1)[1] == done.stderr.rstrip("\n").replace("Error: ", "ERROR ")

    def test_config_has_the_arguments(
        self, sqlite_server: Server, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A comment tells who and when, then come the arguments that were given, False among them."""
        monkeypatch.chdir(sqlite_server.path.parent)
        options = [*self.ALL, "--expiry", "5", "--must-change", "no"]
        assert invoke(*RESET, *options, "server1", "changing1").exit_code == 0

        file = stored("config")
        comment, *lines = file.read_text().splitlines()
        stamp = file.name.removeprefix("zato.").removesuffix(".config")
        assert comment == f"# {stamp} - {getpass.getuser()}@{socket.gethostname()}"
        assert sorted(lines) == sorted(
            [
                "command=sso_reset_user_password",
                f"path={sqlite_server.path}",
                "username=changing1",
                "expiry=5",
                "must_change=False",
                "store_log=True",
                "store_config=True",
                "verbose=True",
            ]
        )

    def test_config_has_no_more_than_was_given(self, sqlite_server: Server, invoke: Invoke) -> None:
        """An option that was left out is left out."""
        invoke(*RESET, "--store-config", sqlite_server.path, "user1")

        assert sorted(stored("config").read_text().splitlines()[1:]) == [
            "command=sso_reset_user_password",
            f"path={sqlite_server.path}",
            "store_config=True",
            "username=user1",
        ]

    @pytest.mark.parametrize("name", ["a\nb", "a\udcff"])
    def test_config_refuses_what_it_can_not_hold(self, invoke: Invoke, name: str) -> None:
        """A path that would not come back as it was is refused, and no file made."""
        done = invoke(*RESET, "--store-config", name, "user1")

        assert (done.exit_code, done.stdout) == (73, "")
        assert re.fullmatch(r"Error: .+\n", done.stderr)
        assert list(Path.cwd().iterdir()) == []

    @pytest.fixture
    def unwritable(self, tmp_path: Path) -> Path:
        """A directory in which this user, be it root, can make no file."""
        if os.geteuid() == 0:
            return Path("/sys")
        folder = tmp_path / "unwritable"
        folder.mkdir(mode=0o555)
        return folder

    @pytest.mark.parametrize("option", ["--store-log", "--store-config"])
    def test_current_directory_can_not_be_written_to(
        self, sqlite_server: Server, process: Process, unwritable: Path, option: str
    ) -> None:
        """Without the file that was asked for, nothing is changed."""
        before = tables(sqlite_server)
        done = process(*RESET, option, sqlite_server.path, "user1", cwd=unwritable)

        assert (done.returncode, done.stdout) == (73, "")
        assert re.fullmatch(r"Error: .+\n", done.stderr)
        assert tables(sqlite_server) == before

    @pytest.mark.parametrize("option", ["--store-log", "--store-config"])
    @pytest.mark.parametrize("absolute", [True, False])
    def test_current_directory_is_gone(
        self,
        sqlite_server: Server,
        invoke: Invoke,
        monkeypatch: pytest.MonkeyPatch,
        option: str,
        *,
        absolute: bool,
    ) -> None:
        """A directory that was removed holds no files."""
        with in_no_directory(monkeypatch):
            done = invoke(*RESET, option, sqlite_server.path if absolute else "server1", "user1")

        assert (done.exit_code, done.stdout) == (73, "")
        assert re.fullmatch(r"Error: .+\n", done.stderr)
        assert sqlite_server.opens("user1", OLD)
