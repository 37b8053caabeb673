"""What the tests of access share: sessions, links and linked accounts, and what became of all that."""

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from tests.support.bulk import as_time
from tests.support.databases import Database, run
from tests.support.servers import Server

TABLES = (
    "zato_sso_user",
    "zato_sso_session",
    "zato_sso_attr",
    "zato_sso_password_reset",
    "zato_sso_linked_auth",
)

NOW = datetime.now(timezone.utc).replace(tzinfo=None, microsecond=0)
LATER, EARLIER = str(NOW + timedelta(hours=2)), str(NOW - timedelta(hours=2))

PASSWORD = frozenset({"password", "password_last_set", "password_expiry"})
"""The columns that any reset changes."""

UNLOCKED = frozenset({"is_locked", "locked_time", "locked_by"})

ALL = ("--unlock", "--disable-totp", "--revoke-access")

TOTP = frozenset({"is_totp_enabled"})

DONE = "Also changed: {}.\n"
"""What stderr says of changes beside the password."""


Rows = Mapping[tuple[str, int], Mapping[str, object]]
Differences = Mapping[tuple[str, int], frozenset[str]]

REMOVED: frozenset[str] = frozenset()


def rows(database: Database) -> Rows:
    """Return all rows of the tables there are, by table and id."""
    found: dict[tuple[str, int], Mapping[str, object]] = {}
    with database.connect() as connection:
        for table in sorted(tables(database, connection)):
            cursor = connection.cursor()
            cursor.execute(f"SELECT * FROM {table}")
            names = [column[0] for column in cursor.description]
            for row in cursor.fetchall():
                columns = dict(zip(names, row, strict=True))
                found[table, columns["id"]] = columns
    return found


def tables(database: Database, connection: Any) -> set[str]:
    """Return which of `TABLES` there are."""
    catalogue = {
        "sqlite": "SELECT name FROM sqlite_master",
        "postgresql": "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
        "mysql": "SHOW TABLES",
    }[database.engine]
    return {name for (name,) in run(connection, catalogue) if name in TABLES}


def differences(before: Rows, after: Rows) -> Differences:
    """Return the columns that changed, by table and id; of a row that went, `REMOVED`."""
    assert not after.keys() - before.keys()
    return {
        key: frozenset(name for name in row if row[name] != after[key][name]) if key in after else REMOVED
        for key, row in before.items()
        if row != after.get(key)
    }


def insert(connection: Any, table: str, **values: object) -> None:
    """Insert a row."""
    statement = f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(['%s'] * len(values))})"
    run(connection, statement, *values.values())


def insert_session(connection: Any, row_id: int, user_id: int, expires: str = LATER) -> None:
    """Insert a session `zust<row_id>`."""
    insert(
        connection,
        "zato_sso_session",
        id=row_id,
        ust=f"zust{row_id}",
        creation_time=EARLIER,
        expiration_time=expires,
        remote_addr="127.0.0.1",
        user_agent="test",
        auth_type="default",
        auth_principal="test",
        user_id=user_id,
    )


def insert_attribute(connection: Any, row_id: int, user_id: int, session: int | None) -> None:
    """Insert an attribute of a user, or of one of the user's sessions."""
    insert(
        connection,
        "zato_sso_attr",
        id=row_id,
        creation_time=EARLIER,
        is_session_attr=session is not None,
        is_encrypted=False,
        serial_method="json",
        name=f"name{row_id}",
        value="1",
        _ust_string=f"zust{session}" if session else "",
        user_id=f"zusr{user_id}",
        ust=f"zust{session}" if session else None,
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
    """Insert a password-reset link; `key_expires` in the future is of one that was followed."""
    insert(
        connection,
        "zato_sso_password_reset",
        id=row_id,
        creation_time=EARLIER,
        expiration_time=expires,
        creation_ctx="{}",
        token=f"token{row_id}",
        type_="reset",
        reset_key=f"key{row_id}",
        reset_key_exp_time=key_expires,
        has_been_accessed=key_expires == LATER,
        is_password_reset=is_used,
        user_id=f"zusr{user_id}",
    )


def insert_linked(connection: Any, row_id: int, user_id: int, auth_type: str) -> None:
    """Insert an account that logs in without the user's password."""
    insert(
        connection,
        "zato_sso_linked_auth",
        id=row_id,
        is_active=True,
        is_internal=False,
        creation_time=EARLIER,
        has_ext_principal=False,
        auth_type=auth_type,
        auth_id=row_id,
        auth_source="reg",
        user_id=f"zusr{user_id}",
    )


def furnish(server: Server, *user_ids: int) -> None:
    """Lock these users, turn TOTP on, and give each a row of every kind; ids are `user_id` and two digits.

    Of links, 01 was sent, 02 was followed, 03 expired, 04 was used.
    """
    with server.database.connect() as connection:
        is_3_0 = "zato_sso_password_reset" not in tables(server.database, connection)
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
    """Return what --revoke-access changes of what `furnish` made."""
    first = 100 * user_id
    times = frozenset({"expiration_time", "reset_key_exp_time"})
    return {
        **{
            (table, first + number): REMOVED
            for table in ("zato_sso_session", "zato_sso_attr")
            for number in (1, 2)
        },
        **{("zato_sso_password_reset", first + number): times for number in (1, 2) if links},
    }


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
