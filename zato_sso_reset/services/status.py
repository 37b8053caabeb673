"""The states of users' passwords."""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from zato_sso_reset.database.engine import Database
from zato_sso_reset.database.statuses import StoredStatus, open_statuses
from zato_sso_reset.database.users import open_users
from zato_sso_reset.domain.gates import FINAL
from zato_sso_reset.domain.hashing import PasswordHasher, configured_hasher, needs_rehash
from zato_sso_reset.domain.login import LoginSettings
from zato_sso_reset.domain.users import APPROVED, STATES
from zato_sso_reset.server.config import ServerConfig
from zato_sso_reset.services.passwords import StoredPassword, password_reader

PAGE = 500  # users to look up at a time; SQLite before 3.32 accepts at most 999 parameters
IDS = 50_000  # users to sort at a time, which scans the whole table
COSTS = ("rounds", "time_cost", "memory_cost", "parallelism")
FIRST_PASSWORD = timedelta(seconds=5)  # a password set within this time of the sign-up is the first one


@dataclass(frozen=True)
class PasswordStatus:
    r"""The state of a user's password; times are naive UTC, `states` are of `STATES`.

    A time that can't be read is None, and so is what follows from it. `totp` is None if the server's Zato
    version has no TOTP. `hash_scheme` is `unknown` if the hash can't be read, and `hex` if a stock server on
    PostgreSQL stored it as `\x...`, with which nobody can log in. Costs that do not apply to
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
    hash_scheme: str
    rounds: int | None
    time_cost: int | None
    memory_cost: int | None
    parallelism: int | None
    below_setting: bool | None
    sign_up_status: str
    states: Sequence[str]


def password_statuses(
    server: ServerConfig,
    database: Database,
    *,
    username: str | None,
    within: int | None,
    states: Collection[str] = (),
    now: datetime,
) -> Iterator[list[PasswordStatus]]:
    """Return pages of users by expiry, each read in a short transaction.

    `username` selects one user, approved or not; `within` selects the users whose password is expired, or
    expires within so many days; `states` selects the users in one of these states. Raises
    UserNotFoundError if `username` does not exist, ConfigError if a setting is missing or malformed; other
    errors as `Database.transaction`.
    """
    setting = configured_hasher(server.settings)
    read_password = password_reader(server)
    settings = LoginSettings(server.settings)
    longest = (datetime.max - now).days  # noqa: DTZ901 Zato's times are naive
    until = None if within is None else now + timedelta(days=min(within, longest))
    user_id, pages = None, _pages(database, until)
    if username is not None:
        with open_users(database, read_only=True) as users:
            user_id = users.get(username, lock=False).id
        pages = iter([[user_id]])
    with open_statuses(database) as statuses:
        sessions = statuses.open_sessions(now, user_id)

    def read(ids: Sequence[int]) -> list[PasswordStatus]:
        with open_statuses(database) as statuses:
            found = statuses.find(ids, until=until)
        statuses_of_page = map(status, found)
        return [each for each in statuses_of_page if not states or set(states) & set(each.states)]

    def status(user: StoredStatus) -> PasswordStatus:
        open_sessions = bisect_right(sessions, user.id) - bisect_left(sessions, user.id)
        return _status(
            user,
            read_password(user.password),
            setting=setting,
            open_sessions=open_sessions,
            settings=settings,
            now=now,
        )

    return filter(None, map(read, pages))


def _status(
    user: StoredStatus,
    password: StoredPassword,
    *,
    setting: PasswordHasher,
    open_sessions: int,
    settings: LoginSettings,
    now: datetime,
) -> PasswordStatus:
    expires_at, set_at, signed_up_at = user.expires_at, user.set_at, user.signed_up_at
    hasher = password.hasher
    expired = expires_at <= now if expires_at else None
    never_changed = abs(set_at - signed_up_at) <= FIRST_PASSWORD if set_at and signed_up_at else None
    below_setting = needs_rehash(hasher, setting) if hasher else None
    costs = hasher.costs if hasher else {}
    states = {
        "expired": expired,
        "expiring": expires_at and not expired and settings.is_about_to_expire(expires_at, now),
        "locked": user.is_locked,
        "must-change": user.must_change,
        "never-changed": never_changed,
        "not-approved": user.approval_status != APPROVED,
        "not-confirmed": user.sign_up_status != FINAL,
        "weak-hash": below_setting,
        "unreadable": hasher is None,
        "no-totp": user.totp is False,
    }
    return PasswordStatus(
        username=user.username,
        states=[state for state in STATES if states[state]],
        approval_status=user.approval_status,
        sign_up_status=user.sign_up_status,
        is_locked=user.is_locked,
        must_change=user.must_change,
        totp=user.totp,
        expired=expired,
        never_changed=never_changed,
        password_last_set=set_at,
        password_expiry=expires_at,
        days_left=(expires_at - now).days if expires_at else None,
        open_sessions=open_sessions,
        hash_scheme=hasher.scheme if hasher else "hex" if password.is_hex else "unknown",
        below_setting=below_setting,
        **{cost: costs.get(cost) for cost in COSTS},
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
