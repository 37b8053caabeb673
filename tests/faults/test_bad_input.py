"""The table of bad input, row by row; then the three parsers, with whatever comes.

What might hang, or gets its arguments as bytes, runs as a process of its own, the rest in this one.
A row's tests begin with its name. Each refusal is one line on stderr, nothing on stdout, nothing changed.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from click.testing import Result
from cryptography.fernet import Fernet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.faults.conftest import one_line
from tests.support.databases import Database
from tests.support.limits import in_no_directory
from tests.support.processes import AS_NOBODY, environment
from tests.support.servers import LINE, OLD, Server, insert_user, quick_server

Process = Callable[..., CompletedProcess[str]]
Invoke = Callable[..., Result]
Refuse = Callable[..., str]

RESET = ("sso", "reset-user-password")

FILES = ("secrets.conf", "server.conf", "sso.conf", "sso.toml")

SECRET = "S3cr3t"
"""What stands in many a bad value, and is to be in no message."""


def check_refusal(exit_code: int, stdout: str, stderr: str, expected: int) -> None:
    """See the exit code, nothing on stdout, and one line on stderr that any terminal can show."""
    assert (exit_code, stdout) == (expected, ""), stderr
    assert one_line(stderr), stderr
    assert stderr[:-1].isprintable()
    assert len(stderr) < 600
    assert SECRET not in stderr


@pytest.fixture
def refuse(invoke: Invoke) -> Refuse:
    """Run a reset that is to end with an exit code; return the line it tells why in."""

    def run(server: Server, exit_code: int, *arguments: object) -> str:
        before = server.database.dump("zato_sso_user")
        done = invoke(*RESET, *(arguments or (server.path, "user1")))
        check_refusal(done.exit_code, done.stdout, done.stderr, exit_code)
        assert server.database.dump("zato_sso_user") == before
        return done.stderr

    return run


@pytest.fixture
def refuse_in_time(process: Process) -> Refuse:
    """Do the same as a process of its own, which may not hang and gets its arguments as bytes."""

    def run(server: Server, exit_code: int, *arguments: object) -> str:
        before = server.database.dump("zato_sso_user")
        done = process(*RESET, *(arguments or (server.path, "user1")))
        check_refusal(done.returncode, done.stdout, done.stderr, exit_code)
        assert server.database.dump("zato_sso_user") == before
        return done.stderr

    return run


class TestUsername:
    """USERNAME, as the command line has it."""

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
    def test_is_none(self, sqlite_server: Server, refuse: Refuse, username: str, shown: str) -> None:
        """Username: empty, too long, or with what a terminal obeys; shown escaped and short."""
        message = refuse(sqlite_server, 2, sqlite_server.path, username)

        assert shown in message
        assert len(message) < 250

    @pytest.mark.parametrize(
        ("username", "shown"), [("user1\udcff", r"user1\udcff"), ("\x1b[31muser1", r"\x1b[31muser1")]
    )
    def test_is_bytes(self, sqlite_server: Server, refuse_in_time: Refuse, username: str, shown: str) -> None:
        """Username: not UTF-8, or with what a terminal obeys, as a process gets it."""
        assert shown in refuse_in_time(sqlite_server, 2, sqlite_server.path, username)

    def test_has_nul(self, sqlite_server: Server, invoke: Invoke) -> None:
        """Username: NUL, which no process can be given."""
        done = invoke(*RESET, sqlite_server.path, "user1\0")

        check_refusal(done.exit_code, done.stdout, done.stderr, 2)
        assert r"user1\x00" in done.stderr
        assert sqlite_server.opens("user1", OLD)

    def test_matches_by_collation(self, server: Server, refuse: Refuse) -> None:
        """Case and collation: what the database takes for the same name is another one."""
        insert_user(server, 9, "alice", {})

        assert "Did you mean `alice`?" in refuse(server, 22, server.path, "ALICE")
        for username in ("alice ", "al\N{LATIN SMALL LETTER I WITH ACUTE}ce"):
            message = refuse(server, 22, server.path, username)
            assert f"No such user `{username}`" in message
            if server.database.engine == "mysql":
                assert "Did you mean `alice`?" in message

    def test_is_taken_literally(self, server: Server, refuse: Refuse) -> None:
        """Decomposed Unicode, SQL, wildcards: nothing is normalised, and nothing is a pattern."""
        insert_user(server, 9, "al\N{LATIN SMALL LETTER I WITH ACUTE}ce", {})

        for username in ("ali\N{COMBINING ACUTE ACCENT}ce", "' OR 1=1 --", "%", "_____"):
            assert "No such user" in refuse(server, 22, server.path, username)

    def test_begins_with_a_hyphen(self, sqlite_server: Server, refuse: Refuse, invoke: Invoke) -> None:
        """A hyphen: taken for an option, with the hint that helps."""
        insert_user(sqlite_server, 9, "-bob", {})

        assert "`-- -bob`" in refuse(sqlite_server, 2, sqlite_server.path, "-bob")
        done = invoke(*RESET, sqlite_server.path, "--", "-bob")
        match = LINE.fullmatch(done.stdout)
        assert match, done.stderr
        assert sqlite_server.opens("-bob", match["password"])


class TestOptions:
    """What the options take."""

    @pytest.mark.parametrize(
        "text",
        [
            *("0", "-1", "2.5", "1e3", "0x10", "", " 2 ", "+5", "1_000", "007"),
            *("\N{ARABIC-INDIC DIGIT TWO}", "\N{FULLWIDTH DIGIT TWO}", "\N{SUPERSCRIPT TWO}", "\udcff"),
            pytest.param("9" * 5000, id="five thousand digits"),
            pytest.param("\N{FULLWIDTH DIGIT TWO}" * 5000, id="five thousand other digits"),
        ],
    )
    def test_expiry(self, sqlite_server: Server, refuse: Refuse, text: str) -> None:
        """Expiry: a whole number in ASCII digits alone, and echoed short."""
        message = refuse(sqlite_server, 2, "--expiry", text, sqlite_server.path, "user1")

        assert "'--expiry'" in message
        assert len(message) < 250

    @pytest.mark.parametrize("days", ["2932898", "9999999", "99999999"])
    def test_expiry_beyond_the_last_year(self, sqlite_server: Server, refuse: Refuse, days: str) -> None:
        """Expiry beyond the year 9999: said so."""
        message = refuse(sqlite_server, 2, "--expiry", days, sqlite_server.path, "user1")

        assert "beyond the year 9999" in message

    @pytest.mark.parametrize("text", ["", "maybe", "None", "\N{FULLWIDTH DIGIT ONE}", "\x1b[31m"])
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


class TestFiles:
    """Configuration files that are none."""

    @pytest.mark.parametrize("file", FILES)
    @pytest.mark.parametrize(
        ("harm", "told"),
        [
            (Path.mkdir, "Is a directory"),
            (lambda path: path.write_bytes(b"#" * (1024 * 1024 + 1)), "larger than 1 MiB"),
            (lambda path: path.write_bytes(b"\n\x7fELF\0S3cr3t"), "line 2"),
            (lambda path: path.write_bytes(b"[main]\nx=1\ny=S3cr3t\xff\n"), "line 3"),
            (lambda path: path.write_bytes("[main]\n".encode("utf-16")), "line 1"),
        ],
        ids=["folder", "large", "binary", "not UTF-8", "UTF-16"],
    )
    def test_is_none(
        self, sqlite_server: Server, refuse: Refuse, file: str, harm: Callable[[Path], object], told: str
    ) -> None:
        """A config file: whatever else it is, it is named at once, and its line, but not what it holds."""
        path = sqlite_server.repo / file
        path.unlink(missing_ok=True)
        harm(path)
        message = refuse(sqlite_server, 78)

        assert f"`{path}`" in message
        assert told in message

    @pytest.mark.parametrize("file", FILES)
    @pytest.mark.parametrize(
        "harm", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")], ids=["FIFO", "device"]
    )
    def test_has_no_end(
        self, sqlite_server: Server, refuse_in_time: Refuse, file: str, harm: Callable[[Path], object]
    ) -> None:
        """A config file that is a FIFO or a device: nothing waits for it, and it is named at once."""
        path = sqlite_server.repo / file
        path.unlink(missing_ok=True)
        harm(path)

        assert f"`{path}` is not a regular file" in refuse_in_time(sqlite_server, 78)

    @pytest.mark.parametrize(
        ("file", "exit_code"), [("secrets.conf", 23), ("server.conf", 78), ("sso.conf", 78)]
    )
    def test_absent(self, sqlite_server: Server, refuse: Refuse, file: str, exit_code: int) -> None:
        """A config file that is absent: named; without `secrets.conf` it is no server at all."""
        (sqlite_server.repo / file).unlink()

        assert file in refuse(sqlite_server, exit_code)

    def test_link_that_leads_nowhere(self, sqlite_server: Server, refuse: Refuse) -> None:
        """A config file that is absent: overrides that were meant to be there are not left out unsaid."""
        (sqlite_server.repo / "sso.toml").symlink_to("unmounted/sso.toml")

        assert "sso.toml` is missing" in refuse(sqlite_server, 78)

    @pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to run as another user")
    @pytest.mark.parametrize("file", FILES[::3])
    def test_unreadable(self, file: str) -> None:
        """A config file that is unreadable: named, and a matter of rights."""
        base = Path(tempfile.mkdtemp())
        try:
            server = quick_server(base / "server1")
            server.override("[password]\nexpiry = 90\n")
            for path in (base, *base.rglob("*")):
                path.chmod(0o777)
            (server.repo / file).chmod(0o600)
            argv = [*AS_NOBODY, *RESET, str(server.path), "user1"]
            done = subprocess.run(argv, env=environment(), capture_output=True, text=True, check=False)

            check_refusal(done.returncode, done.stdout, done.stderr, 77)
            assert f"`{server.repo / file}`" in done.stderr
            assert server.opens("user1", OLD)
        finally:
            shutil.rmtree(base)


class TestSettings:
    """Settings that are missing, wrong, or hard to read."""

    @pytest.mark.parametrize(
        ("file", "section", "key"),
        [
            ("secrets.conf", "secret_keys", "key1"),
            ("secrets.conf", "zato", "well_known_data"),
            ("server.conf", "odb", "engine"),
            ("server.conf", "odb", "db_name"),
            ("sso.conf", "main", "encrypt_password"),
            ("sso.conf", "hash_secret", "salt_size"),
            ("sso.conf", "password", "min_length"),
        ],
    )
    def test_missing_key(
        self, sqlite_server: Server, refuse: Refuse, file: str, section: str, key: str
    ) -> None:
        """Missing section or key: file, section and key are named."""
        sqlite_server.remove(file, key)

        assert f"{file}` has no [{section}] {key}" in refuse(sqlite_server, 78)

    @pytest.mark.parametrize(
        ("file", "section", "key"),
        [
            ("secrets.conf", "secret_keys", "key1"),
            ("secrets.conf", "zato", "well_known_data"),
            ("server.conf", "odb", "engine"),
            ("sso.conf", "main", "encrypt_password"),
            ("sso.conf", "password", "min_length"),
        ],
    )
    def test_missing_section(
        self, sqlite_server: Server, refuse: Refuse, file: str, section: str, key: str
    ) -> None:
        """Missing section or key: of a section, the first key that is asked for."""
        path = sqlite_server.repo / file
        path.write_text(path.read_text().replace(f"[{section}]", "[elsewhere]"))

        assert f"{file}` has no [{section}] {key}" in refuse(sqlite_server, 78)

    @pytest.mark.parametrize(
        ("file", "setting", "values"),
        [
            ("sso.conf", "[hash_secret] rounds", ("0", "4294967296", "", "many", "1e3", SECRET)),
            ("sso.conf", "[hash_secret] salt_size", ("7", "1025", "-8")),
            ("sso.conf", "[password] expiry", ("0", "1.5", "9" * 5000, "\N{FULLWIDTH DIGIT TWO}")),
            ("sso.conf", "[password] min_complexity", ("5",)),
            ("sso.conf", "[main] encrypt_password", ("yes", "")),
            ("server.conf", "[odb] port", ("0", "65536", SECRET)),
        ],
    )
    def test_number(
        self, sqlite_server: Server, refuse: Refuse, file: str, setting: str, values: Sequence[str]
    ) -> None:
        """A number that is none, or out of range: file, section and key are named, the value is not."""
        section, key = setting[1:].split("] ")
        for value in values:
            sqlite_server.edit(file, section, **{key: value})

            assert f"{file}`: {setting} " in refuse(sqlite_server, 78)

    @pytest.mark.parametrize(
        ("section", "key", "value"),
        [
            ("secret_keys", "key1", SECRET),
            ("secret_keys", "key1", f"{SECRET}=, {SECRET}"),
            ("secret_keys", "key1", Fernet.generate_key().decode()),
            ("zato", "well_known_data", f"gAAAAA{SECRET}"),
            ("zato", "server_conf.odb.password", f"gAAAAA{SECRET}"),
        ],
        ids=["not a key", "a list", "another server's", "corrupt proof", "corrupt token"],
    )
    def test_secret(self, sqlite_server: Server, refuse: Refuse, section: str, key: str, value: str) -> None:
        """Key1 that is none, or another server's, and corrupt tokens: the file is named, never the value."""
        sqlite_server.edit("secrets.conf", section, **{key: value})
        message = refuse(sqlite_server, 78)

        assert "secrets.conf" in message
        for secret in (value, sqlite_server.key):
            assert secret[:8] not in message

    @pytest.mark.parametrize(
        ("written", "read"),
        [
            ("zato.db # a comment", "zato.db"),
            ('"za#to.db"', "za#to.db"),
            ("'za,to.db'", "za,to.db"),
            ('"it\'s.db"', "it's.db"),
            ("""'say "hi".db'""", 'say "hi".db'),
            ('"""za\'t"o.db"""', "za't\"o.db"),
            ("$UNSET.db", "$UNSET.db"),
            ("$$HOME", "$$HOME"),
            ("$NAME", "named.db"),
            ("\N{GREEK SMALL LETTER ZETA}\N{CYRILLIC SMALL LETTER A}t\u00f6.db", "\u03b6\u0430t\u00f6.db"),
        ],
    )
    def test_value(self, sqlite_server: Server, invoke: Invoke, written: str, read: str) -> None:
        """A value with `#`, `,`, quotes, `$NAME`, non-ASCII: the database of that very name is changed."""
        shutil.move(sqlite_server.database.name, read)
        sqlite_server.edit("server.conf", "odb", db_name=written)
        done = invoke(*RESET, sqlite_server.path, "user1", env={"NAME": "named.db"})

        moved = replace(sqlite_server, database=Database("sqlite", read))
        match = LINE.fullmatch(done.stdout)
        assert match, done.stderr
        assert moved.opens("user1", match["password"])
        assert ("not set" in done.stderr) == ("$UNSET" in written)

    def test_value_with_a_comma(self, sqlite_server: Server, refuse: Refuse) -> None:
        """A value with `,` that is not quoted: a list, as Zato reads it, so no name."""
        sqlite_server.edit("server.conf", "odb", db_name=f"{SECRET},b")

        assert "[odb] db_name is not a text" in refuse(sqlite_server, 78)

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("[password\n", "line 1"),
            ('[sql]\nurl = "S3cr3t\n', "line 2"),
            ("[sql]\nurl = 'a'\nurl = 'S3cr3t'\n", "line 3"),
            (f"[password]\nexpiry = {'9' * 5000}\n", "a number is too long"),
            (f"[password]\nexpiry = {'[' * 5000}\n", "nested too deeply"),
            ("[pasword]\n", "Did you mean password?"),
            ("[password]\nexpire = 'S3cr3t'\n", "Did you mean [password] expiry?"),
            ('[password]\n"\\u001b[31m" = 1\n', r"\x1b[31m"),
            ("password = 'S3cr3t'\n", "Write [password]"),
            ("[password]\nexpiry = 2026-01-02\n", "[password] expiry"),
            ("[password]\nexpiry = -1\n", "[password] expiry"),
            ("[password]\nexpiry = 4294967295\n", "beyond the year 9999"),
            ('[hash_secret]\nscheme = "S3cr3t"\n', "[hash_secret] scheme"),
        ],
    )
    def test_overrides(self, sqlite_server: Server, refuse: Refuse, text: str, told: str) -> None:
        """`sso.toml` malformed, or with what it can't have: the line, or the nearest that is known."""
        sqlite_server.override(text)
        message = refuse(sqlite_server, 78)

        assert "sso.toml`" in message
        assert told in message


