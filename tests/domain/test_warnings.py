"""Warnings about what keeps users out after a reset."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.fakes import fake_user
from tests.support.settings import FakeSettings
from zato_sso_reset.domain.access import AccessChanges
from zato_sso_reset.domain.login import LoginSettings
from zato_sso_reset.domain.warnings import ClosedGates, Reset

NOW = datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001 Zato's times are naive UTC

STOCK = {
    "apps": {"default": "CRM", "all": "CRM", "login_allowed": "CRM"},
    "password": {"about_to_expire_threshold": "30", "min_length": "8", "min_complexity": "0"},
}

users = st.builds(
    fake_user,
    st.integers(1, 5),
    is_locked=st.booleans(),
    is_totp_enabled=st.sampled_from([False, True, None]),
    must_change=st.booleans(),
    sign_up_status=st.sampled_from(["final", "before_confirmation"]),
)

changes = st.builds(AccessChanges, unlock=st.booleans(), disable_totp=st.booleans())


def reset(access: AccessChanges, **changed: Any) -> Reset:
    """Return a reset that expires late."""
    plain = Reset(NOW, NOW + timedelta(days=60), must_change=None, access=access)
    return replace(plain, **changed)


@settings(deadline=None, max_examples=200)
@given(st.lists(users, max_size=20), changes, st.sampled_from([None, True, False]))
def test_counts_are_those_of_the_users(
    found: list[Any],
    access: AccessChanges,
    must_change: bool | None,  # noqa: FBT001
) -> None:
    """Each user is counted once for each gate that the reset leaves closed."""
    closed = ClosedGates(reset(access, must_change=must_change), LoginSettings(FakeSettings(STOCK)))
    closed.add(found)

    expected = {
        "TOTP on": sum(bool(user.is_totp_enabled) for user in found) * (not access.disable_totp),
        "still locked": sum(user.is_locked for user in found) * (not access.unlock),
        "not confirmed": sum(user.sign_up_status != "final" for user in found),
        "must change": sum(user.must_change for user in found) * (must_change is None),
    }
    warnings = closed.warnings()
    assert len(warnings) == any(expected.values())
    for part in warnings[0].split(", ") if warnings else []:
        [phrase] = [phrase for phrase in expected if phrase in part]
        assert part.split()[0] == str(expected.pop(phrase))
    assert not any(expected.values())


def test_numbers_are_written_as_in_a_sentence() -> None:
    """Only the first number says of what."""
    closed = ClosedGates(reset(AccessChanges()), LoginSettings(FakeSettings(STOCK)))
    closed.add([fake_user(1, is_totp_enabled=True), fake_user(2, is_totp_enabled=True, is_locked=True)])

    assert closed.warnings() == ["2 users have TOTP on (--disable-totp), 1 is still locked (--unlock)."]
