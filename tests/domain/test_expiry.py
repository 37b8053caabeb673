"""When a password expires, and who says so."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zato_sso_reset.domain.expiry import ExpiryPolicy
from zato_sso_reset.errors import ConfigError, InvalidValueError
from zato_sso_reset.server.config import SSOSettings
from zato_sso_reset.server.ini import ValueResolver

NOW = datetime(2026, 11, 23, 18, 52, 12, 110928)  # noqa: DTZ001 Zato's times are naive UTC
VARIABLE = "Zato_Config_Unknown_sso__conf_password_expiry"
ENV = {VARIABLE: "10"}
TOML = "[password]\nexpiry = 90\n"
CONF = "[password]\nexpiry=730 # In days\n"


def read(folder: Path, conf: str = "", toml: str = "", env: dict[str, str] | None = None) -> SSOSettings:
    """Read a server's `sso.conf` and `sso.toml` of these texts."""
    (folder / "sso.conf").write_text(conf)
    (folder / "sso.toml").write_text(toml)
    return SSOSettings(folder, ValueResolver(env or {}, warn=pytest.fail, secret=lambda _group, key: key))


class TestPrecedence:
    """Option, then environment, then `sso.toml`, then `sso.conf`, then 760 days."""

    @pytest.mark.parametrize(
        ("option", "said", "days", "source"),
        [
            (2, {"env": ENV, "toml": TOML, "conf": CONF}, 2, "--expiry"),
            (None, {"env": ENV, "toml": TOML, "conf": CONF}, 10, f"environment variable `{VARIABLE}`"),
            (None, {"toml": TOML, "conf": CONF}, 90, "sso.toml`: [password] expiry"),
            (None, {"conf": CONF}, 730, "sso.conf`: [password] expiry"),
            (None, {}, 760, "the default"),
            (2, {}, 2, "--expiry"),
            (None, {"toml": TOML}, 90, "sso.toml`: [password] expiry"),
        ],
    )
    def test_takes_the_first_that_says(
        self, tmp_path: Path, option: int | None, said: dict[str, Any], days: int, source: str
    ) -> None:
        """What stands higher hides what stands below it, and is named as the source."""
        policy = ExpiryPolicy.from_settings(read(tmp_path, **said), option)

        assert policy.days == days
        assert policy.source.endswith(source)
        assert policy.from_option is (option is not None)

    @pytest.mark.parametrize("value", ["0", "-1", "2.5", "1e3", "", "abc", "True", "5,6", "1_000", "\uff14"])
    def test_refuses_a_setting_that_is_no_number_of_days(self, tmp_path: Path, value: str) -> None:
        """A value of the server that is not a whole number, 1 or more, is told by file, section and key."""
        sso = read(tmp_path, f"[password]\nexpiry={value}\n")

        with pytest.raises(ConfigError, match=r"sso.conf`: \[password\] expiry is not a whole number from 1"):
            ExpiryPolicy.from_settings(sso)

    def test_does_not_look_at_the_server_where_the_option_says(self, tmp_path: Path) -> None:
        """A setting that is wrong does no harm to who gives the option."""
        sso = read(tmp_path, "[password]\nexpiry=abc\n")

        assert ExpiryPolicy.from_settings(sso, 2).days == 2


class TestExpiresAt:
    """`ExpiryPolicy.expires_at`."""

    @settings(deadline=None, max_examples=100)
    @given(st.integers(1, 365_000), st.datetimes(max_value=datetime(8000, 1, 1)))  # noqa: DTZ001
    def test_adds_the_days(self, days: int, now: datetime) -> None:
        """The time of day stays, the day is that many later."""
        assert ExpiryPolicy(days, "--expiry").expires_at(now) - now == timedelta(days=days)

    def test_reaches_the_last_day_there_is(self) -> None:
        """The last day of the year 9999 can be had, the one after not."""
        last = (NOW.replace(year=9999, month=12, day=31) - NOW).days

        assert ExpiryPolicy(last, "--expiry", from_option=True).expires_at(NOW).year == 9999
        with pytest.raises(InvalidValueError):
            ExpiryPolicy(last + 1, "--expiry", from_option=True).expires_at(NOW)

    @pytest.mark.parametrize("days", [3_000_000, 9_999_999, 10**9, 2**32 - 1])
    def test_tells_who_leads_beyond_the_year_9999(self, tmp_path: Path, days: int) -> None:
        """It is the caller's mistake where the option says, and the server's where the file does."""
        sso = read(tmp_path, f"[password]\nexpiry={days}\n")

        with pytest.raises(InvalidValueError, match="from --expiry lies beyond the year 9999"):
            ExpiryPolicy.from_settings(sso, days).expires_at(NOW)
        with pytest.raises(ConfigError, match=r"sso.conf`: \[password\] expiry lies beyond the year 9999"):
            ExpiryPolicy.from_settings(sso).expires_at(NOW)
