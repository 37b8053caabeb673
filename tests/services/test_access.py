"""`--unlock`, `--disable-totp`, `--revoke-access` and the warnings, on real databases, seen from outside."""

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from click.testing import Result

from tests.conftest import ENGINES, ZATO
from tests.support.access import (
    EARLIER,
    LATER,
    PASSWORD,
    UNLOCKED,
    Differences,
    differences,
    furnish,
    insert_attribute,
    insert_link,
    insert_linked,
    insert_session,
    revoked,
    rows,
)
from tests.support.bulk import all_rows, as_time, assert_valid, bulk_arguments
from tests.support.databases import Database, make_3_0, run
from tests.support.servers import OLD, Server
from zato_sso_reset.audit.operator import operating_user
from zato_sso_reset.services import bulk_reset as bulk

Invoke = Callable[..., Result]

ALL = ("--unlock", "--disable-totp", "--revoke-access")

TOTP = frozenset({"is_totp_enabled"})

DONE = "Also changed: {}.\n"
"""What stderr says of changes beside the password."""

NOTHING = "users unlocked: 0, TOTP turned off: 0, sessions removed: 0, password-reset links voided: 0"

REVOKED = "sessions removed: 7, password-reset links voided: 6"

THRESHOLD = "about_to_expire_threshold of 30"


@pytest.fixture
def reset(server: Server, invoke: Invoke) -> Invoke:
    """Reset the password of `user1` in this process."""

    def run(*args: object) -> Result:
        return invoke("sso", "reset-user-password", server.path, "user1", *args)

    return run


def user(user_id: int, *columns: frozenset[str]) -> Differences:
    """Return that these columns of a user changed."""
    return {("zato_sso_user", user_id): frozenset().union(*columns)}


def warned(stderr: str) -> list[str]:
    """Return the warnings, without what was done."""
    lines = stderr.splitlines()
    assert all(line.startswith(("Warning: ", "Also changed: ")) for line in lines)
    return [line.removeprefix("Warning: ") for line in lines if line.startswith("Warning: ")]


def seconds_since(value: object) -> float:
    """Return how long ago a time of any engine was."""
    return (datetime.now(timezone.utc).replace(tzinfo=None) - as_time(value)) / timedelta(seconds=1)


