"""The SSO users of a server, in its database."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection, func, select, text, update

from zato_sso_reset.errors import DatabaseUnavailableError, UserNotFoundError, printable
from zato_sso_reset.odb import ODB
from zato_sso_reset.tables import users

T = TypeVar("T")


_TRANSACTIONS = text(
    "SELECT e.transactions FROM information_schema.tables t "
    "JOIN information_schema.engines e ON e.engine = t.engine "
    "WHERE t.table_schema = DATABASE() AND t.table_name = 'zato_sso_user'"
)


@dataclass(frozen=True)
class User:
    """A row of `zato_sso_user`, as far as it matters here."""

    id: int
    username: str
    password: str = field(repr=False)


class UserRepository:
    """Reads and writes users in the transaction of `connection`, which somebody else commits."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get_by_username(self, username: str) -> User:
        """Return the approved user of exactly this name, its row locked.

        Raises:
            UserNotFoundError: there is none.
        """
        query = select(users.c.id, users.c.username, users.c.approval_status, users.c.password)
        query = query.where(users.c.username == username).with_for_update()
        # MySQL's collations find `alice` where `ALICE` or `alice ` was asked for.
        for row in self._connection.execute(query):
            if row.username == username:
                if row.approval_status == "approved":
                    return User(row.id, row.username, _text(row.password))
                raise UserNotFoundError(
                    f"User `{printable(username)}` is not approved, but `{printable(row.approval_status)}`. "
                    "Approve the user first."
                )
        raise UserNotFoundError(f"No such user `{printable(username)}`. {self._did_you_mean(username)}")

    def set_password(
        self, user: User, password: str, *, now: datetime, expiry: datetime, must_change: bool | None
    ) -> None:
        """Store `password`, already hashed and sealed, and check that the database kept it.

        Times are naive UTC. `must_change` of None leaves that flag as it is.

        Raises:
            DatabaseUnavailableError: the database took the change but holds something else.
        """
        self._check_transactions()
        values: dict[str, object] = {
            "password": password,
            "password_is_set": True,
            "password_last_set": now,
            "password_expiry": expiry,
        }
        if must_change is not None:
            values["password_must_change"] = must_change
        changed = self._connection.execute(update(users).where(users.c.id == user.id).values(values)).rowcount
        query = select(*(users.c[name] for name in values)).where(users.c.id == user.id)
        row = self._connection.execute(query).mappings().one_or_none()
        if changed != 1 or row is None or not _kept(values, row):
            raise DatabaseUnavailableError(
                "The database did not keep the new password as it was written, so nothing was changed. "
                "Look for triggers on zato_sso_user, and whether its password column is of type TEXT."
            )

    def get_password(self, user: User) -> str | None:
        """Return the stored password of `user`, its row locked, or None where the user is gone."""
        query = select(users.c.password).where(users.c.id == user.id).with_for_update()
        stored = self._connection.execute(query).scalar_one_or_none()
        return None if stored is None else _text(stored)

    def _check_transactions(self) -> None:
        """See that MySQL's table has transactions: in MyISAM's, an UPDATE can't be taken back."""
        if self._connection.dialect.name == "mysql" and self._connection.scalar(_TRANSACTIONS) == "NO":
            raise DatabaseUnavailableError(
                "The table zato_sso_user has no transactions, so a failure could lose the password. "
                "Make it one of InnoDB: ALTER TABLE zato_sso_user ENGINE=InnoDB"
            )

    def _did_you_mean(self, username: str) -> str:
        query = select(users.c.username).where(func.lower(users.c.username) == func.lower(username)).limit(1)
        near = self._connection.execute(query).scalar_one_or_none()
        return f"Did you mean `{printable(near)}`?" if near else "Check the name; its case matters."


def with_users(odb: ODB, work: Callable[[UserRepository], T]) -> T:
    """Do `work` on the users in one transaction, with all that `ODB.in_transaction` promises and raises."""
    return odb.in_transaction(lambda connection: work(UserRepository(connection)))


def _text(stored: str | bytes) -> str:
    """Return a stored password as text: the stock command leaves bytes on SQLite."""
    return stored.decode("latin-1") if isinstance(stored, bytes) else stored


def _kept(written: Mapping[str, object], found: Mapping[Any, Any]) -> bool:
    return all(_same(value, found[name]) for name, value in written.items())


def _same(written: object, found: object) -> bool:
    if isinstance(written, datetime) and isinstance(found, datetime):
        return abs(written - found) < timedelta(seconds=1)  # MySQL keeps whole seconds
    return written == found
