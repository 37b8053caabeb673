"""The columns of Zato's SSO tables that are read or written here; the tables have more."""

from sqlalchemy import Boolean, DateTime, Integer, String, Text, column, table

users = table(
    "zato_sso_user",
    column("id", Integer),
    column("username", String),
    column("approval_status", String),
    column("is_super_user", Boolean),
    column("password", Text),
    column("password_is_set", Boolean),
    column("password_must_change", Boolean),
    column("password_last_set", DateTime),
    column("password_expiry", DateTime),
)
