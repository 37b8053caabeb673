"""`reset-user-password` on real databases, seen from outside."""

import re
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from click.testing import Result
from cryptography.fernet import Fernet
from passlib.hash import argon2

from tests.support.databases import Database, run
from tests.support.servers import LINE, OLD, Server

RESET = ("sso", "reset-user-password")

CHANGED = {"password", "password_is_set", "password_last_set", "password_expiry"}

SECOND = timedelta(seconds=1)
"""What MySQL's DATETIME leaves off at most."""

Invoke = Callable[..., Result]
Process = Callable[..., "CompletedProcess[str]"]


def as_time(value: object) -> datetime:
    """Return a time of any engine."""
    return value if isinstance(value, datetime) else datetime.fromisoformat(str(value))


def days_left(server: Server, username: str) -> int:
    """Return in how many days the password of a user expires."""
    expiry = as_time(server.database.row(username)["password_expiry"])
    return round((expiry - datetime.now(timezone.utc).replace(tzinfo=None)) / timedelta(days=1))


def new_password(result: Result) -> str:
    """Return the password that a reset printed, which is all that it printed."""
    match = LINE.fullmatch(result.stdout)
    assert match, (result.exit_code, result.stderr)
    assert result.exit_code == 0
    return match["password"]


def assert_refused(server: Server, result: Result, exit_code: int, *words: str) -> None:
    """See one line on stderr that has `words`, nothing on stdout, and the old password in place."""
    assert (result.exit_code, result.stdout) == (exit_code, ""), result.stderr
    assert re.fullmatch("Error: .*\n", result.stderr)
    for word in words:
        assert word in result.stderr
    assert server.opens("user1", OLD)


def shift_on_update(server: Server, column: str, seconds: int) -> None:
    """Make a trigger that adds to a time whenever a user is updated."""
    database = server.database
    if database.engine == "sqlite":
        shifted = f"strftime('%Y-%m-%d %H:%M:%f', {column}, '+{seconds} seconds')"
        body = f"UPDATE zato_sso_user SET {column} = {shifted} WHERE id = new.id"
        database.run(f"CREATE TRIGGER shift AFTER UPDATE ON zato_sso_user BEGIN {body}; END")
        return
    body = f"SET NEW.{column} = NEW.{column} + INTERVAL {seconds} SECOND"
    if database.engine == "postgresql":
        body = "EXECUTE FUNCTION shift()"
        shifted = f"NEW.{column} := NEW.{column} + INTERVAL '{seconds} seconds'"
        database.run(
            "CREATE OR REPLACE FUNCTION shift() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {shifted}; RETURN NEW; END $$"
        )
    database.run(f"CREATE TRIGGER shift BEFORE UPDATE ON zato_sso_user FOR EACH ROW {body}")


class TestReset:
    """The main job, on all three engines."""

    def test_prints_the_line_alone_and_stores_that_password(self, server: Server, process: Process) -> None:
        """The printed password opens the account, and the old one no longer does."""
        done = process(*RESET, server.path, "user1")

        assert (done.returncode, done.stderr) == (0, "")
        match = LINE.fullmatch(done.stdout)
        assert match
        assert match["username"] == "user1"
        assert server.opens("user1", match["password"])
        assert not server.opens("user1", OLD)

    def test_changes_nothing_else(self, server: Server, invoke: Invoke) -> None:
        """Other columns, other users and sessions stay as they are."""
        before = server.database.row("user1")
        others = [row for row in server.database.dump("zato_sso_user") if row[0] != before["id"]]
        sessions = server.database.dump("zato_sso_session")

        new_password(invoke(*RESET, server.path, "user1"))

        after = server.database.row("user1")
        assert {name for name in before if before[name] != after[name]} == CHANGED - {"password_is_set"}
        assert [row for row in server.database.dump("zato_sso_user") if row[0] != before["id"]] == others
        assert server.database.dump("zato_sso_session") == sessions

    def test_times_are_naive_utc(self, server: Server, invoke: Invoke) -> None:
        """`password_last_set` is now, `password_expiry` the server's 730 days later."""
        before = datetime.now(timezone.utc).replace(tzinfo=None)
        new_password(invoke(*RESET, server.path, "user1", env={"TZ": "Pacific/Kiritimati"}))
        after = datetime.now(timezone.utc).replace(tzinfo=None)

        row = server.database.row("user1")
        last_set = as_time(row["password_last_set"])
        assert before - SECOND <= last_set <= after + SECOND
        assert as_time(row["password_expiry"]) - last_set == timedelta(days=730)

    def test_stores_text(self, server: Server, invoke: Invoke) -> None:
        """What a stock server reads back is the token itself, not bytes of it."""
        new_password(invoke(*RESET, server.path, "user1"))

        stored = server.database.row("user1")["password"]
        assert isinstance(stored, str)
        assert stored.startswith("gAAAA")

    @pytest.mark.parametrize(
        ("username", "option", "flag"),
        [
            ("user1", [], False),
            ("changing1", [], True),
            ("user1", ["--must-change", "true"], True),
            ("changing1", ["--must-change", " OFF "], False),
        ],
    )
    def test_must_change(
        self, server: Server, invoke: Invoke, username: str, option: Sequence[str], *, flag: bool
    ) -> None:
        """The flag is set, cleared, or left alone."""
        new_password(invoke(*RESET, *option, server.path, username))

        assert server.database.row(username)["password_must_change"] == flag

    def test_locked_user_stays_locked(self, server: Server, invoke: Invoke) -> None:
        """A reset is no unlock."""
        password = new_password(invoke(*RESET, server.path, "locked1"))

        assert server.opens("locked1", password)
        assert server.database.row("locked1")["is_locked"]

    def test_bytes_are_read_and_text_is_written(self, sqlite_server: Server, invoke: Invoke) -> None:
        """A BLOB that the stock command left on SQLite is replaced like any other value."""
        sqlite_server.database.run("UPDATE zato_sso_user SET password = CAST(password AS BLOB)")

        password = new_password(invoke(*RESET, sqlite_server.path, "user1"))

        assert sqlite_server.opens("user1", password)


