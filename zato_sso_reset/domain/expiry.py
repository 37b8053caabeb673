"""Password expiry."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from zato_sso_reset.domain.settings import Settings
from zato_sso_reset.errors import ConfigError, InvalidValueError

DEFAULT_EXPIRY_DAYS = 760  # the documented default of stock Zato's `reset-user-password`


@dataclass(frozen=True)
class ExpiryPolicy:
    """The lifetime of a password, in days, and the setting or option that it comes from."""

    days: int
    source: str
    from_option: bool = False

    @classmethod
    def from_settings(cls, settings: Settings, option: int | None = None) -> "ExpiryPolicy":
        """Use the option if given, else the server's setting, else 760 days.

        Raises ConfigError if the setting is not a whole number of days, 1 or more.
        """
        if option is not None:
            return cls(option, "--expiry", from_option=True)
        setting = settings.find("password", "expiry")
        if setting is None:
            return cls(DEFAULT_EXPIRY_DAYS, "the default")
        return cls(setting.integer(1), setting.source)

    def expires_at(self, now: datetime) -> datetime:
        """Return the time of expiry of a password that is set at `now`; both are naive UTC.

        Raises InvalidValueError (for the option) or ConfigError if it is beyond the year 9999.
        """
        with suppress(OverflowError):
            return now + timedelta(days=self.days)
        error = InvalidValueError if self.from_option else ConfigError
        raise error(f"The expiry from {self.source} is beyond the year 9999.", "Use fewer days.")
