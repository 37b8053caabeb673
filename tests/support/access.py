"""Access for tests: sessions, links and linked accounts, and the changes to them."""

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from tests.support.bulk import as_time
from tests.support.databases import Database, run
from tests.support.servers import Server

TABLES = {
    *("zato_sso_user", "zato_sso_session", "zato_sso_attr"),
    *("zato_sso_password_reset", "zato_sso_linked_auth"),
}

NOW = datetime.now(timezone.utc).replace(tzinfo=None, microsecond=0)
LATER, EARLIER = str(NOW + timedelta(hours=2)), str(NOW - timedelta(hours=2))

PASSWORD = frozenset({"password", "password_last_set", "password_expiry"})
"""The columns that any reset changes."""

UNLOCKED = frozenset({"is_locked", "locked_time", "locked_by"})
TOTP = frozenset({"is_totp_enabled"})
REMOVED: frozenset[str] = frozenset()

ALL = ("--unlock", "--disable-totp", "--revoke-access")

DONE = "Also changed: {}.\n"
"""The line on stderr about changes besides the password."""

Rows = Mapping[tuple[str, int], Mapping[str, object]]
Differences = Mapping[tuple[str, int], frozenset[str]]


def rows(database: Database) -> Rows:
    """Return all rows of the tables that exist, by table and id."""
    return {
        (table, int(row["id"])): row for table in existing_tables(database) for row in database.rows(table)
    }


def existing_tables(database: Database) -> set[str]:
    """Return those of `TABLES` that exist."""
    catalogue = {
        "sqlite": "SELECT name FROM sqlite_master",
        "postgresql": "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
        "mysql": "SHOW TABLES",
    }[database.engine]
    return {name for (name,) in database.run(catalogue)} & TABLES


def differences(before: Rows, after: Rows) -> Differences:
    """Return the columns that changed, by table and id; `REMOVED` for a row that no longer exists."""
    assert not after.keys() - before.keys()
    return {
        key: frozenset(name for name in row if row[name] != after[key][name]) if key in after else REMOVED
        for key, row in before.items()
        if row != after.get(key)
    }


def insert_session(connection: Any, row_id: int, user_id: int, expires: str = LATER) -> None:
    """Insert a session `zust<row_id>`."""
    run(
        connection,
        "INSERT INTO zato_sso_session (id, ust, creation_time, expiration_time, remote_addr, user_agent, "
        "auth_type, auth_principal, user_id) VALUES (%s, %s, %s, %s, '::1', 'test', 'default', 'test', %s)",
        *(row_id, f"zust{row_id}", EARLIER, expires, user_id),
    )


def insert_attribute(connection: Any, row_id: int, user_id: int, session: int | None) -> None:
    """Insert an attribute of a user, or of one of the user's sessions."""
    ust = f"zust{session}" if session else None
    run(
        connection,
        "INSERT INTO zato_sso_attr (id, creation_time, is_session_attr, is_encrypted, serial_method, name, "
        "value, _ust_string, user_id, ust) VALUES (%s, %s, %s, false, 'json', %s, '1', %s, %s, %s)",
        *(row_id, EARLIER, session is not None, f"name{row_id}", ust or "", f"zusr{user_id}", ust),
    )


def insert_link(
    connection: Any,
    row_id: int,
    user_id: int,
    *,
    expires: str = LATER,
    key_expires: str = EARLIER,
    is_used: bool = False,
) -> None:
    """Insert a password-reset link, which was followed if `key_expires` is in the future."""
    run(
        connection,
        "INSERT INTO zato_sso_password_reset (id, creation_time, expiration_time, creation_ctx, token, "
        "type_, reset_key, reset_key_exp_time, has_been_accessed, is_password_reset, user_id) VALUES "
        "(%s, %s, %s, '{}', %s, 'reset', %s, %s, %s, %s, %s)",
        *(row_id, EARLIER, expires, f"token{row_id}", f"key{row_id}", key_expires, key_expires == LATER),
        *(is_used, f"zusr{user_id}"),
    )


def insert_linked(connection: Any, row_id: int, user_id: int, auth_type: str) -> None:
    """Insert an account that logs in without the user's password."""
    run(
        connection,
        "INSERT INTO zato_sso_linked_auth (id, is_active, is_internal, creation_time, has_ext_principal, "
        "auth_type, auth_id, auth_source, user_id) VALUES (%s, true, false, %s, false, %s, %s, 'reg', %s)",
        *(row_id, EARLIER, auth_type, row_id, f"zusr{user_id}"),
    )


def furnish(server: Server, *user_ids: int) -> None:
    """Lock these users, enable TOTP, and insert a row of every kind; ids are `user_id` and two digits.

    Link 01 was sent, 02 was followed, 03 has expired, 04 was used.
    """
    is_3_0 = "zato_sso_password_reset" not in existing_tables(server.database)
    with server.database.connect() as connection:
        run(connection, "BEGIN")
        for user_id in user_ids:
            first = 100 * user_id
            lock = "UPDATE zato_sso_user SET is_locked = true, locked_by = 'admin@host', locked_time = %s"
            run(connection, f"{lock} WHERE id = {user_id}", EARLIER)
            insert_session(connection, first + 1, user_id)
            insert_session(connection, first + 2, user_id, EARLIER)
            insert_attribute(connection, first + 1, user_id, first + 1)
            insert_attribute(connection, first + 2, user_id, first + 2)
            insert_attribute(connection, first + 3, user_id, None)
            if not is_3_0:
                totp = "UPDATE zato_sso_user SET is_totp_enabled = true, totp_key = 'k'"
                run(connection, f"{totp} WHERE id = {user_id}")
                insert_link(connection, first + 1, user_id)
                insert_link(connection, first + 2, user_id, expires=EARLIER, key_expires=LATER)
                insert_link(connection, first + 3, user_id, expires=EARLIER)
                insert_link(connection, first + 4, user_id, key_expires=LATER, is_used=True)
                insert_linked(connection, first + 1, user_id, "zato.basic_auth")
                insert_linked(connection, first + 2, user_id, "zato.jwt")
        run(connection, "COMMIT")


def revoked(user_id: int, *, links: bool = True) -> Differences:
    """Return the changes that --revoke-access makes to the rows of `furnish`."""
    first = 100 * user_id
    times = frozenset({"expiration_time", "reset_key_exp_time"})
    tables = {"zato_sso_session": REMOVED, "zato_sso_attr": REMOVED}
    if links:
        tables["zato_sso_password_reset"] = times
    return {(table, first + number): columns for table, columns in tables.items() for number in (1, 2)}


def user(user_id: int, *columns: frozenset[str]) -> Differences:
    """Return a change of these columns of a user."""
    return {("zato_sso_user", user_id): frozenset().union(*columns)}


def warned(stderr: str) -> list[str]:
    """Return the warnings, without the lines about changes."""
    lines = stderr.splitlines()
    assert all(line.startswith(("Warning: ", "Also changed: ")) for line in lines)
    return [line.removeprefix("Warning: ") for line in lines if line.startswith("Warning: ")]


def seconds_since(value: object) -> float:
    """Return the seconds since a time from any engine."""
    return (datetime.now(timezone.utc).replace(tzinfo=None) - as_time(value)) / timedelta(seconds=1)
