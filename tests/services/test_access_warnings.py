"""Warnings about what keeps a user out or lets others in, on real databases."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.services.conftest import Invoke
from tests.support.access import (
    ALL,
    EARLIER,
    LATER,
    PASSWORD,
    differences,
    furnish,
    insert_link,
    insert_linked,
    insert_session,
    rows,
    user,
    warned,
)
from tests.support.databases import run
from tests.support.servers import Server, insert_users
from zato_sso_reset.text import plural

LOCKED = "The user is locked and can't log in. Use --unlock to unlock the account."
TOTP_ON = "TOTP is on: the password alone is not enough to log in. Use --disable-totp to turn it off."
SESSION = "1 session stays open. Use --revoke-access to end all sessions."
SESSIONS = SESSION.replace("1 session stays", "2 sessions stay")
LINKS = "2 password-reset links still work. Use --revoke-access to invalidate all links."
LINKED = "1 linked account can log in without this password."
EXPIRES = "The password expires in {}, and about_to_expire_threshold is 30: the server "
WARNS = "warns at each login. Use a longer --expiry."
REFUSES = "refuses the login. Use a longer --expiry."


NO_APP = "The application `CRM` is not in [apps] login_allowed. "
NO_APP += "Add it to [apps] login_allowed in sso.conf, and restart the server."
NOT_LISTED = "[login] reject_if_not_listed is on, and the user is not in [user_address_list]. "
NOT_LISTED += "Turn reject_if_not_listed off in sso.conf, and restart the server."
NOT_CONFIRMED = "The sign-up is not confirmed, but `before_confirmation`. "
NOT_CONFIRMED += "Confirm it with the user's sign-up token, through Zato's API."
MUST_CHANGE = "The user must send a new password with the login. "
MUST_CHANGE += "Use --must-change false to let the user keep the password."
BROKEN = "The user must change the password, and the server would store an unusable one. "
BROKEN += "Run this in the database first: ALTER DATABASE \"{}\" SET bytea_output='escape'"


def lock(connection: Any) -> None:
    """Lock `user1`."""
    run(connection, "UPDATE zato_sso_user SET is_locked = true WHERE id = 1")


def turn_totp_on(connection: Any) -> None:
    """Turn TOTP on for `user1`."""
    run(connection, "UPDATE zato_sso_user SET is_totp_enabled = true WHERE id = 1")


def open_two_sessions(connection: Any) -> None:
    """Open two sessions of `user1`."""
    insert_session(connection, 8, 1)
    insert_session(connection, 9, 1)


def send_two_links(connection: Any) -> None:
    """Send two links to `user1`, one of which was followed."""
    insert_link(connection, 8, 1)
    insert_link(connection, 9, 1, expires=EARLIER, key_expires=LATER)


def link_account(connection: Any) -> None:
    """Link an account to `user1`."""
    insert_linked(connection, 8, 1, "zato.jwt")


@pytest.mark.parametrize(
    ("change", "warning", "option"),
    [
        (lock, LOCKED, "--unlock"),
        (turn_totp_on, TOTP_ON, "--disable-totp"),
        (open_two_sessions, SESSIONS, "--revoke-access"),
        (send_two_links, LINKS, "--revoke-access"),
        (link_account, LINKED, None),
    ],
)
def test_warning_names_the_option_that_prevents_it(
    server: Server, reset: Invoke, change: Callable[[Any], object], warning: str, option: str | None
) -> None:
    """Row 36: other users' access, and expired or used access, cause no warning."""
    furnish(server, 4)
    with server.database.connect() as connection:
        insert_session(connection, 1000, 1, EARLIER)
        insert_link(connection, 1000, 1, expires=EARLIER)
        insert_link(connection, 1001, 1, is_used=True)
        clean = reset("--dry-run")
        change(connection)

    done = reset("--output", "json")

    assert clean.stderr.count("\n") == 1
    assert done.stderr == f"Warning: {warning}\n"
    record = json.loads(done.stdout)
    assert record["warnings"] == [warning]
    assert record["is_locked"] is (option == "--unlock")
    repaired = reset(*([option] if option else ALL), "--output", "json")
    assert warned(repaired.stderr) == ([] if option else [warning])
    assert json.loads(repaired.stdout)["is_locked"] is False
    assert json.loads(repaired.stdout)["warnings"] == warned(repaired.stderr)


def test_warnings_are_in_the_order_of_a_login(server: Server, reset: Invoke) -> None:
    """A dry run prints them too, and the reset changes only the password."""
    furnish(server, 1)
    expected = [
        TOTP_ON,
        LOCKED,
        EXPIRES.format("2 days") + WARNS,
        SESSION,
        LINKS,
        LINKED.replace("account", "accounts").replace("1", "2"),
    ]
    before = rows(server.database)

    dry = reset("--expiry", "2", "--dry-run")
    done = reset("--expiry", "2")

    assert differences(before, rows(server.database)) == user(1, PASSWORD)
    assert dry.stderr.splitlines()[1:] == [f"Warning: {warning}" for warning in expected]
    assert warned(done.stderr) == expected


