"""Users and their new passwords."""

from dataclasses import replace
from datetime import datetime

import pytest

from tests.support.fakes import fake_user
from zato_sso_reset.domain.users import NewPassword

TIME = datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001 Zato's times are naive UTC
USER = fake_user(1, password="S3cr3t")


def test_only_approved_users_are_approved() -> None:
    """Zato has other statuses, which may not log in."""
    assert USER.is_approved
    assert not replace(USER, approval_status="rejected").is_approved


@pytest.mark.parametrize(("must_change", "shown"), [(None, False), (True, True)])
def test_record_has_the_fields_of_the_json_output(must_change: bool | None, shown: bool) -> None:  # noqa: FBT001
    """An unchanged flag is shown as it is in the database; no secret is in `repr`."""
    new = NewPassword(USER, "S3cr3t", "S3cr3t", TIME, TIME, must_change)

    assert new.record() == {
        "username": "user1",
        "password": "S3cr3t",
        "password_expiry": "2026-01-02T03:04:05.000000Z",
        "must_change": shown,
    }
    assert "S3cr3t" not in repr(new)
