"""Changes of access that fail in the middle, on real databases, seen from outside."""

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from click.testing import Result

from tests.conftest import ZATO
from tests.support.access import (
    ALL,
    EARLIER,
    LATER,
    PASSWORD,
    TOTP,
    UNLOCKED,
    differences,
    furnish,
    revoked,
    rows,
    user,
    warned,
)
from tests.support.bulk import bulk_arguments
from tests.support.databases import Database, run
from tests.support.servers import Server

Invoke = Callable[..., Result]


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
