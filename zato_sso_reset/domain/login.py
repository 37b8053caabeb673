"""A login at a stock server: the account, the client's input, and the settings."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from zato_sso_reset.domain.settings import Setting, Settings
from zato_sso_reset.domain.users import User
from zato_sso_reset.errors import ConfigError
from zato_sso_reset.text import quoted

HIDDEN = "E005001"  # the status code that hides the reason


@dataclass(frozen=True)
class Account:
    """The columns of a user that a login reads; `expires_at` is naive UTC, None if it is not a time.

    `is_totp_enabled` is None if the server's Zato version has no TOTP. `password_problem` says why no
    password is right. `mending` is the SQL statement that the database needs before the server can store a
    new password correctly, empty if it needs none.
    """

    username: str
    approval_status: str
    is_locked: bool
    is_totp_enabled: bool | None
    sign_up_status: str
    expires_at: datetime | None
    must_change: bool
    password_problem: str = ""
    mending: str = ""

    @classmethod
    def of(cls, user: User, *, password_problem: str = "", mending: str = "") -> "Account":
        """Return the account of a user."""
        return cls(
            username=user.username,
            approval_status=user.approval_status,
            is_locked=user.is_locked,
            is_totp_enabled=user.is_totp_enabled,
            sign_up_status=user.sign_up_status,
            expires_at=user.expires_at,
            must_change=user.must_change,
            password_problem=password_problem,
            mending=mending,
        )


@dataclass(frozen=True)
class Client:
    """The input of a login, as far as it is known.

    `is_password_right` is None if the password is unknown, `is_code_right` is None if no TOTP code is sent,
    `sends_metadata` is None if it is unknown whether the client sends the user's address or browser.
    """

    app: str
    is_password_right: bool | None = None
    is_code_right: bool | None = None
    sends_metadata: bool | None = None


class LoginSettings:
    """The settings of a login; one that is missing or malformed is off, empty or 0."""

    def __init__(self, settings: Settings) -> None:
        self._find = lru_cache(64)(settings.find)  # the same few settings matter to all of many users

    @property
    def default_app(self) -> str:
        """The application of a client that names none."""
        return str(self._value("apps", "default") or "")

    def shown_app(self, app: str) -> str:
        """Return an application for messages, which do not show a default from `$NAME` or a secret."""
        default = self._setting("apps", "default")
        is_hidden = default and default.is_resolved and app == self.default_app
        return "of [apps] default" if is_hidden else quoted(app)

    @property
    def expiry_threshold(self) -> int:
        """The number of days before its expiry from which a password is about to expire."""
        return min(self.number("password", "about_to_expire_threshold") or 0, timedelta.max.days)

    def is_about_to_expire(self, expires_at: datetime, now: datetime) -> bool:
        """Return whether the server warns of the expiry at a login, or refuses the login; naive UTC."""
        return expires_at - now <= timedelta(days=self.expiry_threshold)

    def is_on(self, section: str, key: str) -> bool:
        """Return whether the server takes a setting for true."""
        return str(self._value(section, key)) not in {"", "0", "False", "None"}

    def code(self, section: str, key: str, code: str) -> str:
        """Return `code` if a setting has the server inform the client, or else the one that hides it."""
        return code if self.is_on(section, key) else HIDDEN

    def number(self, section: str, key: str) -> int | None:
        """Return a whole number."""
        with suppress(ConfigError):
            setting = self._setting(section, key)
            return setting.integer(0) if setting else None
        return None

    def names(self, section: str, key: str) -> list[str] | None:
        """Return the names in a setting, None if it is missing."""
        value = self._value(section, key)
        if value is None:
            return None
        return [str(name) for name in value] if isinstance(value, list) else [str(value)]

    def _value(self, section: str, key: str) -> object:
        setting = self._setting(section, key)
        return setting and setting.value

    def _setting(self, section: str, key: str) -> Setting | None:
        with suppress(ConfigError):
            return self._find(section, key)
        return None
