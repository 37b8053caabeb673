"""Password statuses in the database, read a page at a time."""

from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, String, cast, literal, null, select, tuple_, type_coerce
from sqlalchemy.types import NullType

from zato_sso_reset.database.engine import Database
from zato_sso_reset.database.schema import has_totp
from zato_sso_reset.database.tables import sessions, users
from zato_sso_reset.database.users import stored_text

_STREAMED = {"yield_per": 1000}  # rows in memory at a time

_EXPIRY = type_coerce(users.c.password_expiry, NullType())
"""The column as stored: SQLite compares texts, which may lack the fraction of a second."""


@dataclass(frozen=True)
class StoredStatus:
    """Columns of `zato_sso_user`; times are naive UTC, None if unreadable. `totp` may be missing, too."""

    password: str = field(repr=False)
    id: int
    username: str
    approval_status: str
    sign_up_status: str
    is_locked: bool
    must_change: bool
    totp: bool | None
    signed_up_at: datetime | None
    set_at: datetime | None
    expires_at: datetime | None


@contextmanager
def open_statuses(database: Database) -> Iterator["StatusRepository"]:
    """Open a read-only unit of work; errors as `Database.transaction`."""
    with database.transaction(read_only=True) as connection:
        yield StatusRepository(connection)


class StatusRepository:
    """Reads password statuses within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def open_sessions(self, now: datetime, user_id: int | None) -> "array[int]":
        """Return the user's id of each open session, sorted; with `user_id`, of that user's only."""
        query = select(sessions.c.user_id).where(sessions.c.expiration_time > now)
        if user_id is not None:
            query = query.where(sessions.c.user_id == user_id)
        query = query.order_by(sessions.c.user_id)
        return array("q", self._connection.scalars(query, execution_options=_STREAMED))

    def ids(
        self, size: int, *, after: tuple[Any, int] | None, until: datetime | None
    ) -> tuple["array[int]", tuple[Any, int] | None]:
        """Return the next users' ids by expiry, at most `size`, and the value of `after` for the next call.

        With `until`, only users whose password expires by then are returned.
        """
        # MySQL 9 refuses a zero date as a value to compare with, but not as a text.
        is_mysql = self._connection.dialect.name == "mysql"
        compared = cast(users.c.password_expiry, String) if is_mysql else _EXPIRY
        query = _by_expiry(select(compared, users.c.id), until).limit(size)
        if after:
            expiry, user_id = after
            query = query.where(tuple_(compared, users.c.id) > tuple_(literal(expiry, NullType()), user_id))
        ids = array("q")
        for expiry, user_id in self._connection.execute(query, execution_options=_STREAMED):
            ids.append(user_id)
            after = expiry, user_id
        return ids, after

    def find(self, ids: Sequence[int], *, until: datetime | None) -> list[StoredStatus]:
        """Return the statuses of these users that still exist, by expiry."""
        query = select(  # in the order of the fields of `StoredStatus`
            *users.c["password", "id", "username", "approval_status", "sign_up_status", "is_locked"],
            users.c.password_must_change,
            users.c.is_totp_enabled if has_totp(self._connection) else null(),
            *users.c["sign_up_time", "password_last_set", "password_expiry"],
        ).where(users.c.id.in_(list(ids)))
        rows = self._connection.execute(_by_expiry(query, until))
        return [StoredStatus(stored_text(password), *columns) for password, *columns in rows]


def _by_expiry(query: Select[Any], until: datetime | None) -> Select[Any]:
    query = query.order_by(_EXPIRY, users.c.id)
    return query if until is None else query.where(users.c.password_expiry <= until)
