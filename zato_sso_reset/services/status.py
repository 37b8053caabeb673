"""The states of users' passwords."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from zato_sso_reset.database.engine import Database
from zato_sso_reset.database.statuses import StoredStatus, open_statuses
from zato_sso_reset.database.users import open_users
from zato_sso_reset.domain.hashing import configured_hasher, hasher_of, needs_rehash
from zato_sso_reset.errors import ConfigError
from zato_sso_reset.server.config import ServerConfig
from zato_sso_reset.services.passwords import hash_reader

PAGE = 500  # users to look up at a time; SQLite before 3.32 accepts at most 999 parameters
IDS = 50_000  # users to sort at a time, which scans the whole table
FIRST_PASSWORD = timedelta(seconds=5)  # a password set within this time of the sign-up is the first one


@dataclass(frozen=True)
class PasswordStatus:
    """The state of a user's password; times are naive UTC.

    A time that can't be read is None, and so is what follows from it. `totp` is None if the server's Zato
    version has no TOTP. `hash_scheme` is `unknown` if the hash can't be read. Costs that do not apply to
    the scheme are None; `memory_cost` is in KiB.
    """

    username: str
    approval_status: str
    is_locked: bool
    must_change: bool
    totp: bool | None
    expired: bool | None
    never_changed: bool | None
    password_last_set: datetime | None
    password_expiry: datetime | None
    days_left: int | None
    open_sessions: int
    hash_scheme: str = "unknown"
    rounds: int | None = None
    time_cost: int | None = None
    memory_cost: int | None = None
    parallelism: int | None = None
    below_setting: bool | None = None


def password_statuses(
    server: ServerConfig, database: Database, *, username: str | None, within: int | None, now: datetime
) -> Iterator[list[PasswordStatus]]:
    """Return pages of users by expiry, each read in a short transaction.

    `username` selects one user, approved or not; `within` selects the users whose password is expired, or
    expires within so many days. Raises UserNotFoundError if `username` does not exist, ConfigError if a
    setting is missing or malformed; other errors as `Database.transaction`.
    """
    setting = configured_hasher(server.settings)
    read_hash = hash_reader(server)
    longest = (datetime.max - now).days  # noqa: DTZ901 Zato's times are naive
    until = None if within is None else now + timedelta(days=min(within, longest))
    user_id, pages = None, _pages(database, until)
    if username is not None:
        with open_users(database, read_only=True) as users:
            user_id = users.get(username, lock=False).id
        pages = iter([[user_id]])
    with open_statuses(database) as statuses:
        has_totp = statuses.has_totp()
        sessions = statuses.open_sessions(now, user_id)

    def read(ids: Sequence[int]) -> list[PasswordStatus]:
        with open_statuses(database) as statuses:
            found = statuses.find(ids, until=until, has_totp=has_totp)
        return [status(user) for user in found]

    def status(user: StoredStatus) -> PasswordStatus:
        hashed: dict[str, Any] = {}
        with suppress(ConfigError):
            if hasher := hasher_of(read_hash(user.password)):
                hashed = {"hash_scheme": hasher.scheme, "below_setting": needs_rehash(hasher, setting)}
                hashed |= hasher.costs
        open_sessions = bisect_right(sessions, user.id) - bisect_left(sessions, user.id)
        return _status(user, now, open_sessions=open_sessions, **hashed)

    return map(read, pages)


def _status(user: StoredStatus, now: datetime, **fields: Any) -> PasswordStatus:
    expires_at, set_at, signed_up_at = user.expires_at, user.set_at, user.signed_up_at
    return PasswordStatus(
        username=user.username,
        approval_status=user.approval_status,
        is_locked=user.is_locked,
        must_change=user.must_change,
        totp=user.totp,
        expired=expires_at <= now if expires_at else None,
        never_changed=abs(set_at - signed_up_at) <= FIRST_PASSWORD if set_at and signed_up_at else None,
        password_last_set=set_at,
        password_expiry=expires_at,
        days_left=(expires_at - now).days if expires_at else None,
        **fields,
    )


def _pages(database: Database, until: datetime | None) -> Iterator[Sequence[int]]:
    """Yield the ids of users by expiry; sorting only one page at first is faster."""
    size, after = PAGE, None
    while True:
        with open_statuses(database) as statuses:
            ids, after = statuses.ids(size, after=after, until=until)
        if not ids:
            return
        for start in range(0, len(ids), PAGE):
            yield ids[start : start + PAGE]
        size = IDS