class TestDatabase:
    """Where there is no database as Zato makes it."""

    @pytest.mark.parametrize(
        ("db_name", "harm"),
        [
            ("missing.db", Path.exists),
            ("folder", Path.mkdir),
            ("text", lambda path: path.write_text("This is no database. " * 100)),
            ("empty", Path.touch),
            ("text/zato.db", lambda path: path.parent.write_text("")),
            ("x" * 300, str),
        ],
        ids=["missing", "folder", "text", "empty", "below a file", "too long"],
    )
    def test_sqlite_file(
        self, sqlite_server: Server, refuse: Refuse, db_name: str, harm: Callable[[Path], object]
    ) -> None:
        """SQLite file: missing, of another kind, or without the tables; never made, never changed."""
        harm(Path(db_name))
        sqlite_server.edit("server.conf", "odb", db_name=db_name)
        before = [(path, path.lstat().st_mtime_ns) for path in Path().rglob("*")]

        assert f"`{db_name[:100]}" in refuse(sqlite_server, 69)
        assert [(path, path.lstat().st_mtime_ns) for path in Path().rglob("*")] == before

    @pytest.mark.parametrize("db_name", ["fifo", "/dev/zero"])
    def test_sqlite_file_has_no_end(
        self, sqlite_server: Server, refuse_in_time: Refuse, db_name: str
    ) -> None:
        """SQLite file: a FIFO or a device, which nothing waits for."""
        os.mkfifo("fifo")
        sqlite_server.edit("server.conf", "odb", db_name=db_name)

        assert f"`{db_name}` is not a file" in refuse_in_time(sqlite_server, 69)

    @pytest.mark.parametrize(
        ("harm", "undo"),
        [
            ("TABLE zato_sso_user RENAME TO kept", "TABLE kept RENAME TO zato_sso_user"),
            (
                "TABLE zato_sso_user RENAME COLUMN password_expiry TO kept",
                "TABLE zato_sso_user RENAME COLUMN kept TO password_expiry",
            ),
        ],
        ids=["no such table", "another schema"],
    )
    def test_tables(self, server: Server, invoke: Invoke, harm: str, undo: str) -> None:
        """No such table, another schema: told that it may not be the right database."""
        before = server.database.dump("zato_sso_user")
        server.database.run(f"ALTER {harm}")
        done = invoke(*RESET, server.path, "user1")
        server.database.run(f"ALTER {undo}")

        check_refusal(done.exit_code, done.stdout, done.stderr, 69)
        assert "no zato_sso_user table as Zato makes it" in done.stderr
        assert server.database.dump("zato_sso_user") == before

    @pytest.mark.parametrize("engine", ["postgresql", "mysql"])
    @pytest.mark.parametrize(
        "address",
        [
            "u:S3cr3t@a..b/x",
            f"u:S3cr3t@{'h' * 70}/x",
            "u:S3cr3t@127.0.0.1:99999/x",
            "u:S3cr3t@[::1/x",
            "u:S3cr3t@127.0.0.1/a%00b",
            "u:S3cr3t@127.0.0.1:1/x?S3cr3t=1",
            "u:S3cr3t@127.0.0.1:1/x?charset=S3cr3t",
            "u:S3cr3t@127.0.0.1:1/x?connect_timeout=S3cr3t",
            "u:S3cr3t@127.0.0.1:1/x?ssl_ca=/S3cr3t",
            "u:S3cr3t@127.0.0.1:1/x?plugin=S3cr3t",
            "u:S3cr3t@127.0.0.1/x?host=a&host=b&port=1&port=2&port=3",
            "u:S3cr3t\udcff@127.0.0.1:1/x",
            "u\udcff:S3cr3t@127.0.0.1:1/x",
            "u:S3cr3t@h\udcff/x",
            "u:S3cr3t@127.0.0.1:1/x\udcff",
        ],
    )
    def test_address(self, sqlite_server: Server, invoke: Invoke, engine: str, address: str) -> None:
        """A value that the database's driver can't take: a matter of the configuration, and not shown."""
        sqlite_server.override('[sql]\nurl = "$URL"\n')
        done = invoke(*RESET, sqlite_server.path, "user1", env={"URL": f"{engine}://{address}"})

        assert done.exit_code in {69, 77, 78}, done.stderr
        check_refusal(done.exit_code, done.stdout, done.stderr, done.exit_code)
        assert sqlite_server.opens("user1", OLD)

    def test_address_of_a_file(self, sqlite_server: Server, refuse: Refuse) -> None:
        """SQLite file: a name that no file can have."""
        sqlite_server.override('[sql]\nurl = "sqlite:///a%00b"\n')

        assert r"a\x00b" in refuse(sqlite_server, 69)


