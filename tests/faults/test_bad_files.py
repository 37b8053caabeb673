"""Invalid files and settings: the docstrings begin with the names in the table of docs/faults.md.

Each refusal is one line on stderr, with nothing on stdout and nothing changed. A file that might block the
command goes to a separate process.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tests.faults.conftest import RESET, SECRET, Invoke, Refuse, check_refusal, printed
from tests.support.databases import Database
from tests.support.processes import AS_NOBODY, environment
from tests.support.servers import OLD, Server

FILES = ("secrets.conf", "server.conf", "sso.conf", "sso.toml")

FIRST_KEYS = (
    ("secrets.conf", "secret_keys", "key1"),
    ("secrets.conf", "zato", "well_known_data"),
    ("server.conf", "odb", "engine"),
    ("sso.conf", "main", "encrypt_password"),
    ("sso.conf", "password", "min_length"),
)
"""The first key of each section that is read."""


class TestFiles:
    """Configuration files that can't be read."""

    @pytest.mark.parametrize("file", FILES)
    @pytest.mark.parametrize(
        ("spoil", "shown"),
        [
            (Path.mkdir, "Is a directory"),
            (lambda path: path.write_bytes(b"#" * (1024 * 1024 + 1)), "larger than 1 MiB"),
            (lambda path: path.write_bytes(b"\n\x7fELF\0S3cr3t"), "line 2"),
            (lambda path: path.write_bytes(b"[main]\nx=1\ny=S3cr3t\xff\n"), "line 3"),
            (lambda path: path.write_bytes("[main]\n".encode("utf-16")), "line 1"),
        ],
        ids=["folder", "large", "binary", "not UTF-8", "UTF-16"],
    )
    def test_unusable(
        self, sqlite_server: Server, refuse: Refuse, file: str, spoil: Callable[[Path], object], shown: str
    ) -> None:
        """A config file: the message names the file, and the line, but not the content."""
        path = sqlite_server.repo / file
        path.unlink(missing_ok=True)
        spoil(path)
        message = refuse(sqlite_server, 78)

        assert f"`{path}`" in message
        assert shown in message

    @pytest.mark.parametrize("file", FILES)
    @pytest.mark.parametrize(
        "create", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")], ids=["FIFO", "device"]
    )
    def test_fifo_or_device(
        self, sqlite_server: Server, refuse_in_time: Refuse, file: str, create: Callable[[Path], object]
    ) -> None:
        """A config file: a FIFO or a device does not block the command."""
        path = sqlite_server.repo / file
        path.unlink(missing_ok=True)
        create(path)

        assert f"`{path}` is not a regular file" in refuse_in_time(sqlite_server, 78)

    @pytest.mark.parametrize(
        ("file", "exit_code"), [("secrets.conf", 23), ("server.conf", 78), ("sso.conf", 78)]
    )
    def test_absent(self, sqlite_server: Server, refuse: Refuse, file: str, exit_code: int) -> None:
        """A config file: absent; without `secrets.conf`, it is not a server."""
        (sqlite_server.repo / file).unlink()

        assert file in refuse(sqlite_server, exit_code)

    def test_dangling_link(self, sqlite_server: Server, refuse: Refuse) -> None:
        """A config file: a link to absent overrides is an error, not an absent file."""
        (sqlite_server.repo / "sso.toml").symlink_to("unmounted/sso.toml")

        assert "sso.toml` is missing" in refuse(sqlite_server, 78)

    @pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to run as another user")
    @pytest.mark.parametrize("file", FILES[::3])
    def test_unreadable(self, open_server: Server, file: str) -> None:
        """A config file: unreadable."""
        (open_server.repo / file).chmod(0o600)
        argv = [*AS_NOBODY, *RESET, str(open_server.path), "user1"]
        done = subprocess.run(argv, env=environment(), capture_output=True, text=True, check=False)

        check_refusal(done, 77)
        assert f"`{open_server.repo / file}`" in done.stderr
        assert open_server.opens("user1", OLD)


