"""Warnings of what keeps a user out or lets others in, on real databases, seen from outside."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

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
from tests.support.servers import Server

Invoke = Callable[..., Result]

THRESHOLD = "about_to_expire_threshold of 30"


def two_sessions(connection: Any) -> None:
    """Open two sessions of `user1`."""
    insert_session(connection, 8, 1)
    insert_session(connection, 9, 1)


def two_links(connection: Any) -> None:
    """Send two links to `user1`, one of which was followed."""
    insert_link(connection, 8, 1)
    insert_link(connection, 9, 1, expires=EARLIER, key_expires=LATER)


class TestWarnings:
    """What still stands in the owner's way, or open to others."""

    @pytest.mark.parametrize(
        ("make", "warning", "option"),
        [
            (
                lambda connection: run(connection, "UPDATE zato_sso_user SET is_locked = true WHERE id = 1"),
                "The user is locked, so can't log in. --unlock mends that.",
                "--unlock",
            ),
            (
                lambda connection: run(
                    connection, "UPDATE zato_sso_user SET is_totp_enabled = true WHERE id = 1"
                ),
                "TOTP is on, so the password alone does not log in. --disable-totp turns it off.",
                "--disable-totp",
            ),
            (
                two_sessions,
                "2 open session(s) go on. --revoke-access ends them.",
                "--revoke-access",
            ),
            (
                two_links,
                "2 password-reset link(s) still work. --revoke-access voids them.",
                "--revoke-access",
            ),
            (
                lambda connection: insert_linked(connection, 8, 1, "zato.jwt"),
                "1 linked account(s) log in without this password.",
                None,
            ),
        ],
        ids=["locked", "totp", "sessions", "links", "linked"],
    )
    def test_each(
        self,
        server: Server,
        reset: Invoke,
        make: Callable[[Any], object],
        warning: str,
        option: str | None,
    ) -> None:
        """One is given where there is reason to; never for another user's, nor for what an option mends."""
        furnish(server, 4)
        with server.database.connect() as connection:
            insert_session(connection, 1000, 1, EARLIER)
            insert_link(connection, 1000, 1, expires=EARLIER)
            insert_link(connection, 1001, 1, is_used=True)
            clean = reset("--dry-run")
            make(connection)

        told = reset("--output", "json")

        assert clean.stderr.count("\n") == 1
        assert told.stderr == f"Warning: {warning}\n"
        record = json.loads(told.stdout)
        assert record["warnings"] == [warning]
        assert record["is_locked"] is (option == "--unlock")
        mended = reset(*([option] if option else ALL), "--output", "json")
        assert warned(mended.stderr) == ([] if option else [warning])
        assert json.loads(mended.stdout)["is_locked"] is False
        assert json.loads(mended.stdout)["warnings"] == warned(mended.stderr)

    def test_all_at_once(self, server: Server, reset: Invoke) -> None:
        """They come in the order of a login, a dry run has them too, and what they are of stays as it is."""
        furnish(server, 1)
        expected = [
            "The user is locked, so can't log in. --unlock mends that.",
            "TOTP is on, so the password alone does not log in. --disable-totp turns it off.",
            "1 open session(s) go on. --revoke-access ends them.",
            "2 password-reset link(s) still work. --revoke-access voids them.",
            "2 linked account(s) log in without this password.",
            f"2 day(s) are within the server's {THRESHOLD}, so that it warns at each login.",
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
            ({}, "30", "so that it warns at each login."),
            ({"expiry": "7"}, None, "so that it warns at each login."),
            (
                {"inform_if_about_to_expire": "False"},
                "30",
                "so that it refuses the login. Give a longer --expiry.",
            ),
            ({"inform_if_about_to_expire": "False"}, "31", None),
            ({"inform_if_about_to_expire": "perhaps"}, "1", None),
            ({"about_to_expire_threshold": "0"}, "1", None),
            ({"about_to_expire_threshold": "-1"}, "1", None),
            ({"about_to_expire_threshold": "soon"}, "1", None),
            ({"about_to_expire_threshold": ""}, "1", None),
        ],
    )
    def test_expiry(
        self,
        sqlite_server: Server,
        invoke: Invoke,
        settings: dict[str, str],
        expiry: str | None,
        warning: str | None,
    ) -> None:
        """An expiry within the server's threshold; what is wrong with that setting is no reason to fail."""
        sqlite_server.edit("sso.conf", "password", **settings)

        done = invoke(
            "sso",
            "reset-user-password",
            sqlite_server.path,
            "user1",
            *(["--expiry", expiry] if expiry else []),
        )

        assert done.exit_code == 0
        days = expiry or settings["expiry"]
        assert warned(done.stderr) == (
            [f"{days} day(s) are within the server's {THRESHOLD}, {warning}"] if warning else []
        )

    @pytest.mark.parametrize("key", ["about_to_expire_threshold", "inform_if_about_to_expire"])
    def test_expiry_without_a_setting(self, sqlite_server: Server, invoke: Invoke, key: str) -> None:
        """A server that lacks one of the settings has nothing to say."""
        sqlite_server.remove("sso.conf", key)

        done = invoke("sso", "reset-user-password", sqlite_server.path, "user1", "--expiry", "1")

        assert (done.exit_code, done.stderr) == (0, "")