class TestOptions:
    """What was to change did, and nothing else, of this user or another."""

    @pytest.mark.parametrize(
        ("option", "expected", "told"),
        [
            ("--unlock", user(1, PASSWORD, UNLOCKED), "users unlocked: 1"),
            ("--disable-totp", user(1, PASSWORD, TOTP), "TOTP turned off: 1"),
            (
                "--revoke-access",
                {**user(1, PASSWORD), **revoked(1)},
                "sessions removed: 2, password-reset links voided: 2",
            ),
        ],
    )
    def test_alone(
        self, server: Server, reset: Invoke, option: str, expected: Differences, told: str
    ) -> None:
        """An option changes what it names, and says so."""
        furnish(server, 1, 4)
        before = rows(server.database)

        done = reset(option)

        assert done.exit_code == 0
        assert done.stderr.startswith(DONE.format(told))
        assert differences(before, rows(server.database)) == expected
        assert_valid_line(server, done)

    @pytest.mark.parametrize("must_change", [(), ("--must-change", "yes")])
    def test_at_once(self, server: Server, reset: Invoke, must_change: tuple[str, ...]) -> None:
        """All of them, with the password and its flags; what was written is what Zato reads."""
        furnish(server, 1, 4)
        before = rows(server.database)

        done = reset(*ALL, *must_change)

        after = rows(server.database)
        flag = frozenset({"password_must_change"} if must_change else ())
        told = "users unlocked: 1, TOTP turned off: 1, sessions removed: 2, "
        assert (done.exit_code, done.stderr) == (
            0,
            DONE.format(f"{told}password-reset links voided: 2")
            + "Warning: 2 linked account(s) log in without this password.\n",
        )
        assert differences(before, after) == {**user(1, PASSWORD, UNLOCKED, TOTP, flag), **revoked(1)}
        assert_valid_line(server, done)
        row = after["zato_sso_user", 1]
        assert (row["is_locked"], row["is_totp_enabled"], row["totp_key"]) == (False, False, "k")
        assert row["locked_by"] == f"{operating_user()}@{os.uname().nodename}"
        assert -1 < seconds_since(row["locked_time"]) < 60  # MySQL may round up
        for number in (101, 102):
            link = after["zato_sso_password_reset", number]
            for name in ("expiration_time", "reset_key_exp_time"):
                assert 59 <= seconds_since(link[name]) < 120

    def test_nothing_to_do(self, server: Server, reset: Invoke) -> None:
        """What is not locked, on, or there is left as it is, and said to be none."""
        furnish(server, 4)
        with server.database.connect() as connection:
            insert_link(connection, 1, 1, expires=EARLIER)
            insert_attribute(connection, 1, 1, None)
        before = rows(server.database)

        done = reset(*ALL)

        assert (done.exit_code, done.stderr) == (0, DONE.format(NOTHING))
        assert differences(before, rows(server.database)) == user(1, PASSWORD)

    def test_with_a_chosen_password(self, sqlite_server: Server, invoke: Invoke) -> None:
        """`change-user-password` takes the same options."""
        furnish(sqlite_server, 1, 4)
        before = rows(sqlite_server.database)

        done = invoke(
            "sso", "change-user-password", sqlite_server.path, "user1", "--password-stdin", *ALL,
            input="Quite-Another.1\n",
        )  # fmt: skip

        assert done.exit_code == 0
        assert warned(done.stderr) == ["2 linked account(s) log in without this password."]
        assert differences(before, rows(sqlite_server.database)) == {
            **user(1, PASSWORD, UNLOCKED, TOTP),
            **revoked(1),
        }
        assert sqlite_server.opens("user1", "Quite-Another.1")

    def test_on_a_stock_database(self, stock: Server, invoke: Invoke) -> None:
        """The tables of a stock Zato 3.3, with a session that it opened."""
        stock.edit("sso.conf", "hash_secret", rounds="1000")
        stock.database.run(f"UPDATE zato_sso_session SET expiration_time = '{LATER}'")
        before = rows(stock.database)
        told, ids = {}, {row["username"]: key for key, row in before.items() if key[0] == "zato_sso_user"}

        for username in ("user1", "locked1", "totp1"):
            done = invoke("sso", "reset-user-password", stock.path, username, *ALL)
            assert (done.exit_code, done.stdout[:17]) == (0, "Password for user")
            told[username] = done.stderr

        assert told == {
            "user1": DONE.format(NOTHING.replace("removed: 0", "removed: 1")),
            "locked1": DONE.format(NOTHING.replace("unlocked: 0", "unlocked: 1")),
            "totp1": DONE.format(NOTHING.replace("off: 0", "off: 1")),
        }
        assert differences(before, rows(stock.database)) == {
            ids["user1"]: PASSWORD,
            ids["locked1"]: PASSWORD | UNLOCKED,
            ids["totp1"]: PASSWORD | TOTP,
            ("zato_sso_session", 1): frozenset(),
        }


def assert_valid_line(server: Server, done: Result) -> None:
    """See that the printed password opens the account, and the old one no longer does."""
    password = done.stdout.split("`")[3]
    assert server.opened_by({"user1": password}) == {"user1"}
    assert "user1" not in server.opened_by(dict.fromkeys(all_rows(server.database), OLD))


class TestMany:
    """`reset-user-passwords` with the same options."""

    @pytest.fixture
    def reset_all(
        self, server: Server, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
    ) -> Callable[..., Result]:
        """Reset all who are approved, two at a time; a user who is not has as much as the others."""
        monkeypatch.setattr(bulk, "BATCH", 2)
        furnish(server, 1, 2, 3, 4)

        def run(*args: object) -> Result:
            return invoke(*bulk_arguments(server, "--all", "--yes", *args))

        return run

    @pytest.mark.parametrize(
        ("server", "options", "columns", "told"),
        [
            ("sqlite", ("--unlock",), UNLOCKED, "users unlocked: 3"),
            ("sqlite", ("--disable-totp",), TOTP, "TOTP turned off: 3"),
            ("sqlite", ("--revoke-access",), frozenset(), REVOKED),
            *(
                (engine, ALL, UNLOCKED | TOTP, f"users unlocked: 3, TOTP turned off: 3, {REVOKED}")
                for engine in ENGINES
            ),
        ],
        indirect=["server"],
    )
    def test_all(
        self,
        server: Server,
        reset_all: Invoke,
        options: tuple[str, ...],
        columns: frozenset[str],
        told: str,
    ) -> None:
        """Users of all batches, those who are approved alone, counted together."""
        before = rows(server.database)
        expected = user(5, PASSWORD)
        for user_id in (1, 2, 4):
            expected = {**expected, **user(user_id, PASSWORD, columns)}
            if "--revoke-access" in options:
                expected = {**expected, **revoked(user_id), ("zato_sso_session", 1): frozenset()}

        done = reset_all(*options)

        assert (done.exit_code, done.stderr) == (
            0,
            "Reset the passwords of 4 user(s).\n" + DONE.format(told),
        )
        assert differences(before, rows(server.database)) == expected
        assert_valid(server, done.stdout)

    def test_none(self, server: Server, reset_all: Invoke) -> None:
        """Passwords alone are changed, and nothing is said beside; nor with --dry-run, which changes none."""
        before = rows(server.database)

        dry = reset_all(*ALL, "--dry-run")

        assert (dry.exit_code, dry.stdout) == (0, "")
        assert rows(server.database) == before
        done = reset_all()
        assert (done.exit_code, done.stderr) == (0, "Reset the passwords of 4 user(s).\n")
        assert differences(before, rows(server.database)) == {
            key: value for user_id in (1, 2, 4, 5) for key, value in user(user_id, PASSWORD).items()
        }


