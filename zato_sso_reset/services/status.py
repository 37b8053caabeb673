"""The use case: tell how users' passwords are, and change nothing."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from zato_sso_reset.domain.hashing import is_below, made_with, password_hasher
from zato_sso_reset.errors import ConfigError
from zato_sso_reset.server.config import ServerConfig

if TYPE_CHECKING:
    from zato_sso_reset.database.engine import ODB
    from zato_sso_reset.database.statuses import StoredStatus

PAGE = 500
"""Users that are looked up at a time; SQLite before 3.32 takes no more than 999 values."""

IDS = 50_000
"""Users that are put in order at a time, which looks at the whole table."""

AT_ONCE = timedelta(seconds=5)
"""A password that was set so soon after the sign-up is the first one."""


@dataclass(frozen=True)
class PasswordStatus:
    """How the password of a user is; times are naive UTC.

    `totp` is None where the server's Zato has none. Of a hash that can't be read, `hash_scheme` is `unknown`
    and what follows None; else those are None that the scheme does not have. `memory_cost` is in KiB.
    """

    username: str
    approval_status: str
    is_locked: bool
    must_change: bool
    totp: bool | None
    expired: bool
    never_changed: bool
    password_last_set: datetime
    password_expiry: datetime
    days_left: int
    open_sessions: int
    hash_scheme: str
    rounds: int | None
    time_cost: int | None
    memory_cost: int | None
    parallelism: int | None
    below_setting: bool | None


def password_statuses(
    server: ServerConfig, odb: "ODB", *, username: str | None, within: int | None, now: datetime
) -> Iterator[list[PasswordStatus]]:
    """Yield pages of users by expiry, each read in a short transaction; no user is in memory for long.

    `username` is the only one, approved or not. With `within`, only those are told whose password
    is expired, or expires within so many days.

    Raises:
        UserNotFoundError: there is no such user.
        ConfigError: the server's configuration does not say how it hashes.
        DatabaseError: the database can't be read.
    """
    from zato_sso_reset.database.statuses import StatusRepository, with_statuses
    from zato_sso_reset.database.users import with_users

    setting = password_hasher(server.sso)
    encrypted = server.sso.get("main", "encrypt_password").boolean()
    most = (datetime.max - now).days  # noqa: DTZ901 Zato's times are naive
    until = None if within is None else now + timedelta(days=min(within, most))
    user_id = None
    if username is not None:
        user_id = with_users(odb, lambda users: users.get(username, lock=False).id, reading=True)
    has_totp = with_statuses(odb, StatusRepository.has_totp)
    sessions = with_statuses(odb, partial(StatusRepository.open_sessions, now=now, user_id=user_id))

    def status(user: "StoredStatus") -> PasswordStatus:
        hasher = None
        with suppress(ConfigError):
            hasher = made_with(server.secret_key.unseal(user.password, "") if encrypted else user.password)
        costs = hasher.costs if hasher else {}
        return PasswordStatus(
            username=user.username,
            approval_status=user.approval_status,
            is_locked=user.is_locked,
            must_change=user.must_change,
            totp=user.totp,
            expired=user.expires_at <= now,
            never_changed=abs(user.set_at - user.signed_up_at) <= AT_ONCE,
            password_last_set=user.set_at,
            password_expiry=user.expires_at,
            days_left=(user.expires_at - now).days,
            open_sessions=bisect_right(sessions, user.id) - bisect_left(sessions, user.id),
            hash_scheme=hasher.scheme if hasher else "unknown",
            rounds=costs.get("rounds"),
            time_cost=costs.get("time_cost"),
            memory_cost=costs.get("memory_cost"),
            parallelism=costs.get("parallelism"),
            below_setting=is_below(hasher, setting) if hasher else None,
        )

    def page(ids: Sequence[int]) -> list[PasswordStatus]:
        find = partial(StatusRepository.find, ids=ids, until=until, has_totp=has_totp)
        return [status(user) for user in with_statuses(odb, find)]

    return map(page, _pages(odb, until) if user_id is None else [[user_id]])


def _pages(odb: "ODB", until: datetime | None) -> Iterator[Sequence[int]]:
    """Yield the ids of users by expiry; to put but a page of them in order first is quicker."""
    from zato_sso_reset.database.statuses import StatusRepository, with_statuses

    size, after = PAGE, None
    while True:
        next_ids = partial(StatusRepository.ids, size=size, after=after, until=until)
        ids, after = with_statuses(odb, next_ids)
        if not ids:
            return
        for start in range(0, len(ids), PAGE):
            yield ids[start : start + PAGE]
        size = IDS
