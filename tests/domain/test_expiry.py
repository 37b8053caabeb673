"""Password expiry."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.settings import read_settings
from zato_sso_reset.domain.expiry import ExpiryPolicy
from zato_sso_reset.errors import ConfigError, InvalidValueError

NOW = datetime(2026, 11, 23, 18, 52, 12, 110928)  # noqa: DTZ001 Zato's times are naive UTC
VARIABLE = "Zato_Config_Unknown_sso__conf_password_expiry"
ENV = {"env": {VARIABLE: "10"}}
TOML = {"toml": "[password]\nexpiry = 90\n"}
CONF = {"conf": "[password]\nexpiry=730 # In days\n"}


class TestFromSettings:
    """`ExpiryPolicy.from_settings`: option, environment, `sso.toml`, `sso.conf`, 760 days."""

    @pytest.mark.parametrize(
        ("option", "sources", "days", "source"),
        [
            (2, {**ENV, **TOML, **CONF}, 2, "--expiry"),
            (None, {**ENV, **TOML, **CONF}, 10, f"environment variable `{VARIABLE}`"),
            (None, {**TOML, **CONF}, 90, "sso.toml`: [password] expiry"),
            (None, CONF, 730, "sso.conf`: [password] expiry"),
            (None, {}, 760, "the default"),
            (2, {"conf": "[password]\nexpiry=abc\n"}, 2, "--expiry"),
            (None, TOML, 90, "sso.toml`: [password] expiry"),
            (None, {"conf": "[password]\nexpiry=1\n"}, 1, "sso.conf`: [password] expiry"),
        ],
    )
    def test_first_source_with_a_value_wins(
        self, tmp_path: Path, option: int | None, sources: dict[str, Any], days: int, source: str
    ) -> None:
        """The policy names the source of its value; an option hides even an invalid setting."""
        policy = ExpiryPolicy.from_settings(read_settings(tmp_path, **sources), option)

        assert policy.days == days
        assert policy.source.endswith(source)
        assert policy.from_option is (option is not None)

    @pytest.mark.parametrize("value", ["0", "-1", "2.5", "1e3", "", "abc", "True", "5,6", "1_000", "\uff14"])
    def test_invalid_setting_is_a_configuration_error(self, tmp_path: Path, value: str) -> None:
        """The error names file, section and key."""
        sso = read_settings(tmp_path, f"[password]\nexpiry={value}\n")

        with pytest.raises(ConfigError, match=r"sso.conf`: \[password\] expiry is not a whole number from 1"):
            ExpiryPolicy.from_settings(sso)


class TestExpiresAt:
    """`ExpiryPolicy.expires_at`."""

    @settings(deadline=None, max_examples=100)
    @given(st.integers(1, 365_000), st.datetimes(max_value=datetime(8000, 1, 1)))  # noqa: DTZ001
    def test_days_are_added_to_the_time(self, days: int, now: datetime) -> None:
        """The time of day stays the same."""
        assert ExpiryPolicy(days, "--expiry").expires_at(now) - now == timedelta(days=days)

    @pytest.mark.parametrize("more", [1, 10**6, 10**9])
    @pytest.mark.parametrize(
        ("from_option", "error"), [(True, InvalidValueError), (False, ConfigError)], ids=["option", "setting"]
    )
    def test_year_9999_is_the_last(self, more: int, from_option: bool, error: type[Exception]) -> None:  # noqa: FBT001
        """A later expiry is a usage error if it comes from the option, else a configuration error."""
        last = (NOW.replace(year=9999, month=12, day=31) - NOW).days

        assert ExpiryPolicy(last, "here", from_option).expires_at(NOW).year == 9999
        with pytest.raises(error) as caught:
            ExpiryPolicy(last + more, "here", from_option).expires_at(NOW)
        assert str(caught.value) == "The expiry from here is beyond the year 9999. Use fewer days."
