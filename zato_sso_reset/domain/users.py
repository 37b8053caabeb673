"""Users and their new passwords."""

from dataclasses import dataclass, field
from datetime import datetime

APPROVED = "approved"
UNREADABLE = "\N{REPLACEMENT CHARACTER}"  # in names that can't be looked up: not UTF-8, or a BLOB
FINGERPRINT = "stored_sha256"  # the field of a fingerprint in a record of --deliver-to

STATES = (
    *("expired", "expiring", "locked", "must-change", "never-changed"),
    *("not-approved", "not-confirmed", "weak-hash", "unreadable", "no-totp"),
)
"""The states of a user's password and account, which a user may have several of."""


def iso_utc(time: datetime) -> str:
    """Return a naive UTC time in the format of the JSON output."""
    return f"{time.isoformat(timespec='microseconds')}Z"


def fingerprint(stored: str) -> str:
    """Return the SHA-256 of a stored password, in hexadecimal."""
    from hashlib import sha256  # it loads OpenSSL, which help does without

    return sha256(stored.encode()).hexdigest()


@dataclass(frozen=True)
class User:
    """Columns of `zato_sso_user`; times are naive UTC, None if they are not times.

    `is_totp_enabled` is None if the server's Zato version has no TOTP.
    """

    id: int
    user_id: str
    username: str
    approval_status: str
    sign_up_status: str
    is_locked: bool
    is_totp_enabled: bool | None
    must_change: bool
    is_super_user: bool
    set_at: datetime | None
    expires_at: datetime | None
    password: str = field(repr=False)

    @property
    def is_approved(self) -> bool:
        """Whether the user is approved; nobody else can log in."""
        return self.approval_status == APPROVED


@dataclass(frozen=True)
class NewPassword:
    """A user's new password: `stored` is `password`, hashed and sealed; times are naive UTC."""

    user: User
    password: str = field(repr=False)
    stored: str = field(repr=False)
    set_at: datetime
    expires_at: datetime
    must_change: bool | None  # None leaves the flag unchanged

    def record(self, *, with_password: bool = True) -> dict[str, object]:
        """Return the fields of the JSON output, with the password or the fingerprint of what is stored."""
        key, value = ("password", self.password) if with_password else (FINGERPRINT, fingerprint(self.stored))
        return {
            "username": self.user.username,
            key: value,
            "password_expiry": iso_utc(self.expires_at),
            "must_change": self.user.must_change if self.must_change is None else self.must_change,
        }