def two_sessions(connection: Any) -> None:
    """Open two sessions of `user1`."""
    insert_session(connection, 8, 1)
    insert_session(connection, 9, 1)


def two_links(connection: Any) -> None:
    """Send two links to `user1`, one of which was followed."""
    insert_link(connection, 8, 1)
    insert_link(connection, 9, 1, expires=EARLIER, key_expires=LATER)


class TestWarnings:
    """What still stands in the owner's way, or open to others."""

    @pytest.mark.parametrize(
        ("make", "warning", "option"),
        [
            (
                lambda connection: run(connection, "UPDATE zato_sso_user SET is_locked = true WHERE id = 1"),
                "The user is locked, so can't log in. --unlock mends that.",
                "--unlock",
            ),
            (
                lambda connection: run(
                    connection, "UPDATE zato_sso_user SET is_totp_enabled = true WHERE id = 1"
                ),
                "TOTP is on, so the password alone does not log in. --disable-totp turns it off.",
                "--disable-totp",
            ),
            (
                two_sessions,
                "2 open session(s) go on. --revoke-access ends them.",
                "--revoke-access",
            ),
            (
                two_links,
                "2 password-reset link(s) still work. --revoke-access voids them.",
                "--revoke-access",
            ),
            (
                lambda connection: insert_linked(connection, 8, 1, "zato.jwt"),
                "1 linked account(s) log in without this password.",
                None,
            ),
        ],
        ids=["locked", "totp", "sessions", "links", "linked"],
    )
    def test_each(
        self,
        server: Server,
        reset: Invoke,
        make: Callable[[Any], object],
        warning: str,
        option: str | None,
    ) -> None:
        """One is given where there is reason to; never for another user's, nor for what an option mends."""
        furnish(server, 4)
        with server.database.connect() as connection:
            insert_session(connection, 1000, 1, EARLIER)
            insert_link(connection, 1000, 1, expires=EARLIER)
            insert_link(connection, 1001, 1, is_used=True)
            clean = reset("--dry-run")
            make(connection)

        told = reset("--output", "json")

        assert clean.stderr.count("\n") == 1
        assert told.stderr == f"Warning: {warning}\n"
        record = json.loads(told.stdout)
        assert record["warnings"] == [warning]
        assert record["is_locked"] is (option == "--unlock")
        mended = reset(*([option] if option else ALL), "--output", "json")
        assert warned(mended.stderr) == ([] if option else [warning])
        assert json.loads(mended.stdout)["is_locked"] is False
        assert json.loads(mended.stdout)["warnings"] == warned(mended.stderr)

    def test_all_at_once(self, server: Server, reset: Invoke) -> None:
        """They come in the order of a login, a dry run has them too, and what they are of stays as it is."""
        furnish(server, 1)
        expected = [
            "The user is locked, so can't log in. --unlock mends that.",
            "TOTP is on, so the password alone does not log in. --disable-totp turns it off.",
            "1 open session(s) go on. --revoke-access ends them.",
            "2 password-reset link(s) still work. --revoke-access voids them.",
            "2 linked account(s) log in without this password.",
            f"2 day(s) are within the server's {THRESHOLD}, so that it warns at each login.",
        ]

        before = rows(server.database)

        dry = reset("--expiry", "2", "--dry-run")
        done = reset("--expiry", "2")

        assert differences(before, rows(server.database)) == user(1, PASSWORD)

        assert dry.stderr.splitlines()[1:] == [f"Warning: {warning}" for warning in expected]
        assert warned(done.stderr) == expected

    @pytest.mark.parametrize(
        ("settings", "expiry", "warning"),
        [
            ({}, "31", None),
            ({}, "30", "so that it warns at each login."),
            ({"expiry": "7"}, None, "so that it warns at each login."),
            (
                {"inform_if_about_to_expire": "False"},
                "30",
                "so that it refuses the login. Give a longer --expiry.",
            ),
            ({"inform_if_about_to_expire": "False"}, "31", None),
            ({"inform_if_about_to_expire": "perhaps"}, "1", None),
            ({"about_to_expire_threshold": "0"}, "1", None),
            ({"about_to_expire_threshold": "-1"}, "1", None),
            ({"about_to_expire_threshold": "soon"}, "1", None),
            ({"about_to_expire_threshold": ""}, "1", None),
        ],
    )
    def test_expiry(
        self,
        sqlite_server: Server,
        invoke: Invoke,
        settings: dict[str, str],
        expiry: str | None,
        warning: str | None,
    ) -> None:
        """An expiry within the server's threshold; what is wrong with that setting is no reason to fail."""
        sqlite_server.edit("sso.conf", "password", **settings)

        done = invoke(
            "sso",
            "reset-user-password",
            sqlite_server.path,
            "user1",
            *(["--expiry", expiry] if expiry else []),
        )

        assert done.exit_code == 0
        days = expiry or settings["expiry"]
        assert warned(done.stderr) == (
            [f"{days} day(s) are within the server's {THRESHOLD}, {warning}"] if warning else []
        )

    @pytest.mark.parametrize("key", ["about_to_expire_threshold", "inform_if_about_to_expire"])
    def test_expiry_without_a_setting(self, sqlite_server: Server, invoke: Invoke, key: str) -> None:
        """A server that lacks one of the settings has nothing to say."""
        sqlite_server.remove("sso.conf", key)

        done = invoke("sso", "reset-user-password", sqlite_server.path, "user1", "--expiry", "1")

        assert (done.exit_code, done.stderr) == (0, "")


