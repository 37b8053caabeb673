"""`reset-user-password` on real databases, seen from outside."""

import re
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from click.testing import Result
from cryptography.fernet import Fernet
from passlib.hash import argon2

from tests.services.conftest import Invoke
from tests.support.bulk import as_time
from tests.support.databases import Database, run
from tests.support.servers import LINE, OLD, Server

RESET = ("sso", "reset-user-password")

CHANGED = {"password", "password_last_set", "password_expiry"}

SECOND = timedelta(seconds=1)
"""The precision of MySQL's DATETIME."""

Process = Callable[..., "CompletedProcess[str]"]


def days_left(server: Server, username: str) -> int:
    """Return the number of days until a password expires."""
    expiry = as_time(server.database.row(username)["password_expiry"])
    return round((expiry - datetime.now(timezone.utc).replace(tzinfo=None)) / timedelta(days=1))


def stored_hash(server: Server) -> str:
    """Return the unsealed hash of `user1`."""
    return Fernet(server.key).decrypt(server.database.row("user1")["password"]).decode()


def new_password(result: Result) -> str:
    """Return the password from the only line that a successful reset printed to stdout."""
    match = LINE.fullmatch(result.stdout)
    assert match, (result.exit_code, result.stderr)
    assert result.exit_code == 0
    return match["password"]


def assert_refused(server: Server, result: Result, exit_code: int, *words: str) -> None:
    """Check for one line with `words` on stderr, an empty stdout, and the old password in the database."""
    assert (result.exit_code, result.stdout) == (exit_code, ""), result.stderr
    assert re.fullmatch("Error: .*\n", result.stderr)
    for word in words:
        assert word in result.stderr
    assert server.opens("user1", OLD)


def shift_on_update(server: Server, column: str, seconds: int) -> None:
    """Create a trigger that adds seconds to a time when a user is updated."""
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
    trigger = f"CREATE TRIGGER shift BEFORE UPDATE ON zato_sso_user FOR EACH ROW {body}"
    database.run(trigger, admin=database.engine == "mysql")


class TestReset:
    """A successful reset, on all three engines."""

    def test_printed_password_opens_the_account(self, server: Server, process: Process) -> None:
        """The old password no longer does, and stderr is empty."""
        done = process(*RESET, server.path, "user1")

        assert (done.returncode, done.stderr) == (0, "")
        match = LINE.fullmatch(done.stdout)
        assert match
        assert match["username"] == "user1"
        assert server.opens("user1", match["password"])
        assert not server.opens("user1", OLD)
        stored = server.database.row("user1")["password"]
        assert isinstance(stored, str)
        assert stored.startswith("gAAAA")

    def test_only_the_password_and_its_times_change(self, server: Server, invoke: Invoke) -> None:
        """Other columns, other users and sessions stay as they are; a locked user stays locked."""
        before = server.database.row("locked1")
        others = [row for row in server.database.dump("zato_sso_user") if row[0] != before["id"]]
        sessions = server.database.dump("zato_sso_session")

        password = new_password(invoke(*RESET, server.path, "locked1"))

        assert server.opens("locked1", password)
        after = server.database.row("locked1")
        assert after["is_locked"]
        assert {name for name in before if before[name] != after[name]} == CHANGED
        assert [row for row in server.database.dump("zato_sso_user") if row[0] != before["id"]] == others
        assert server.database.dump("zato_sso_session") == sessions

    def test_times_are_naive_utc(self, server: Server, invoke: Invoke) -> None:
        """`password_last_set` is the current time, `password_expiry` the server's 730 days later."""
        before = datetime.now(timezone.utc).replace(tzinfo=None)
        new_password(invoke(*RESET, server.path, "user1", env={"TZ": "Pacific/Kiritimati"}))
        after = datetime.now(timezone.utc).replace(tzinfo=None)

        row = server.database.row("user1")
        last_set = as_time(row["password_last_set"])
        assert before - SECOND <= last_set <= after + SECOND
        assert as_time(row["password_expiry"]) - last_set == timedelta(days=730)

    @pytest.mark.parametrize(
        ("username", "option", "flag"),
        [
            ("user1", [], False),
            ("changing1", [], True),
            ("user1", ["--must-change", "true"], True),
            ("changing1", ["--must-change", " OFF "], False),
        ],
    )
    def test_must_change_sets_the_flag_or_leaves_it_unchanged(
        self, server: Server, invoke: Invoke, username: str, option: Sequence[str], *, flag: bool
    ) -> None:
        """The option accepts the words that Zato accepts."""
        new_password(invoke(*RESET, *option, server.path, username))

        assert server.database.row(username)["password_must_change"] == flag

    def test_bytes_are_replaced_by_text(self, sqlite_server: Server, invoke: Invoke) -> None:
        """The stock command stores bytes on SQLite."""
        sqlite_server.database.run("UPDATE zato_sso_user SET password = CAST(password AS BLOB)")

        password = new_password(invoke(*RESET, sqlite_server.path, "user1"))

        assert sqlite_server.opens("user1", password)


