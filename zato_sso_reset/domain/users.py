"""Users, and what they are to have."""

from dataclasses import dataclass, field
from datetime import datetime

APPROVED = "approved"


def iso_utc(time: datetime) -> str:
    """Return a time in naive UTC as JSON has it."""
    return f"{time.isoformat(timespec='microseconds')}Z"


@dataclass(frozen=True)
class User:
    """A row of `zato_sso_user`, as far as it matters here."""

    id: int
    user_id: str
    username: str
    approval_status: str
    is_locked: bool
    must_change: bool
    is_super_user: bool
    set_at: datetime
    password: str = field(repr=False)

    @property
    def is_approved(self) -> bool:
        """Whether a stock server would let the user log in at all."""
        return self.approval_status == APPROVED


@dataclass(frozen=True)
class NewPassword:
    """What a user is to have: `stored` is `password` hashed and sealed; times are naive UTC."""

    user: User
    password: str = field(repr=False)
    stored: str = field(repr=False)
    set_at: datetime
    expires_at: datetime
    must_change: bool | None
    """Of None, the flag stays as it is."""

    def record(self) -> dict[str, object]:
        """Return what is delivered of it, as JSON has it."""
        return {
            "username": self.user.username,
            "password": self.password,
            "password_expiry": iso_utc(self.expires_at),
            "must_change": self.user.must_change if self.must_change is None else self.must_change,
        }
