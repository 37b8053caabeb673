"""Account access beyond the password."""

import pytest

from zato_sso_reset.domain.access import NO_CHANGES, Access, AccessChanges, describe

WARNINGS = [
    "2 sessions stay open. Use --revoke-access to end all sessions.",
    "3 password-reset links still work. Use --revoke-access to invalidate all links.",
    "4 linked accounts can log in without this password.",
]


@pytest.mark.parametrize(
    ("changes", "remaining"),
    [
        (NO_CHANGES, {0, 1, 2}),
        (AccessChanges(unlock=True, disable_totp=True), {0, 1, 2}),
        (AccessChanges(revoke_access=True), {2}),
    ],
)
def test_access_that_is_not_changed_is_warned_of(changes: AccessChanges, remaining: set[int]) -> None:
    """A linked account stays, whatever is changed; a normal account has no warning."""
    assert Access(2, 3, 4).warnings(changes) == [WARNINGS[each] for each in sorted(remaining)]
    assert Access(0, 0, 0).warnings(changes) == []


def test_changes_are_described_in_order() -> None:
    """Each change is named with its count."""
    assert (
        describe({"users unlocked": 1, "sessions removed": 20}) == "users unlocked: 1, sessions removed: 20"
    )