@pytest.mark.parametrize(
    ("settings", "expiry", "warning"),
    [
        ({}, "31", None),
        ({}, "30", WARNS),
        ({"expiry": "7"}, None, WARNS),
        ({"inform_if_about_to_expire": "False"}, "30", REFUSES),
        ({"inform_if_about_to_expire": "False"}, "31", None),
        ({"inform_if_about_to_expire": "perhaps"}, "1", WARNS),
        ({"inform_if_about_to_expire": None}, "1", REFUSES),
        ({"about_to_expire_threshold": "0"}, "1", None),
        ({"about_to_expire_threshold": "-1"}, "1", None),
        ({"about_to_expire_threshold": "soon"}, "1", None),
        ({"about_to_expire_threshold": ""}, "1", None),
        ({"about_to_expire_threshold": None}, "1", None),
    ],
)
@pytest.mark.parametrize("server", ["sqlite"], indirect=True)
def test_expiry_within_the_threshold_is_warned_of(
    server: Server, reset: Invoke, settings: dict[str, str | None], expiry: str | None, warning: str | None
) -> None:
    """A missing or malformed threshold is no reason to fail."""
    for key, value in settings.items():
        if value is None:
            server.remove("sso.conf", key)
        else:
            server.edit("sso.conf", "password", **{key: value})

    done = reset(*(["--expiry", expiry] if expiry else []))

    assert done.exit_code == 0
    days = plural(int(expiry or settings["expiry"] or 0), "day", "days")
    assert warned(done.stderr) == ([EXPIRES.format(days) + warning] if warning else [])


@pytest.mark.parametrize(
    ("setting", "warnings"),
    [
        (("apps", "login_allowed", ""), (NO_APP, NO_APP)),
        (("login", "reject_if_not_listed", "True"), (NOT_LISTED, "4 users may not log in from any address.")),
    ],
)
@pytest.mark.parametrize("server", ["sqlite"], indirect=True)
def test_settings_that_keep_all_users_out_are_warned_of(
    server: Server,
    reset: Invoke,
    bulk_reset: Invoke,
    setting: tuple[str, str, str],
    warnings: tuple[str, str],
) -> None:
    """Row 36: a reset names the setting, and so does one of many users, once."""
    section, key, value = setting
    server.edit("sso.conf", section, **{key: value})

    one, many = reset(), bulk_reset("--all", "--unlock", "--must-change", "false")

    assert (one.exit_code, many.exit_code) == (0, 0)
    assert (warned(one.stderr), many.stderr.splitlines()[-1]) == ([warnings[0]], f"Warning: {warnings[1]}")


def test_sign_up_that_is_not_confirmed_is_warned_of(server: Server, reset: Invoke) -> None:
    """Row 36: no option of a reset confirms it."""
    server.database.run("UPDATE zato_sso_user SET sign_up_status = 'before_confirmation'")

    assert warned(reset("--dry-run").stderr.partition("\n")[2]) == [NOT_CONFIRMED]
    assert json.loads(reset("--output", "json").stdout)["warnings"] == [NOT_CONFIRMED]


def test_change_that_the_database_would_break_is_warned_of(server: Server, reset: Invoke) -> None:
    """Stock Zato stores bytes, which PostgreSQL turns into another text unless a setting is changed."""
    broken = BROKEN.format(server.database.name) if server.database.engine == "postgresql" else ""

    assert warned(reset("--must-change", "true").stderr) == ([broken] if broken else [])
    assert warned(reset().stderr) == [broken or MUST_CHANGE]
    assert warned(reset("--must-change", "false").stderr) == []


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_mended_database_needs_no_warning(
    server: Server, reset: Invoke, bulk_reset: Invoke, request: pytest.FixtureRequest
) -> None:
    """The statement of the warning is what mends it, for one user and for many."""
    many = bulk_reset("--all", "--unlock", "--must-change", "true")
    statement = many.stderr.splitlines()[-1].partition("first: ")[2]
    assert "Warning: 4 users must change the password (--must-change false)." in many.stderr.splitlines()
    undo = f'ALTER DATABASE "{server.database.name}" RESET bytea_output'
    request.addfinalizer(lambda: server.database.run(undo, admin=True))

    server.database.run(statement, admin=True)

    assert warned(reset("--must-change", "true").stderr) == []
    mended = bulk_reset("--all", "--unlock", "--must-change", "true")
    assert mended.stderr == "Done: 4 passwords reset.\nAlso changed: users unlocked: 0.\n"


def test_many_users_are_warned_of_by_count(server: Server, bulk_reset: Invoke) -> None:
    """Row 36: a dry run counts the same users."""
    insert_users(server, ["new1", "new2"], sign_up_status="before_confirmation", is_totp_enabled=True)
    insert_users(server, ["new3"], sign_up_status="before_confirmation")
    options = ("--all", "--exclude", "changing1", "--expiry", "5")

    dry, done = bulk_reset(*options, "--dry-run"), bulk_reset(*options)

    counts = "1 user is still locked (--unlock), 2 have TOTP on (--disable-totp), 3 have not confirmed the"
    expected = [f"Warning: {counts} sign-up.", f"Warning: {EXPIRES.format('5 days')}{WARNS}"]
    assert dry.stderr.splitlines()[1:] == expected
    assert done.stderr.splitlines()[1:] == expected
