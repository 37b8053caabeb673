"""When a password expires."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from zato_sso_reset.errors import ConfigError, InvalidValueError
from zato_sso_reset.server.config import SSOSettings

DEFAULT_EXPIRY_DAYS = 760
"""What Zato documents for `reset-user-password` where neither the option nor the server says."""


@dataclass(frozen=True)
class ExpiryPolicy:
    """How long a password lasts, in days, and who said so; `from_option` is what the caller can mend."""

    days: int
    source: str
    from_option: bool = False

    @classmethod
    def from_settings(cls, sso: SSOSettings, option: int | None = None) -> "ExpiryPolicy":
        """Take the first that says: option, environment, `sso.toml`, `sso.conf`, 760 days.

        Raises:
            ConfigError: the server's value is not a whole number of days, 1 or more.
        """
        if option is not None:
            return cls(option, "--expiry", from_option=True)
        setting = sso.find("password", "expiry")
        if setting is None:
            return cls(DEFAULT_EXPIRY_DAYS, "the default")
        return cls(setting.integer(1), setting.source)

    def warnings(self, sso: SSOSettings) -> list[str]:
        """Return what a server will say of so short a time at each login, or that it refuses it."""
        with suppress(ConfigError):  # the server's own to stumble over
            threshold = sso.get("password", "about_to_expire_threshold").integer(0)
            if self.days <= threshold:
                soon = f"{self.days} day(s) are within the server's about_to_expire_threshold of {threshold}"
                if sso.get("password", "inform_if_about_to_expire").boolean():
                    return [f"{soon}, so that it warns at each login."]
                return [f"{soon}, so that it refuses the login. Give a longer --expiry."]
        return []

    def expires_at(self, now: datetime) -> datetime:
        """Return `now` (naive UTC, as Zato keeps its times) and the days on top.

        Raises:
            InvalidValueError: the option leads beyond the year 9999.
            ConfigError: the server's own value does.
        """
        try:
            return now + timedelta(days=self.days)
        except OverflowError:
            pass
        error = InvalidValueError if self.from_option else ConfigError
        raise error(f"The expiry from {self.source} lies beyond the year 9999. Give fewer days.")
