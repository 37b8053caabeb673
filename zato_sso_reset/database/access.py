"""Account access in the database: locks, TOTP, sessions, reset links, linked accounts."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, false, func, literal, or_, select, true, update
from sqlalchemy.sql.expression import ColumnElement, Delete, TableClause, Update

from zato_sso_reset.database.schema import check_transactions, columns_of
from zato_sso_reset.database.tables import attributes, linked_accounts, links, sessions, users
from zato_sso_reset.domain.access import Access, AccessChanges
from zato_sso_reset.domain.users import User
from zato_sso_reset.errors import DatabaseUnavailableError

_TOTP = ("zato_sso_user", "is_totp_enabled")
_LINKS = ("zato_sso_password_reset", "user_id")

PAST = timedelta(minutes=1)
"""The age of an invalidated link's expiry: a server's clock may be behind, and MySQL rounds up."""


class AccessRepository:
    """Reads and changes access within the transaction of `connection`, without committing it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, user: User, now: datetime) -> Access:
        """Return the ways into a user's account at `now`, naive UTC."""
        there = columns_of(self._connection)

        def count(table: TableClause, *conditions: ColumnElement[bool]) -> ColumnElement[int]:
            if not {(table.name, column.name) for column in table.c} <= there:
                return literal(0)
            return select(func.count()).select_from(table).where(*conditions).scalar_subquery()

        query = select(
            count(sessions, sessions.c.user_id == user.id, sessions.c.expiration_time > now),
            count(links, links.c.user_id == user.user_id, _pending(now)),
            count(linked_accounts, linked_accounts.c.user_id == user.user_id),
        )
        return Access(*self._connection.execute(query).one())

    def change(self, of: Sequence[User], changes: AccessChanges, now: datetime) -> dict[str, int]:
        """Apply `changes` to these users, and return the number of each requested change, by its name.

        Raises DatabaseUnavailableError if a column is missing, or a change could not be rolled back.
        """
        if not (changes.unlock or changes.disable_totp or changes.revoke_access):
            return {}
        of_revoking = (sessions, attributes, links) if changes.revoke_access else ()
        check_transactions(self._connection, [table.name for table in (users, *of_revoking)])
        # A column that may not be read exists all the same, and must not be skipped.
        existing = columns_of(self._connection, readable=False)
        changed = {}
        if changes.unlock:
            values = {"is_locked": False, "locked_time": now, "locked_by": changes.by}
            changed["users unlocked"] = self._run(update(users).where(_locked(of)).values(values))
        if changes.disable_totp:
            if _TOTP not in existing:
                message = "This database belongs to a Zato version without TOTP."
                raise DatabaseUnavailableError(message, "Leave out --disable-totp.")
            disable = update(users).where(_with_totp(of)).values(is_totp_enabled=False)
            changed["TOTP turned off"] = self._run(disable)
        if changes.revoke_access:
            of_sessions = attributes.c.ust.in_(select(sessions.c.ust).where(_sessions(of)))
            by_index = attributes.c.user_id.in_([user.user_id for user in of])
            self._run(delete(attributes).where(by_index, of_sessions))  # SQLite does not cascade by itself
            changed["sessions removed"] = self._run(delete(sessions).where(_sessions(of)))
            past = {"expiration_time": now - PAST, "reset_key_exp_time": now - PAST}
            expire = update(links).where(_links(of, now)).values(past)
            changed["password-reset links invalidated"] = self._run(expire) if _LINKS in existing else 0
        return changed

    def check(self, of: Sequence[User], changes: AccessChanges, now: datetime) -> None:
        """Raise DatabaseUnavailableError if `changes` were not kept: a trigger may undo them silently."""
        left = []
        if changes.unlock:
            left.append(select(users.c.id).where(_locked(of)))
        if changes.disable_totp:
            left.append(select(users.c.id).where(_with_totp(of)))
        if changes.revoke_access:
            left.append(select(sessions.c.user_id).where(_sessions(of)))
            if _LINKS in columns_of(self._connection, readable=False):
                left.append(select(links.c.user_id).where(_links(of, now)))
        if any(self._connection.execute(query.limit(1)).first() for query in left):
            message = "The database did not keep the changes besides the password."
            raise DatabaseUnavailableError(message, "Look for triggers on the zato_sso_ tables.")

    def _run(self, statement: Update | Delete) -> int:
        return self._connection.execute(statement).rowcount


def _locked(of: Sequence[User]) -> ColumnElement[bool]:
    return users.c.id.in_([user.id for user in of]) & (users.c.is_locked == true())


def _with_totp(of: Sequence[User]) -> ColumnElement[bool]:
    return users.c.id.in_([user.id for user in of]) & (users.c.is_totp_enabled == true())


def _sessions(of: Sequence[User]) -> ColumnElement[bool]:
    return sessions.c.user_id.in_([user.id for user in of])


def _links(of: Sequence[User], now: datetime) -> ColumnElement[bool]:
    return links.c.user_id.in_([user.user_id for user in of]) & _pending(now)


def _pending(now: datetime) -> ColumnElement[bool]:
    """Return the condition for a usable link; once followed, it has a second time of expiry."""
    lasts = or_(links.c.expiration_time > now, links.c.reset_key_exp_time > now)
    return (links.c.is_password_reset == false()) & lasts