class TestPath:
    """PATH."""

    @pytest.mark.parametrize(
        ("path", "told"),
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
    def test_is_no_server(self, sqlite_server: Server, refuse: Refuse, path: str, told: str) -> None:
        """Path: missing, a file, several servers, inside one, the scheduler's; what is there is named."""
        Path("file").touch()
        Path("empty").mkdir()
        for name in ("server1", "server2", "scheduler"):
            repo = Path("env", name, "config", "repo")
            repo.mkdir(parents=True)
            (repo / "secrets.conf").touch()
        Path("env/scheduler/.zato-info").write_text('{"component": "SCHEDULER"}')

        assert told in refuse(sqlite_server, 23, path, "user1")

    def test_is_empty(self, sqlite_server: Server, refuse: Refuse, monkeypatch: pytest.MonkeyPatch) -> None:
        """Path: an empty one is wrong usage, not the current directory."""
        monkeypatch.chdir(sqlite_server.path)

        assert "'PATH'" in refuse(sqlite_server, 2, "", "user1")

    def test_is_of_a_folder_that_is_gone(
        self, sqlite_server: Server, refuse: Refuse, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Relative to a current directory that was removed, there is nothing."""
        with in_no_directory(monkeypatch):
            assert "No server found at `server1`." in refuse(sqlite_server, 23, "server1", "user1")


SERVER1 = Path("server1")
"""Where the parsers' server is: a path so short that what is changed in a file is seldom the path."""

VALID = {
    "server.conf": """
[odb]
db_name=server1/zato.db
engine=sqlite
host=
port=
username=
password=zato+secret://zato.server_conf.odb.password
""",
    "sso.conf": """
[main]
encrypt_password=True
[sql]
name=
[hash_secret]
rounds=1
salt_size=8
[password]
expiry=730
min_length=8
max_length=64
min_complexity=0
reject_list = '''
  qwerty
'''
""",
    "sso.toml": """
[main]
encrypt_password = true
[sql]
name = ""
url = "sqlite:///server1/zato.db"
[hash_secret]
scheme = "argon2id"
time_cost = 1
memory_cost = 8
parallelism = 1
[password]
expiry = 90
min_length = 8
max_length = 64
min_complexity = 0
reject_list = '''
  qwerty
'''
""",
}
"""Files with all settings that are read, and little else; hashing takes no time."""

PIECES = (
    *(b"\0", b"\x1b[31m", b"\xff", b"\n", b"\r", b"[", b"[x", b"]", b"=", b"#", b",", b'"', b"'''", b'"""'),
    *(b"\\", b"%(x)s", b"$UNSET", b"$$", b"zato+secret://zato.x", b"zato+stdin:///", b"True", b"-1", b"0"),
    *(
        b"nan",
        b"1e999",
        b"2026-01-02",
        b"{a=1}",
        b"[[sql]]",
        b'"\\u0000"',
        b'"\\ud800"',
        b"../",
        b"/dev/zero",
    ),
    *(b"9" * 5000, b"[" * 2000, b"x" * 5000, b"\xef\xbb\xbf", b"\xd9\xa2", b"\xe2\x80\xa8", b"\xe2\x80\xae"),
)
"""What some parser may trip over."""

UNITS = {"byte": rb"(?s).", "token": rb"=|\n|[^=\n]+", "line": rb".*\n|.+"}

mutations = st.lists(
    st.tuples(
        st.sampled_from(sorted(UNITS)),
        st.sampled_from(["delete", "duplicate", "replace", "insert"]),
        st.integers(0, 1000),
        st.sampled_from(PIECES) | st.binary(max_size=2),
    ),
    min_size=1,
    max_size=3,
)

arguments = (
    st.sampled_from(
        [
            *("server1", "user1", "MixedCase", "--", "-", "", "-bob", "-h", "--help", "--expiry", "2"),
            *("--expiry=2", "--expiry=0", "--must-change", "--must-change=no", "yes", "user1\udcff"),
            *("--verbose", "--verbose=1", "--store-log", "--store-config", "--expir"),
        ]
    )
    | st.text(st.characters(), max_size=20)
    | st.builds("{}={}".format, st.sampled_from(["--expiry", "--must-change", "--x"]), st.text(max_size=20))
)

fuzz = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
"""The examples of a test share a server, whose password may be another one after each."""


def mutate(content: bytes, unit: str, action: str, number: int, piece: bytes) -> bytes:
    """Return `content` with one of its bytes, tokens or lines changed."""
    parts = re.findall(UNITS[unit], content) or [b""]
    at = number % len(parts)
    part = parts[at]
    changed = {"delete": [], "duplicate": [part, part], "replace": [piece], "insert": [part, piece]}
    return b"".join([*parts[:at], *changed[action], *parts[at + 1 :]])


@pytest.fixture
def small_server() -> Server:
    """A server in the current directory, whose files have little but what is read."""
    server = quick_server(SERVER1)
    for file in ("server.conf", "sso.conf"):
        (server.repo / file).write_text(VALID[file])
    return server


@pytest.fixture
def reset(small_server: Server, invoke: Invoke) -> Callable[..., Result]:
    """Run a reset, and see that it was done, or told in a line why nothing was changed."""

    def run(*args: object) -> Result:
        before = small_server.database.dump("zato_sso_user")
        done = invoke(*RESET, *args)
        lines = done.stderr.removesuffix("\n").split("\n")
        assert done.exception is None or isinstance(done.exception, SystemExit)
        assert all(line.isprintable() for line in lines)
        assert sum(line.startswith("Error: ") for line in lines) == (done.exit_code != 0)
        if match := LINE.fullmatch(done.stdout):
            assert done.exit_code == 0
            assert small_server.opens(match["username"], match["password"])
        else:
            asked_for_help = done.stdout.startswith("Usage: ")
            assert done.exit_code in ({0} if asked_for_help else {2, 21, 22, 23, 69, 73, 77, 78}), done.stderr
            assert asked_for_help or done.stdout == ""
            assert small_server.database.dump("zato_sso_user") == before
        return done

    return run


class TestAnything:
    """The parsers, with whatever comes: only the documented exit codes, and nothing half done."""

    @pytest.mark.parametrize("file", FILES)
    @given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
    @fuzz
    def test_random_file(
        self, small_server: Server, reset: Callable[..., Result], file: str, content: bytes
    ) -> None:
        """INI and TOML: any bytes, and any text."""
        (small_server.repo / file).write_bytes(content)

        reset(SERVER1, "user1")

    @pytest.mark.parametrize("file", FILES)
    @given(mutations)
    @fuzz
    def test_mutated_file(
        self,
        small_server: Server,
        reset: Callable[..., Result],
        file: str,
        changes: Sequence[tuple[str, str, int, bytes]],
    ) -> None:
        """INI and TOML: a valid file, with a few bytes, tokens or lines gone, twice there, or others."""
        key, proof, empty = small_server.key, small_server.seal("3.141592..."), small_server.seal("")
        secrets = (
            f"[secret_keys]\nkey1={key}\n[zato]\nwell_known_data={proof}\nserver_conf.odb.password={empty}\n"
        )
        content = VALID.get(file, secrets).encode()
        for change in changes:
            content = mutate(content, *change)
        (small_server.repo / file).write_bytes(content)

        told = reset(SERVER1, "user1").stderr
        assert re.fullmatch(r"(Warning: .*\n)*(Error: .*\n)?", told)

    @given(st.lists(arguments, max_size=6) | st.permutations(["server1", "user1", "--verbose", "--expiry=2"]))
    @settings(fuzz, max_examples=60)
    def test_random_argv(self, reset: Callable[..., Result], argv: Sequence[str]) -> None:
        """argv: any arguments in any order."""
        reset(*argv)