class TestUndone:
    """A fault in the middle leaves all of it undone."""

    def test_stdout_full(self, server: Server) -> None:
        """The password can't be written out."""
        furnish(server, 1, 4)
        before = rows(server.database)

        argv = [str(ZATO), "sso", "reset-user-password", str(server.path), "user1", *ALL]
        with open("/dev/full", "w") as full:  # noqa: PTH123
            done = subprocess.run(
                argv, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False
            )

        assert done.returncode == 74
        assert done.stderr.startswith("Error: ")
        assert done.stderr.count("\n") == 1
        assert rows(server.database) == before

    def test_dry_run(self, server: Server, reset: Invoke) -> None:
        """It is tried, told and taken back."""
        furnish(server, 1, 4)
        before = rows(server.database)

        done = reset(*ALL, "--dry-run")

        assert (done.exit_code, done.stdout) == (0, "")
        would, beside, *_ = done.stderr.splitlines()
        assert would.startswith("Would reset the password of user `user1`: ")
        assert beside == (
            "Would also change: users unlocked: 1, TOTP turned off: 1, "
            "sessions removed: 2, password-reset links voided: 2."
        )
        assert rows(server.database) == before

    @pytest.mark.parametrize(
        ("option", "table", "column"),
        [
            ("--unlock", "zato_sso_user", "is_locked"),
            ("--disable-totp", "zato_sso_user", "is_totp_enabled"),
            ("--revoke-access", "zato_sso_password_reset", "expiration_time"),
        ],
    )
    def test_a_trigger_sets_it_back(
        self, server: Server, reset: Invoke, option: str, table: str, column: str
    ) -> None:
        """What the database took and did not keep is not called done."""
        furnish(server, 1, 4)
        before = rows(server.database)

        with undone(server.database, table, column):
            done = reset(option)

        assert (done.exit_code, done.stdout, done.stderr) == (69, "", NOT_KEPT)
        assert rows(server.database) == before

    @pytest.mark.parametrize("server", ["sqlite", "postgresql"], indirect=True)
    def test_a_trigger_keeps_sessions(self, server: Server, reset: Invoke) -> None:
        """Nor is what a trigger passed over, which one of MySQL's can't."""
        furnish(server, 1, 4)
        before = rows(server.database)

        with undone(server.database, "zato_sso_session", None):
            done = reset("--revoke-access")

        assert (done.exit_code, done.stdout, done.stderr) == (69, "", NOT_KEPT)
        assert rows(server.database) == before

    def test_sessions_can_not_be_removed(self, server: Server, reset: Invoke, invoke: Invoke) -> None:
        """The database forbids a part of it: neither of one user nor of many is anything changed."""
        furnish(server, 1, 4)
        before = rows(server.database)

        with forbidden(server.database, "DELETE", "zato_sso_session"):
            results = [reset(*ALL), invoke(*bulk_arguments(server, "--all", "--yes", *ALL))]

        for done in results:
            assert (done.exit_code, done.stdout) == (69 if server.database.engine == "sqlite" else 77, "")
            assert done.stderr.startswith("Error: ")
            assert done.stderr.count("\n") == 1
        assert rows(server.database) == before


