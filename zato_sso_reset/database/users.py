"""The SSO users of a server, in its database."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Select, bindparam, func, select, update

from zato_sso_reset.database.access import AccessRepository
from zato_sso_reset.database.engine import ODB
from zato_sso_reset.database.schema import check_transactions
from zato_sso_reset.database.tables import users
from zato_sso_reset.domain.users import APPROVED, NewPassword, User
from zato_sso_reset.errors import DatabaseUnavailableError, UserNotFoundError, did_you_mean, printable

T = TypeVar("T")

CANDIDATES = 500
"""Usernames that are compared, of each kind that may be near one that is not there."""

OFFERED = 50
"""Usernames that a shell is offered."""


class UserRepository:
    """Reads and writes users in the transaction of `connection`, which somebody else commits."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.access = AccessRepository(connection)

    def get_by_username(self, username: str) -> User:
        """Return the approved user of exactly this name, its row locked.

        Raises:
            UserNotFoundError: there is none.
        """
        user = self.get(username, lock=True)
        if not user.is_approved:
            raise UserNotFoundError(
                f"User `{printable(username)}` is not approved, but `{printable(user.approval_status)}`. "
                "Approve the user first."
            )
        return user

    def get(self, username: str, *, lock: bool) -> User:
        """Return the user of exactly this name, approved or not.

        Raises:
            UserNotFoundError: there is none.
        """
        user = self.find([username], lock=lock).get(username)
        if user is None:
            raise UserNotFoundError(f"No such user `{printable(username)}`.{self.did_you_mean(username)}")
        return user

    def find(self, usernames: Sequence[str], *, lock: bool) -> dict[str, User]:
        """Return the users there are of exactly these names, by name, in the order of their ids."""
        query = _USERS.where(users.c.username.in_(usernames)).order_by(users.c.id)
        rows = self._connection.execute(query.with_for_update() if lock else query)
        # MySQL's collations find `alice` where `ALICE` or `alice ` was asked for.
        wanted = set(usernames)
        return {row.username: _user(row) for row in rows if row.username in wanted}

    def page(self, after: int, size: int) -> list[User]:
        """Return the next approved users by id, at most `size`."""
        query = _USERS.where(users.c.id > after, users.c.approval_status == APPROVED)
        return [_user(row) for row in self._connection.execute(query.order_by(users.c.id).limit(size))]

    def usernames(self, prefix: str) -> list[str]:
        """Return the first usernames that begin with exactly `prefix`, at most `OFFERED`."""
        name = users.c.username
        query = select(name).where(name.startswith(prefix, autoescape=True)).order_by(name)
        # SQLite's and MySQL's LIKE ignore case, so more are asked for.
        found = self._connection.scalars(query.limit(CANDIDATES))
        return [username for username in found if username.startswith(prefix)][:OFFERED]

    def set_passwords(self, new: Sequence[NewPassword]) -> None:
        """Store new passwords, and check that the database kept them.

        Raises:
            DatabaseUnavailableError: the database took the change but holds something else, or could not
                take it back.
        """
        check_transactions(self._connection, [users.name])
        written = {each.user.id: _columns(each) for each in new}
        names = list(_columns(new[0]))
        statement = update(users).where(users.c.id == bindparam("row_id"))
        statement = statement.values({name: bindparam(name) for name in names})
        parameters = [{"row_id": row_id, **columns} for row_id, columns in written.items()]
        changed = self._connection.execute(statement, parameters).rowcount
        query = select(users.c.id, *(users.c[name] for name in names)).where(users.c.id.in_(list(written)))
        found = {row["id"]: row for row in self._connection.execute(query).mappings()}
        if changed != len(new) or not all(_kept(written[each], found.get(each)) for each in written):
            raise DatabaseUnavailableError(
                "The database did not keep the new password as it was written, so nothing was changed. "
                "Look for triggers on zato_sso_user, and whether its password column is of type TEXT."
            )

    def get_passwords(self, user_ids: Iterable[int]) -> dict[int, str]:
        """Return the stored passwords of the users that are there, their rows locked."""
        query = select(users.c.id, users.c.password).where(users.c.id.in_(list(user_ids)))
        rows = self._connection.execute(query.order_by(users.c.id).with_for_update())
        return {row.id: stored_text(row.password) for row in rows}

    def did_you_mean(self, username: str) -> str:
        """Return a sentence about a username that is not there: the nearest that are, or what to check.

        They differ in case alone, or end alike, or come next in the order of the index.
        """
        name = users.c.username
        own = username.partition("@")[0]  # many users may share the rest of an email address
        near: dict[str, str] = {}
        for query in (
            select(name).where(func.lower(name) == func.lower(username)),
            select(name).where(name.endswith(username[len(own) // 2 :], autoescape=True)),
            select(name).where(name < username).order_by(name.desc()),
            select(name).where(name > username).order_by(name),
        ):
            near |= {found.lower(): found for found in self._connection.scalars(query.limit(CANDIDATES))}
        wanted = username.lower()
        if wanted in near:
            near = {wanted: near[wanted]}
        return did_you_mean(wanted, near) or " Check the name; its case matters."


def with_users(odb: ODB, work: Callable[[UserRepository], T], *, reading: bool = False) -> T:
    """Do `work` on the users in one transaction, with all that `ODB.in_transaction` promises and raises."""
    return odb.in_transaction(lambda connection: work(UserRepository(connection)), reading=reading)


_USERS: Select[Any] = select(
    users.c.id,
    users.c.user_id,
    users.c.username,
    users.c.approval_status,
    users.c.is_locked,
    users.c.password_must_change,
    users.c.is_super_user,
    users.c.password_last_set,
    users.c.password,
)


def _user(row: Row[Any]) -> User:
    return User(
        row.id,
        row.user_id,
        row.username,
        row.approval_status,
        row.is_locked,
        row.password_must_change,
        row.is_super_user,
        row.password_last_set,
        stored_text(row.password),
    )


def _columns(new: NewPassword) -> dict[str, object]:
    columns: dict[str, object] = {
        "password": new.stored,
        "password_is_set": True,
        "password_last_set": new.set_at,
        "password_expiry": new.expires_at,
    }
    return columns if new.must_change is None else {**columns, "password_must_change": new.must_change}


def stored_text(stored: str | bytes) -> str:
    """Return a stored password as text: the stock command leaves bytes on SQLite."""
    return stored.decode("latin-1") if isinstance(stored, bytes) else stored


def _kept(written: Mapping[str, object], found: Mapping[Any, Any] | None) -> bool:
    return found is not None and all(_same(value, found[name]) for name, value in written.items())


def _same(written: object, found: object) -> bool:
    if isinstance(written, datetime) and isinstance(found, datetime):
        return abs(written - found) < timedelta(seconds=1)  # MySQL keeps whole seconds
    return written == found
