"""When a password expires."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from zato_sso_reset.errors import ConfigError, InvalidValueError
from zato_sso_reset.server import SSOSettings

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
