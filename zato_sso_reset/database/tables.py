"""The columns of Zato's SSO tables that are read or written here."""

from sqlalchemy import Boolean, DateTime, Integer, String, Text, column, table

users = table(
    "zato_sso_user",
    column("id", Integer),
    column("user_id", String),
    column("username", String),
    column("approval_status", String),
    column("is_super_user", Boolean),
    column("password", Text),
    column("password_is_set", Boolean),
    column("password_must_change", Boolean),
    column("password_last_set", DateTime),
    column("password_expiry", DateTime),
    column("is_locked", Boolean),
    column("locked_time", DateTime),
    column("locked_by", String),
    column("is_totp_enabled", Boolean),
    column("sign_up_time", DateTime),
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