class TestSettings:
    """The effect of a server's configuration."""

    def test_expiry_sources_have_a_fixed_precedence(
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
    def test_pbkdf2_has_the_rounds_of_the_server(
        self, sqlite_server: Server, invoke: Invoke, rounds: str
    ) -> None:
        """The salt has 64 bytes."""
        sqlite_server.edit("sso.conf", "hash_secret", rounds=rounds)

        password = new_password(invoke(*RESET, sqlite_server.path, "user1"))

        pattern = rf"\$pbkdf2-sha512\${rounds}\$[./\w]{{86}}\$[./\w]{{86}}"
        assert re.fullmatch(pattern, stored_hash(sqlite_server))
        assert sqlite_server.opens("user1", password)

    def test_sso_toml_chooses_argon2id(self, sqlite_server: Server, invoke: Invoke) -> None:
        """Its parameters are RFC 9106's second recommended option."""
        sqlite_server.override('[hash_secret]\nscheme = "argon2id"\n')

        password = new_password(invoke(*RESET, sqlite_server.path, "user1"))

        assert stored_hash(sqlite_server).startswith("$argon2id$v=19$m=65536,t=3,p=4$")
        assert argon2.verify(password, stored_hash(sqlite_server))

    def test_encrypt_password_false_stores_the_hash_itself(
        self, sqlite_server: Server, invoke: Invoke
    ) -> None:
        """It is not sealed with the secret key."""
        sqlite_server.edit("sso.conf", "main", encrypt_password="False")

        new_password(invoke(*RESET, sqlite_server.path, "user1"))

        assert sqlite_server.database.row("user1")["password"].startswith("$pbkdf2-sha512$1000$")

    def test_sql_url_replaces_odb(self, server: Server, invoke: Invoke, tmp_path: Path) -> None:
        """`[sql] url` may be a secret of `secrets.conf`; it is required for an outgoing connection."""
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

    def test_unsatisfiable_policy_is_named(self, sqlite_server: Server, invoke: Invoke) -> None:
        """No generated password can have 31 characters or fewer."""
        sqlite_server.edit("sso.conf", "password", max_length="31")

        result = invoke(*RESET, sqlite_server.path, "user1")

        assert_refused(sqlite_server, result, 21, "max_length=31")

    def test_verbose_names_sources_and_no_secret(self, server: Server, invoke: Invoke) -> None:
        """The sources are the files, the scheme, the expiry's setting and the database."""
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
    def test_only_the_exact_name_of_an_approved_user_is_found(
        self, server: Server, invoke: Invoke, username: str, hint: str
    ) -> None:
        """Case and collation; decomposed Unicode, SQL, wildcards."""
        users = server.database.dump("zato_sso_user")

        assert_refused(server, invoke(*RESET, server.path, username), 22, hint)

        assert server.database.dump("zato_sso_user") == users

    def test_server_inside_the_path_is_suggested(self, sqlite_server: Server, invoke: Invoke) -> None:
        """Path: the parent of a server is not a server."""
        result = invoke(*RESET, sqlite_server.path.parent, "user1")

        assert_refused(sqlite_server, result, 23, "No server found at", "`server1`")

    def test_key_of_another_server_is_refused(self, sqlite_server: Server, invoke: Invoke) -> None:
        """Key1: the message names the file, and not the key."""
        other = Fernet.generate_key().decode()
        sqlite_server.edit("secrets.conf", "secret_keys", key1=other)

        result = invoke(*RESET, sqlite_server.path, "user1")

        assert_refused(sqlite_server, result, 78, "secrets.conf")
        assert other not in result.stderr

    def test_sqlite_file_must_be_a_database(
        self, sqlite_server: Server, invoke: Invoke, tmp_path: Path
    ) -> None:
        """SQLite file: a missing one is not created, a folder and a text file are refused."""
        (tmp_path / "text").write_text("This is text. " * 100)
        for path in (tmp_path / "missing.db", tmp_path, tmp_path / "text"):
            sqlite_server.edit("server.conf", "odb", db_name=str(path))
            assert_refused(sqlite_server, invoke(*RESET, sqlite_server.path, "user1"), 69, str(path))

        assert not (tmp_path / "missing.db").exists()

    @pytest.mark.parametrize(
        ("rename", "restore"),
        [
            ("ALTER TABLE zato_sso_user RENAME TO kept", "ALTER TABLE kept RENAME TO zato_sso_user"),
            (
                "ALTER TABLE zato_sso_user RENAME COLUMN password_expiry TO kept",
                "ALTER TABLE zato_sso_user RENAME COLUMN kept TO password_expiry",
            ),
        ],
    )
    def test_database_without_the_table_is_refused(
        self, server: Server, invoke: Invoke, rename: str, restore: str
    ) -> None:
        """No such table, another schema: the message names the table."""
        server.database.run(rename)
        result = invoke(*RESET, server.path, "user1")
        server.database.run(restore)

        assert_refused(server, result, 69, "zato_sso_user")

    @pytest.mark.usefixtures("hurried")
    def test_wait_for_a_lock_is_limited(self, server: Server, invoke: Invoke) -> None:
        """Rows 15 and 16: on SQLite a reader is enough."""
        where = "" if server.database.engine == "sqlite" else "WHERE id = 1 FOR UPDATE"
        with server.database.connect() as connection:
            run(connection, "BEGIN")
            run(connection, f"SELECT * FROM zato_sso_user {where}")
            start = time.monotonic()
            result = invoke(*RESET, server.path, "user1")
            waited = time.monotonic() - start
            run(connection, "ROLLBACK")

        assert_refused(server, result, 75, "Nothing was changed. Try again.")
        assert 0.9 < waited < 10

    @pytest.mark.parametrize("engine", ["postgresql", "mysql"])
    def test_unreachable_database_is_refused(
        self, engine: str, invoke: Invoke, request: pytest.FixtureRequest, sqlite_server: Server
    ) -> None:
        """Row 21: a closed port, an unknown database, an unknown user with a wrong password."""
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
    def test_missing_driver_is_named_with_its_extra(
        self, engine: str, module: str, invoke: Invoke, sqlite_server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Reinstalling with the extra installs the driver."""
        monkeypatch.setitem(sys.modules, module, None)
        sqlite_server.edit("server.conf", "odb", engine=engine)

        result = invoke(*RESET, sqlite_server.path, "user1")

        assert_refused(sqlite_server, result, 69, f"with the extra `{engine}`")

    def test_unknown_engine_is_refused(self, sqlite_server: Server, invoke: Invoke) -> None:
        """Zato does not run on Oracle."""
        sqlite_server.edit("server.conf", "odb", engine="oracle")

        assert_refused(sqlite_server, invoke(*RESET, sqlite_server.path, "user1"), 78, "oracle")

    @pytest.mark.parametrize(
        "url",
        [
            "hush-hush",
            "postgresql://u:s3cr3t@hush-hush@127.0.0.1:1/db",
            "postgresql://u:s3cr3t@127.0.0.1/hush-hush?x@127.0.0.1:1/db",
            "postgresql://u:s3cr3t@127.0.0.1/hush-hush@127.0.0.1",
        ],
    )
    def test_malformed_url_is_refused_and_not_shown(
        self, sqlite_server: Server, invoke: Invoke, url: str
    ) -> None:
        """The text after an unencoded `@` in a password is part of the password."""
        sqlite_server.override(f'[sql]\nurl = "{url}"\n')

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

    def test_password_that_a_trigger_alters_is_refused(self, sqlite_server: Server, invoke: Invoke) -> None:
        """Row 22: the row is read back before the line is printed."""
        update = "BEFORE UPDATE ON zato_sso_user BEGIN SELECT RAISE(IGNORE); END"
        sqlite_server.database.run(f"CREATE TRIGGER harm {update}")
        assert_refused(sqlite_server, invoke(*RESET, sqlite_server.path, "user1"), 69, "did not keep")

        sqlite_server.database.run("DROP TRIGGER harm")
        change = "UPDATE zato_sso_user SET password = substr(password, 1, 100) WHERE id = new.id"
        sqlite_server.database.run(f"CREATE TRIGGER harm AFTER UPDATE ON zato_sso_user BEGIN {change}; END")
        assert_refused(sqlite_server, invoke(*RESET, sqlite_server.path, "user1"), 69, "did not keep")

    @pytest.mark.parametrize("column", ["password_expiry", "password_last_set"])
    @pytest.mark.parametrize("seconds", [2, 86400])
    def test_time_that_a_trigger_alters_is_refused(
        self, server: Server, invoke: Invoke, column: str, seconds: int
    ) -> None:
        """Row 22, for the times."""
        shift_on_update(server, column, seconds)

        assert_refused(server, invoke(*RESET, server.path, "user1"), 69, "did not keep")

    @pytest.mark.parametrize("server", ["mysql"], indirect=True)
    def test_time_in_whole_seconds_is_accepted(self, server: Server, invoke: Invoke) -> None:
        """MySQL's DATETIME drops or rounds the fraction."""
        new_password(invoke(*RESET, server.path, "user1"))

        row = server.database.row("user1")
        assert row["password_last_set"].microsecond == row["password_expiry"].microsecond == 0


class TestStock:
    """Resets on a directory that a stock Zato 3.3 created."""

    def test_each_reset_replaces_the_password_before(self, stock: Server, process: Process) -> None:
        """Nothing else changes in three resets."""
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
        """A relative db_name is relative to the current directory, as for the stock server."""
        moved = Database("sqlite", shutil.move(stock.database.name, str(tmp_path / "cwd" / "moved.db")))
        stock.edit("server.conf", "odb", db_name="moved.db")
        before = moved.row("admin1")

        assert process(*RESET, stock.path, "admin1").returncode == 0

        after = moved.row("admin1")
        assert {name for name in before if before[name] != after[name]} >= CHANGED
        assert after["password_must_change"] == 1
