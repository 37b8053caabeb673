"""A unit of work in memory, for tests of the order of operations."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pytest

from tests.support.settings import FakeSettings
from zato_sso_reset.database import users
from zato_sso_reset.domain.access import NO_CHANGES, Access, AccessChanges
from zato_sso_reset.domain.gates import FINAL
from zato_sso_reset.domain.login import LoginSettings
from zato_sso_reset.domain.users import APPROVED, NewPassword, User
from zato_sso_reset.domain.warnings import ClosedGates, Reset
from zato_sso_reset.errors import UserNotFoundError
from zato_sso_reset.services import bulk_reset, selection

SOMEBODY_ELSES = "somebody else's password"


def fake_user(number: int, **columns: Any) -> User:
    """Return `user<number>`, approved, with the stored password `old`."""
    user = User(
        password="old",
        id=number,
        user_id=f"zusr{number}",
        username=f"user{number}",
        approval_status=APPROVED,
        sign_up_status=FINAL,
        is_locked=False,
        is_totp_enabled=False,
        must_change=False,
        is_super_user=False,
        set_at=datetime.min,  # noqa: DTZ901
        expires_at=datetime.max,  # noqa: DTZ901
    )
    return replace(user, **columns)


@dataclass
class FakeDatabase:
    """Users in memory, and `events`, the operations in their order.

    `outcome` is that of commits: `succeeds`; `not stored`, `stored` and `overwritten` fail, with that
    result. `look_up` is the error of looking the outcome up.
    """

    users: list[User]
    outcome: str = "succeeds"
    look_up: Exception | None = None
    name: str = "fake database"
    events: list[str] = field(default_factory=list)
    on_event: Callable[[str], object] = lambda _event: None

    def record(self, event: str) -> None:
        """Add an event."""
        self.events.append(event)
        self.on_event(event)

    @property
    def passwords(self) -> dict[str, str]:
        """The committed passwords by username."""
        return {user.username: user.password for user in self.users}


class FakeUserRepository:
    """A unit of work on a `FakeDatabase`; only `commit` changes the database."""

    def __init__(self, database: FakeDatabase) -> None:
        self.database = database
        self.access = self
        self._stored: dict[int, str] = {}
        self._is_open = True

    def get(self, _user: User, _now: datetime) -> Access:
        """Return no access besides a login."""
        return Access(0, 0, 0)

    def mending(self) -> str:
        """Return no statement: the database keeps every password."""
        return ""

    def get_approved_for_update(self, username: str) -> User:
        """Return a user."""
        found = self.find([username], lock=True)
        if username not in found:
            raise UserNotFoundError(f"No such user `{username}`.")
        return found[username]

    def find(self, usernames: Sequence[str], *, lock: bool) -> dict[str, User]:
        """Return users by name."""
        self.database.record("lock" if lock else "find")
        return {user.username: user for user in self.database.users if user.username in usernames}

    def store(self, new: Sequence[NewPassword], _access: AccessChanges) -> dict[str, int]:
        """Change passwords within this unit of work."""
        self.database.record("store")
        self._stored |= {each.user.id: each.stored for each in new}
        return {}

    def lock_passwords(self, user_ids: Iterable[int]) -> dict[int, str]:
        """Return committed passwords; fail if the outcome can't be looked up."""
        self.database.record("look up")
        if self.database.look_up:
            raise self.database.look_up
        ids = set(user_ids)
        return {user.id: user.password for user in self.database.users if user.id in ids}

    def hint_at_policies(self) -> str:
        """Return no hint: no row-level security hides users."""
        return ""

    def commit(self) -> None:
        """End with the database's `outcome`."""
        self.database.record("commit")
        outcome = self.database.outcome
        if outcome != "not stored":
            self.database.users = [
                replace(user, password=self._stored[user.id]) if user.id in self._stored else user
                for user in self.database.users
            ]
        if outcome == "overwritten":
            self.database.users = [replace(user, password=SOMEBODY_ELSES) for user in self.database.users]
        self._stored.clear()
        if outcome != "succeeds":
            raise ConnectionError(outcome)

    def close(self) -> None:
        """Roll back what was not committed."""
        if self._is_open:
            self.database.record("roll back" if self._stored else "close")
        self._is_open = False


def use_fake_users(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `open_users` open units of work on a `FakeDatabase`."""

    @contextmanager
    def open_users(database: FakeDatabase, *, read_only: bool = False) -> Iterator[FakeUserRepository]:
        database.record("open read-only" if read_only else "open")
        repository = FakeUserRepository(database)
        try:
            yield repository
        finally:
            repository.close()

    for module in (users, bulk_reset, selection):
        monkeypatch.setattr(module, "open_users", open_users)


def count_gates() -> ClosedGates:
    """Return a count of closed gates of a server without settings."""
    reset = Reset(datetime.min, datetime.max, must_change=None, access=NO_CHANGES)  # noqa: DTZ901
    return ClosedGates(reset, LoginSettings(FakeSettings({})))