class TestSettings:
    """Settings that are missing, invalid, or quoted."""

    @pytest.mark.parametrize(
        ("setting", "missing"),
        [
            *((first_key, missing) for first_key in FIRST_KEYS for missing in ("key", "section")),
            (("server.conf", "odb", "db_name"), "key"),
            (("sso.conf", "hash_secret", "salt_size"), "key"),
        ],
    )
    def test_missing(
        self, sqlite_server: Server, refuse: Refuse, setting: tuple[str, str, str], missing: str
    ) -> None:
        """Missing section or key: the message names file, section and key."""
        file, section, key = setting
        path = sqlite_server.repo / file
        if missing == "key":
            sqlite_server.remove(file, key)
        else:
            path.write_text(path.read_text().replace(f"[{section}]", "[elsewhere]"))

        assert f"{file}` has no [{section}] {key}" in refuse(sqlite_server, 78)

    @pytest.mark.parametrize(
        ("file", "setting", "values"),
        [
            ("sso.conf", "[hash_secret] rounds", ("0", "4294967296", "", "many", "1e3", SECRET)),
            ("sso.conf", "[hash_secret] salt_size", ("7", "1025", "-8")),
            ("sso.conf", "[password] expiry", ("0", "1.5", "9" * 4000, "\N{FULLWIDTH DIGIT TWO}")),
            ("sso.conf", "[password] min_complexity", ("5",)),
            ("sso.conf", "[main] encrypt_password", ("yes", "")),
            ("server.conf", "[odb] port", ("0", "65536", SECRET)),
        ],
    )
    def test_number(
        self, sqlite_server: Server, refuse: Refuse, file: str, setting: str, values: Sequence[str]
    ) -> None:
        """A number: the message names file, section and key, but not the value."""
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
        """Key1: the message names the file, never the value."""
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
        """A value: with `#`, `,`, quotes, `$NAME` or non-ASCII characters, read as Zato reads it."""
        shutil.move(sqlite_server.database.name, read)
        sqlite_server.edit("server.conf", "odb", db_name=written)
        done = invoke(*RESET, sqlite_server.path, "user1", env={"NAME": "named.db"})

        moved = replace(sqlite_server, database=Database("sqlite", read))
        assert moved.opens("user1", printed(done.stdout))
        assert ("not set" in done.stderr) == ("$UNSET" in written)

    def test_value_with_a_comma(self, sqlite_server: Server, refuse: Refuse) -> None:
        """A value: unquoted with `,`, which Zato reads as a list."""
        sqlite_server.edit("server.conf", "odb", db_name=f"{SECRET},b")

        assert "[odb] db_name is not text" in refuse(sqlite_server, 78)

    @pytest.mark.parametrize(
        ("text", "shown"),
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
    def test_overrides(self, sqlite_server: Server, refuse: Refuse, text: str, shown: str) -> None:
        """`sso.toml`: the message names the line, or the nearest known section or key."""
        sqlite_server.override(text)
        message = refuse(sqlite_server, 78)

        assert "sso.toml`" in message
        assert shown in message


class TestDatabase:
    """Databases that are not Zato's."""

    @pytest.mark.parametrize(
        ("db_name", "create"),
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
        self, sqlite_server: Server, refuse: Refuse, db_name: str, create: Callable[[Path], object]
    ) -> None:
        """SQLite file: missing, not a database, or without tables; neither created nor changed."""
        create(Path(db_name))
        sqlite_server.edit("server.conf", "odb", db_name=db_name)
        before = [(path, path.lstat().st_mtime_ns) for path in Path().rglob("*")]

        assert f"`{db_name[:100]}" in refuse(sqlite_server, 69)
        assert [(path, path.lstat().st_mtime_ns) for path in Path().rglob("*")] == before

    @pytest.mark.parametrize("db_name", ["fifo", "/dev/zero"])
    def test_sqlite_fifo_or_device(self, sqlite_server: Server, refuse_in_time: Refuse, db_name: str) -> None:
        """SQLite file: a FIFO or a device does not block the command."""
        os.mkfifo("fifo")
        sqlite_server.edit("server.conf", "odb", db_name=db_name)

        assert f"`{db_name}` is not a file" in refuse_in_time(sqlite_server, 69)

    @pytest.mark.parametrize(
        ("change", "undo"),
        [
            ("RENAME TO kept", "ALTER TABLE kept RENAME TO zato_sso_user"),
            (
                "RENAME COLUMN password_expiry TO kept",
                "ALTER TABLE zato_sso_user RENAME COLUMN kept TO password_expiry",
            ),
        ],
        ids=["no such table", "another schema"],
    )
    def test_tables(self, server: Server, invoke: Invoke, change: str, undo: str) -> None:
        """No such table, another schema: the message says that it may be the wrong database."""
        before = server.database.dump("zato_sso_user")
        server.database.run(f"ALTER TABLE zato_sso_user {change}")
        done = invoke(*RESET, server.path, "user1")
        server.database.run(undo)

        check_refusal(done, 69)
        assert "no zato_sso_user table like Zato's" in done.stderr
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
        """A value: refused by the database's driver, and not shown."""
        sqlite_server.override('[sql]\nurl = "$URL"\n')
        done = invoke(*RESET, sqlite_server.path, "user1", env={"URL": f"{engine}://{address}"})

        assert done.exit_code in {69, 77, 78}, done.stderr
        check_refusal(done, done.exit_code)
        assert sqlite_server.opens("user1", OLD)

    def test_address_of_a_file(self, sqlite_server: Server, refuse: Refuse) -> None:
        """SQLite file: a name that is invalid for a file."""
        sqlite_server.override('[sql]\nurl = "sqlite:///a%00b"\n')

        assert r"a\x00b" in refuse(sqlite_server, 69)