NOT_KEPT = (
    "Error: The database did not keep what was to change beside the password, so nothing was changed. "
    "Look for triggers on the zato_sso_ tables.\n"
)


@contextmanager
def undone(database: Database, table: str, column: str | None) -> Iterator[None]:
    """Have a trigger set a column back to what it was; without one, pass over what is to be deleted."""
    event = f"{'UPDATE' if column else 'DELETE'} ON {table} FOR EACH ROW"
    drop = "DROP TRIGGER set_back"
    if database.engine == "sqlite":
        back = f"UPDATE {table} SET {column} = OLD.{column} WHERE id = OLD.id"
        body = (
            f"AFTER {event} BEGIN {back}; END"
            if column
            else f"BEFORE {event} BEGIN SELECT RAISE(IGNORE); END"
        )
    elif database.engine == "postgresql":
        back = f"NEW.{column} = OLD.{column}; RETURN NEW" if column else "RETURN NULL"
        database.run(f"CREATE FUNCTION set_back() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN {back}; END'")
        body = f"BEFORE {event} EXECUTE FUNCTION set_back()"
        drop = "DROP FUNCTION set_back CASCADE"
    else:
        body = f"BEFORE {event} SET NEW.{column} = OLD.{column}"
    database.run(f"CREATE TRIGGER set_back {body}", admin=database.engine == "mysql")
    yield
    database.run(drop, admin=database.engine == "mysql")


