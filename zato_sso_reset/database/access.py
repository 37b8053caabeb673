"""Sessions, locks, TOTP, password-reset links and linked accounts, in a server's database."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection, TableClause, delete, false, func, literal, or_, select, true, update

from zato_sso_reset.database.schema import check_transactions, columns_of
from zato_sso_reset.database.tables import attributes, linked_accounts, links, sessions, users
from zato_sso_reset.domain.access import Access, AccessChanged, AccessChanges
from zato_sso_reset.errors import DatabaseUnavailableError

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Delete, Update

    from zato_sso_reset.domain.users import User

_TOTP = ("zato_sso_user", "is_totp_enabled")
_LINKS = ("zato_sso_password_reset", "user_id")

PAST = timedelta(minutes=1)
"""How long ago a voided link expired: a server's clock may be behind, and MySQL rounds up."""


class AccessRepository:
    """Reads and changes access in the transaction of `connection`, which somebody else commits."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def look(self, user: "User", now: datetime) -> Access:
        """Return how a user's account stands at `now`, naive UTC."""
        there = columns_of(self._connection)

        def count(table: TableClause, *conditions: "ColumnElement[bool]") -> "ColumnElement[int]":
            if not {(table.name, column.name) for column in table.c} <= there:
                return literal(0)
            return select(func.count()).select_from(table).where(*conditions).scalar_subquery()

        query = select(
            users.c.is_totp_enabled if _TOTP in there else false(),
            count(sessions, sessions.c.user_id == user.id, sessions.c.expiration_time > now),
            count(links, links.c.user_id == user.user_id, _pending(now)),
            count(linked_accounts, linked_accounts.c.user_id == user.user_id),
        )
        totp, *counts = self._connection.execute(query.where(users.c.id == user.id)).one()
        return Access(user.is_locked, bool(totp), *counts)

    def change(self, of: Sequence["User"], changes: AccessChanges, now: datetime) -> AccessChanged:
        """Make `changes` for these users, and return what was changed.

        Raises:
            DatabaseUnavailableError: the database lacks what one of them needs, or could not take it back.
        """
        if not (changes.unlock or changes.disable_totp or changes.revoke_access):
            return AccessChanged()
        of_revoking = (sessions, attributes, links) if changes.revoke_access else ()
        check_transactions(self._connection, [table.name for table in (users, *of_revoking)])
        # What may not be read is there all the same, and is not to be passed over.
        there = columns_of(self._connection, readable=False)
        unlocked = totp_disabled = 0
        if changes.unlock:
            values = {"is_locked": False, "locked_time": now, "locked_by": changes.by}
            unlocked = self._run(update(users).where(_locked(of)).values(values))
        if changes.disable_totp:
            if _TOTP not in there:
                raise DatabaseUnavailableError(
                    "This database is of a Zato without TOTP, so there is none to turn off. "
                    "Leave out --disable-totp."
                )
            totp_disabled = self._run(update(users).where(_with_totp(of)).values(is_totp_enabled=False))
        revoked = self._revoke(of, now, there) if changes.revoke_access else (0, 0)
        return AccessChanged(unlocked, totp_disabled, *revoked)

    def _revoke(
        self, of: Sequence["User"], now: datetime, there: Collection[tuple[str, str]]
    ) -> tuple[int, int]:
        """Remove sessions with their attributes, and void links; return how many of each."""
        voided = 0
        of_sessions = attributes.c.ust.in_(select(sessions.c.ust).where(_sessions(of)))
        by_index = attributes.c.user_id.in_([user.user_id for user in of])
        self._run(delete(attributes).where(by_index, of_sessions))  # SQLite does not cascade by itself
        ended = self._run(delete(sessions).where(_sessions(of)))
        if _LINKS in there:
            past = now - PAST
            valid = update(links).where(_links(of, now))
            voided = self._run(valid.values(expiration_time=past, reset_key_exp_time=past))
        return ended, voided

    def check(self, of: Sequence["User"], changes: AccessChanges, now: datetime) -> None:
        """See, after all was written, that the database kept `changes`: a trigger may undo them in silence.

        Raises:
            DatabaseUnavailableError: it did not.
        """
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
            raise DatabaseUnavailableError(
                "The database did not keep what was to change beside the password, so nothing was changed. "
                "Look for triggers on the zato_sso_ tables."
            )

    def _run(self, statement: "Update | Delete") -> int:
        return self._connection.execute(statement).rowcount


def _locked(of: Sequence["User"]) -> "ColumnElement[bool]":
    return users.c.id.in_([user.id for user in of]) & (users.c.is_locked == true())


def _with_totp(of: Sequence["User"]) -> "ColumnElement[bool]":
    return users.c.id.in_([user.id for user in of]) & (users.c.is_totp_enabled == true())


def _sessions(of: Sequence["User"]) -> "ColumnElement[bool]":
    return sessions.c.user_id.in_([user.id for user in of])


def _links(of: Sequence["User"], now: datetime) -> "ColumnElement[bool]":
    return links.c.user_id.in_([user.user_id for user in of]) & _pending(now)


def _pending(now: datetime) -> "ColumnElement[bool]":
    """Return the condition of a link that could still be used: followed, it lasts by another time."""
    lasts = or_(links.c.expiration_time > now, links.c.reset_key_exp_time > now)
    return (links.c.is_password_reset == false()) & lasts