class TestSettings:
    """What a server's configuration changes."""

    def test_expiry_is_the_first_that_says(
        self, sqlite_server: Server, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Option, environment, `sso.toml`, `sso.conf`, 760 days, in that order."""

        def expiry(*option: str) -> int:
            new_password(invoke(*RESET, *option, sqlite_server.path, "user1"))
            return days_left(sqlite_server, "user1")

        sqlite_server.override("[password]\nexpiry = 90\n")
        monkeypatch.setenv("Zato_Config_Server_sso__conf_password_expiry", "10")
        assert expiry("--expiry", "2") == 2
        assert expiry("--expiry", "2", "--expiry", "3") == 3
        assert expiry() == 10
        monkeypatch.delenv("Zato_Config_Server_sso__conf_password_expiry")
        assert expiry() == 90
        (sqlite_server.repo / "sso.toml").unlink()
        assert expiry() == 730
        sqlite_server.remove("sso.conf", "expiry")
        assert expiry() == 760

    @pytest.mark.parametrize("rounds", ["120000", "1"])
    def test_pbkdf2_as_the_server_pins_it(self, sqlite_server: Server, invoke: Invoke, rounds: str) -> None:
        """The hash has the server's rounds, the stock ones among them, and 64 bytes of salt."""
        sqlite_server.edit("sso.conf", "hash_secret", rounds=rounds)

        password = new_password(invoke(*RESET, sqlite_server.path, "user1"))

        hashed = Fernet(sqlite_server.key).decrypt(sqlite_server.database.row("user1")["password"]).decode()
        assert re.fullmatch(rf"\$pbkdf2-sha512\${rounds}\$[./\w]{{86}}\$[./\w]{{86}}", hashed)
        assert sqlite_server.opens("user1", password)

    def test_argon2id_where_the_server_says_so(self, sqlite_server: Server, invoke: Invoke) -> None:
        """`sso.toml` chooses the scheme; its parameters are RFC 9106's second option."""
        sqlite_server.override('[hash_secret]\nscheme = "argon2id"\n')

        password = new_password(invoke(*RESET, sqlite_server.path, "user1"))

        hashed = Fernet(sqlite_server.key).decrypt(sqlite_server.database.row("user1")["password"]).decode()
        assert hashed.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
        assert argon2.verify(password, hashed)

    def test_hash_is_not_sealed_where_the_server_does_not(
        self, sqlite_server: Server, invoke: Invoke
    ) -> None:
        """`encrypt_password=False` stores the hash itself."""
        sqlite_server.edit("sso.conf", "main", encrypt_password="False")

        new_password(invoke(*RESET, sqlite_server.path, "user1"))

        assert sqlite_server.database.row("user1")["password"].startswith("$pbkdf2-sha512$1000$")

    def test_database_of_sso_toml(self, server: Server, invoke: Invoke, tmp_path: Path) -> None:
        """`[sql] url` replaces `[odb]`, and may be a secret of `secrets.conf`."""
        database = server.database
        engines = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "mysql": "mariadb"}
        login = f"{database.user}:z%40to%2Fp%3Aw@{database.host}:{database.port}" if database.user else ""
        url = f"{engines[database.engine]}://{login}/{database.name}"
        server.edit("secrets.conf", "zato", **{"sso.url": server.seal(url)})
        server.edit("server.conf", "odb", engine="sqlite", db_name=str(tmp_path / "not-this-one"))
        server.edit("sso.conf", "sql", name="my-outgoing-connection")
        assert_refused(server, invoke(*RESET, server.path, "user1"), 78, "sso.toml", "url")

        server.override('[sql]\nurl = "zato+secret://zato.sso.url"\n')

        assert server.opens("user1", new_password(invoke(*RESET, server.path, "user1")))

    def test_policy_refuses_every_password(self, sqlite_server: Server, invoke: Invoke) -> None:
        """A policy that no generated password can meet is named."""
        sqlite_server.edit("sso.conf", "password", max_length="31")

        result = invoke(*RESET, sqlite_server.path, "user1")

        assert_refused(sqlite_server, result, 21, "max_length=31")

    def test_verbose_tells_where_from(self, server: Server, invoke: Invoke) -> None:
        """--verbose names the files, the scheme, the source of the expiry and the database, and no secret."""
        result = invoke(*RESET, "--verbose", server.path, "user1")

        password = new_password(result)
        for file in ("secrets.conf", "server.conf", "sso.conf"):
            assert str(server.repo / file) in result.stderr
        for word in ("PBKDF2-SHA512, 1000 rounds", "730 days", server.database.name, server.database.host):
            assert word in result.stderr
        for secret in (password, server.key, "z@to/p:w", "pbkdf2-sha512$", "gAAAA"):
            assert secret not in result.stderr