@contextmanager
def forbidden(database: Database, privilege: str, table: str) -> Iterator[None]:
    """Take a privilege on one table from the server's user; on SQLite, have DELETE fail."""
    if database.engine == "sqlite":
        database.run(
            f"CREATE TRIGGER forbid BEFORE {privilege} ON {table} BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
        yield
        return
    if database.engine == "postgresql":
        database.run(f"REVOKE {privilege} ON {table} FROM {database.user}")
        yield
        database.run(f"GRANT ALL ON {table} TO {database.user}")
        return
    # What holds for a whole database can't be taken from one table.
    with database.connect(admin=True) as connection:
        tables = [name for (name,) in run(connection, "SHOW TABLES") if name != table]
        accounts = [f"{database.user}@{host}" for host in ("127.0.0.1", "localhost")]
        for account in accounts:
            run(connection, f"REVOKE ALL ON {database.name}.* FROM {account}")
            for name in tables:
                run(connection, f"GRANT ALL ON {name} TO {account}")
            others = {"SELECT", "INSERT", "UPDATE", "DELETE"} - {privilege}
            run(connection, f"GRANT {', '.join(others)} ON {table} TO {account}")
        try:
            yield
        finally:
            for account in accounts:
                run(connection, f"REVOKE ALL, GRANT OPTION FROM {account}")
                run(connection, f"GRANT ALL ON {database.name}.* TO {account}")


@pytest.mark.parametrize("server", ["postgresql", "mysql"], indirect=True)
@pytest.mark.parametrize("table", ["zato_sso_session", "zato_sso_password_reset", "zato_sso_linked_auth"])
class TestUnreadable:
    """A table that the server's user may not SELECT from."""

    def test(self, server: Server, reset: Invoke, table: str) -> None:
        """A reset works without, and warns of the rest; what an option needs is not passed over."""
        furnish(server, 1)
        before = rows(server.database)

        with forbidden(server.database, "SELECT", table):
            done = reset("--unlock", "--disable-totp")
            revoke = reset("--revoke-access")

        told = {
            "zato_sso_session": "1 open session(s) go on. --revoke-access ends them.",
            "zato_sso_password_reset": "2 password-reset link(s) still work. --revoke-access voids them.",
            "zato_sso_linked_auth": "2 linked account(s) log in without this password.",
        }
        assert done.exit_code == 0
        assert warned(done.stderr) == [told[each] for each in told if each != table]
        expected = user(1, PASSWORD, UNLOCKED, TOTP)
        if table == "zato_sso_linked_auth":
            assert revoke.exit_code == 0
            expected = {**expected, **revoked(1)}
        else:
            assert (revoke.exit_code, revoke.stdout) == (77, "")
        assert differences(before, rows(server.database)) == expected


class TestZato30:
    """A schema without TOTP, password-reset links and linked accounts."""

    @pytest.fixture(autouse=True)
    def _zato_3_0(self, server: Server) -> None:
        make_3_0(server.database)
        furnish(server, 1, 4)

    def test_one(self, server: Server, reset: Invoke) -> None:
        """What is there is warned of, and changed; TOTP can't be turned off, and nothing is then."""
        before = rows(server.database)

        refused = reset(*ALL)
        assert (refused.exit_code, refused.stdout) == (69, "")
        assert refused.stderr == (
            "Error: This database is of a Zato without TOTP, so there is none to turn off. "
            "Leave out --disable-totp.\n"
        )
        assert rows(server.database) == before

        plain = reset()
        assert plain.exit_code == 0
        assert warned(plain.stderr) == [
            "The user is locked, so can't log in. --unlock mends that.",
            "1 open session(s) go on. --revoke-access ends them.",
        ]
        assert differences(before, rows(server.database)) == user(1, PASSWORD)

        done = reset("--unlock", "--revoke-access")
        assert (done.exit_code, done.stderr) == (
            0,
            DONE.format("users unlocked: 1, sessions removed: 2, password-reset links voided: 0"),
        )
        assert differences(before, rows(server.database)) == {
            **user(1, PASSWORD, UNLOCKED),
            **revoked(1, links=False),
        }

    def test_many(self, server: Server, invoke: Invoke) -> None:
        """The same of many users."""
        before = rows(server.database)
        to_reset = bulk_arguments(server, "--all", "--exclude", "MixedCase", "--yes")

        refused = invoke(*to_reset, "--disable-totp")
        assert (refused.exit_code, refused.stdout) == (69, "")
        assert "Leave out --disable-totp." in refused.stderr
        assert rows(server.database) == before

        done = invoke(*to_reset, "--unlock", "--revoke-access")
        assert (done.exit_code, done.stderr) == (
            0,
            "Reset the passwords of 3 user(s).\n"
            + DONE.format("users unlocked: 2, sessions removed: 2, password-reset links voided: 0"),
        )
        assert differences(before, rows(server.database)) == {
            **user(1, PASSWORD, UNLOCKED),
            **user(2, PASSWORD, UNLOCKED),
            **user(5, PASSWORD),
            **revoked(1, links=False),
        }


class TestRunningServer:
    """A server that goes on meanwhile."""

    def test_opens_sessions(self, server: Server, reset: Invoke) -> None:
        """No session survives that was there before; the wait is bounded, and a deadlock is told as one."""
        opened: list[str] = []
        codes: list[int] = []
        stop = threading.Event()

        def log_in(first: int) -> None:
            with server.database.connect() as connection:
                for row_id in range(first, first + 100_000):
                    if stop.is_set():
                        return
                    with suppress(Exception):  # a server would try again
                        run(connection, INSERT_SESSION, row_id, f"zust{row_id}", EARLIER, LATER)
                        opened.append(f"zust{row_id}")
                    time.sleep(0.001)

        threads = [threading.Thread(target=log_in, args=(number * 1_000_000,)) for number in (1, 2)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(6):
                before = set(opened)
                done = reset("--revoke-access")
                codes.append(done.exit_code)
                if done.exit_code == 0:
                    left = {ust for (ust,) in server.database.run("SELECT ust FROM zato_sso_session")}
                    assert not left & before
        finally:
            stop.set()
            for thread in threads:
                thread.join()

        assert set(codes) <= {0, 75}
        assert opened


INSERT_SESSION = (
    "INSERT INTO zato_sso_session (id, ust, creation_time, expiration_time, remote_addr, user_agent, "
    "auth_type, auth_principal, user_id) VALUES (%s, %s, %s, %s, '127.0.0.1', 'test', 'default', 'user1', 1)"
)
