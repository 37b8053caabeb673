"""The columns of Zato's SSO tables that are read or written here."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, DateTime, Dialect, Integer, String, Text, TypeDecorator, column, table

from zato_sso_reset.domain.users import UNREADABLE


class AnyName(TypeDecorator[str]):
    """A text that may be a BLOB on SQLite, which equals no text: it is marked as `UNREADABLE`."""

    impl = String
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002
        """Decode a BLOB."""
        return UNREADABLE + value.decode("utf-8", "replace") if isinstance(value, bytes) else value


class AnyTime(TypeDecorator[datetime]):
    """A time that may be something else, such as MySQL's zero date or a text on SQLite: None."""

    impl = DateTime
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None]:
        """Return a function that returns None for anything that is not a time."""
        process = super().result_processor(dialect, coltype) or (lambda value: value)

        def read(value: Any) -> datetime | None:
            try:
                time = process(value)
            except (TypeError, ValueError):
                return None
            return time if isinstance(time, datetime) else None

        return read


users = table(
    "zato_sso_user",
    column("id", Integer),
    *(column(name, Text) for name in ("password", "totp_key")),
    *(column(name, AnyName) for name in ("user_id", "username", "locked_by")),
    *(column(name, AnyName) for name in ("approval_status", "sign_up_status")),
    *(column(name, Boolean) for name in ("password_is_set", "password_must_change", "is_super_user")),
    *(column(name, Boolean) for name in ("is_locked", "is_totp_enabled")),
    *(column(name, AnyTime) for name in ("password_last_set", "password_expiry")),
    *(column(name, AnyTime) for name in ("locked_time", "sign_up_time")),
)

sessions = table(
    "zato_sso_session", column("ust", String), column("user_id", Integer), column("expiration_time", DateTime)
)

attributes = table("zato_sso_attr", column("ust", String), column("user_id", String))

links = table(
    "zato_sso_password_reset",
    column("user_id", String),
    column("expiration_time", DateTime),
    column("reset_key_exp_time", DateTime),
    column("is_password_reset", Boolean),
)

linked_accounts = table("zato_sso_linked_auth", column("user_id", String))
