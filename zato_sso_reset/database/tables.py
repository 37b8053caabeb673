"""The columns of Zato's SSO tables that are read or written here."""

from sqlalchemy import Boolean, DateTime, Integer, String, Text, column, table

users = table(
    "zato_sso_user",
    column("id", Integer),
    column("password", Text),
    *(column(name, String) for name in ("user_id", "username", "approval_status", "locked_by")),
    *(column(name, Boolean) for name in ("password_is_set", "password_must_change", "is_super_user")),
    *(column(name, Boolean) for name in ("is_locked", "is_totp_enabled")),
    *(column(name, DateTime) for name in ("password_last_set", "password_expiry")),
    *(column(name, DateTime) for name in ("locked_time", "sign_up_time")),
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