class TestRefusals:
    """One line on stderr, the documented exit code, nothing changed."""

    @pytest.mark.parametrize(
        ("username", "hint"),
        [
            ("nobody", "No such user `nobody`"),
            ("USER1", "Did you mean `user1`?"),
            ("user1 ", "No such user `user1 `"),
            ("mixedcase", "Did you mean `MixedCase`?"),
            ("pending1", "not approved"),
            ("' OR 1=1 --", "No such user"),
            ("%", "No such user"),
            ("user_", "No such user"),
            ("use\N{LATIN SMALL LETTER R}\N{COMBINING ACUTE ACCENT}1", "No such user"),
        ],
    )
    def test_no_such_user(self, server: Server, invoke: Invoke, username: str, hint: str) -> None:
        """A user is found by the exact name alone, and only where approved."""
        users = server.database.dump("zato_sso_user")

        assert_refused(server, invoke(*RESET, server.path, username), 22, hint)

        assert server.database.dump("zato_sso_user") == users

    def test_not_a_server(self, sqlite_server: Server, invoke: Invoke) -> None:
        """The parent of a server is none, but the message names the server."""
        result = invoke(*RESET, sqlite_server.path.parent, "user1")

        assert_refused(sqlite_server, result, 23, "No server found at", "`server1`")

    def test_wrong_key(self, sqlite_server: Server, invoke: Invoke) -> None:
        """Another server's key is told apart before the database is touched."""
        other = Fernet.generate_key().decode()
        sqlite_server.edit("secrets.conf", "secret_keys", key1=other)

        result = invoke(*RESET, sqlite_server.path, "user1")

        assert_refused(sqlite_server, result, 78, "secrets.conf")
        assert other not in result.stderr

    def test_sqlite_file_missing(self, sqlite_server: Server, invoke: Invoke, tmp_path: Path) -> None:
        """A file that is missing is not made."""
        missing = tmp_path / "missing.db"
        sqlite_server.edit("server.conf", "odb", db_name=str(missing))

        assert_refused(sqlite_server, invoke(*RESET, sqlite_server.path, "user1"), 69, str(missing))

        assert not missing.exists()

    def test_sqlite_file_is_none(self, sqlite_server: Server, invoke: Invoke, tmp_path: Path) -> None:
        """A folder and a file of another kind are refused."""
        (tmp_path / "text").write_text("This is no database. " * 100)
        for name in (tmp_path, tmp_path / "text"):
            sqlite_server.edit("server.conf", "odb", db_name=str(name))
            assert_refused(sqlite_server, invoke(*RESET, sqlite_server.path, "user1"), 69, str(name))

    def test_no_table(self, server: Server, invoke: Invoke) -> None:
        """A database without the tables, or with others of that name, is said to be the wrong one."""
        server.database.run("ALTER TABLE zato_sso_user RENAME TO kept")
        result = invoke(*RESET, server.path, "user1")
        server.database.run("ALTER TABLE kept RENAME TO zato_sso_user")
        assert_refused(server, result, 69, "zato_sso_user")

        server.database.run("ALTER TABLE zato_sso_user RENAME COLUMN password_expiry TO kept")
        result = invoke(*RESET, server.path, "user1")
        server.database.run("ALTER TABLE zato_sso_user RENAME COLUMN kept TO password_expiry")
        assert_refused(server, result, 69, "zato_sso_user")

    def test_locked_database(self, server: Server, invoke: Invoke) -> None:
        """A lock that somebody else holds is waited for, but not for long."""
        with server.database.connect() as connection:
            if server.database.engine == "sqlite":
                run(connection, "BEGIN")
                run(connection, "SELECT * FROM zato_sso_user")
            else:
                run(connection, "BEGIN")
                run(connection, "SELECT * FROM zato_sso_user WHERE id = 1 FOR UPDATE")
            start = time.monotonic()
            result = invoke(*RESET, server.path, "user1")
            waited = time.monotonic() - start
            run(connection, "ROLLBACK")

        assert_refused(server, result, 75, "try again")
        assert 4 < waited < 20

    @pytest.mark.parametrize("engine", ["postgresql", "mysql"])
    def test_server_is_not_there(
        self, engine: str, invoke: Invoke, request: pytest.FixtureRequest, sqlite_server: Server
    ) -> None:
        """A refused connection, a wrong password and a wrong database are told apart from success."""
        database: Database = request.getfixturevalue(engine)
        sqlite_server.edit(
            "server.conf",
            "odb",
            engine=engine,
            db_name=database.name,
            host=database.host,
            port="1",
            username=database.user,
            password="z@to/p:w",
        )
        assert_refused(sqlite_server, invoke(*RESET, sqlite_server.path, "user1"), 69, "can't be reached")

        sqlite_server.edit("server.conf", "odb", port="", db_name="no_such_database")
        result = invoke(*RESET, sqlite_server.path, "user1")
        assert result.exit_code in {69, 77}
        assert_refused(sqlite_server, result, result.exit_code, "no_such_database")

        sqlite_server.edit("server.conf", "odb", username="no_such_user", password="hush-hush")
        result = invoke(*RESET, sqlite_server.path, "user1")
        assert result.exit_code in {69, 77}
        assert_refused(sqlite_server, result, result.exit_code)
        assert "hush-hush" not in result.stderr

    @pytest.mark.parametrize(("engine", "module"), [("postgresql", "psycopg"), ("mysql", "pymysql")])
    def test_driver_is_missing(
        self, engine: str, module: str, invoke: Invoke, sqlite_server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The message has the command that installs it."""
        monkeypatch.setitem(sys.modules, module, None)
        sqlite_server.edit("server.conf", "odb", engine=engine)

        result = invoke(*RESET, sqlite_server.path, "user1")

        assert_refused(sqlite_server, result, 69, f"its extra `{engine}`")

    def test_unknown_engine(self, sqlite_server: Server, invoke: Invoke) -> None:
        """An engine that Zato does not run on is refused."""
        sqlite_server.edit("server.conf", "odb", engine="oracle")

        assert_refused(sqlite_server, invoke(*RESET, sqlite_server.path, "user1"), 78, "oracle")

    def test_malformed_url(self, sqlite_server: Server, invoke: Invoke) -> None:
        """A URL that is none is refused, and not shown."""
        sqlite_server.override('[sql]\nurl = "hush-hush"\n')

        result = invoke(*RESET, sqlite_server.path, "user1")

        assert_refused(sqlite_server, result, 78, "[sql] url")
        assert "hush-hush" not in result.stderr

    @pytest.mark.parametrize(
        "rest",
        [
            "s3cr3t@hush-hush@127.0.0.1:1/db",
            "s3cr3t@127.0.0.1/hush-hush?x@127.0.0.1:1/db",
            "s3cr3t@127.0.0.1/hush-hush@127.0.0.1",
        ],
        ids=["in the host", "in the options", "in the name"],
    )
    def test_at_sign_in_the_password_of_a_url_is_refused(
        self, sqlite_server: Server, invoke: Invoke, rest: str
    ) -> None:
        """What follows an `@` that was not percent-encoded is part of a password, which no message shows."""
        sqlite_server.override(f'[sql]\nurl = "postgresql://u:{rest}"\n')

        result = invoke(*RESET, sqlite_server.path, "user1")

        assert_refused(sqlite_server, result, 78, "[sql] url")
        assert "hush-hush" not in result.stderr

    def test_at_sign_in_the_path_of_a_sqlite_url_is_accepted(
        self, sqlite_server: Server, invoke: Invoke, tmp_path: Path
    ) -> None:
        """A SQLite URL has no password."""
        moved = shutil.move(sqlite_server.database.name, tmp_path / "a@b.db")
        sqlite_server.override(f'[sql]\nurl = "sqlite:///{moved}"\n')

        new_password(invoke(*RESET, sqlite_server.path, "user1"))

    def test_database_keeps_something_else(self, sqlite_server: Server, invoke: Invoke) -> None:
        """What a trigger does to the new password, or to the update, is seen before the line."""
        update = "BEFORE UPDATE ON zato_sso_user BEGIN SELECT RAISE(IGNORE); END"
        sqlite_server.database.run(f"CREATE TRIGGER harm {update}")
        assert_refused(sqlite_server, invoke(*RESET, sqlite_server.path, "user1"), 69, "did not keep")

        sqlite_server.database.run("DROP TRIGGER harm")
        change = "UPDATE zato_sso_user SET password = substr(password, 1, 100) WHERE id = new.id"
        sqlite_server.database.run(f"CREATE TRIGGER harm AFTER UPDATE ON zato_sso_user BEGIN {change}; END")
        assert_refused(sqlite_server, invoke(*RESET, sqlite_server.path, "user1"), 69, "did not keep")

    @pytest.mark.parametrize("column", ["password_expiry", "password_last_set"])
    @pytest.mark.parametrize("seconds", [2, 86400])
    def test_altered_time_is_refused(self, server: Server, invoke: Invoke, column: str, seconds: int) -> None:
        """A trigger that shifts a time is noticed before the line is printed."""
        shift_on_update(server, column, seconds)

        assert_refused(server, invoke(*RESET, server.path, "user1"), 69, "did not keep")

    @pytest.mark.parametrize("server", ["mysql"], indirect=True)
    def test_time_in_whole_seconds_is_accepted(self, server: Server, invoke: Invoke) -> None:
        """MySQL's DATETIME has no fraction, so up to a second may be lost."""
        new_password(invoke(*RESET, server.path, "user1"))

        row = server.database.row("user1")
        assert row["password_last_set"].microsecond == row["password_expiry"].microsecond == 0


class TestStock:
    """The main job on a directory that a stock Zato 3.3 made."""

    def test_three_resets(self, stock: Server, process: Process) -> None:
        """Three passwords, each of which opens the account in place of the one before."""
        before = stock.database.row("user1")
        others = [row for row in stock.database.dump("zato_sso_user") if row[0] != before["id"]]
        sessions = stock.database.dump("zato_sso_session")
        passwords = ["Vx-AJBvbZ~XDg6:ZF3"]
        assert stock.opens("user1", passwords[0])

        for _ in range(3):
            done = process(*RESET, stock.path, "user1")
            assert (done.returncode, done.stderr) == (0, "")
            match = LINE.fullmatch(done.stdout)
            assert match
            assert stock.opens("user1", match["password"])
            assert not stock.opens("user1", passwords[-1])
            passwords.append(match["password"])

        assert len(set(passwords)) == 4
        after = stock.database.row("user1")
        assert {name for name in before if before[name] != after[name]} <= CHANGED
        assert days_left(stock, "user1") == 730
        assert [row for row in stock.database.dump("zato_sso_user") if row[0] != before["id"]] == others
        assert stock.database.dump("zato_sso_session") == sessions

    def test_relative_database_path(self, stock: Server, process: Process, tmp_path: Path) -> None:
        """A relative db_name is relative to the current directory, as the stock server takes it."""
        shutil.move(stock.database.name, tmp_path / "cwd" / "moved.db")
        stock.edit("server.conf", "odb", db_name="moved.db")

        assert process(*RESET, stock.path, "admin1").returncode == 0

        with closing(sqlite3.connect(tmp_path / "cwd" / "moved.db")) as connection:
            [(must_change,)] = connection.execute(
                "SELECT password_must_change FROM zato_sso_user WHERE username = 'admin1'"
            )
        assert must_change == 1
