"""`--unlock`, `--disable-totp` and `--revoke-access`, on real databases, seen from outside."""

import os
from collections.abc import Callable

import pytest
from click.testing import Result

from tests.conftest import ENGINES
from tests.support.access import (
    ALL,
    DONE,
    EARLIER,
    LATER,
    PASSWORD,
    TOTP,
    UNLOCKED,
    Differences,
    differences,
    furnish,
    insert_attribute,
    insert_link,
    revoked,
    rows,
    seconds_since,
    user,
    warned,
)
from tests.support.bulk import all_rows, assert_valid, bulk_arguments
from tests.support.databases import make_3_0
from tests.support.servers import OLD, Server
from zato_sso_reset.audit.operator import operating_user
from zato_sso_reset.services import bulk_reset as bulk

Invoke = Callable[..., Result]

NOTHING = "users unlocked: 0, TOTP turned off: 0, sessions removed: 0, password-reset links voided: 0"

REVOKED = "sessions removed: 7, password-reset links voided: 6"


class TestOptions:
    """What was to change did, and nothing else, of this user or another."""

    @pytest.mark.parametrize(
        ("option", "expected", "told"),
        [
            ("--unlock", user(1, PASSWORD, UNLOCKED), "users unlocked: 1"),
            ("--disable-totp", user(1, PASSWORD, TOTP), "TOTP turned off: 1"),
            (
                "--revoke-access",
                {**user(1, PASSWORD), **revoked(1)},
                "sessions removed: 2, password-reset links voided: 2",
            ),
        ],
    )
    def test_alone(
        self, server: Server, reset: Invoke, option: str, expected: Differences, told: str
    ) -> None:
        """An option changes what it names, and says so."""
        furnish(server, 1, 4)
        before = rows(server.database)

        done = reset(option)

        assert done.exit_code == 0
        assert done.stderr.startswith(DONE.format(told))
        assert differences(before, rows(server.database)) == expected
        assert_valid_line(server, done)

    @pytest.mark.parametrize("must_change", [(), ("--must-change", "yes")])
    def test_at_once(self, server: Server, reset: Invoke, must_change: tuple[str, ...]) -> None:
        """All of them, with the password and its flags; what was written is what Zato reads."""
        furnish(server, 1, 4)
        before = rows(server.database)

        done = reset(*ALL, *must_change)

        after = rows(server.database)
        flag = frozenset({"password_must_change"} if must_change else ())
        told = "users unlocked: 1, TOTP turned off: 1, sessions removed: 2, "
        assert (done.exit_code, done.stderr) == (
            0,
            DONE.format(f"{told}password-reset links voided: 2")
            + "Warning: 2 linked account(s) log in without this password.\n",
        )
        assert differences(before, after) == {**user(1, PASSWORD, UNLOCKED, TOTP, flag), **revoked(1)}
        assert_valid_line(server, done)
        row = after["zato_sso_user", 1]
        assert (row["is_locked"], row["is_totp_enabled"], row["totp_key"]) == (False, False, "k")
        assert row["locked_by"] == f"{operating_user()}@{os.uname().nodename}"
        assert -1 < seconds_since(row["locked_time"]) < 60  # MySQL may round up
        for number in (101, 102):
            link = after["zato_sso_password_reset", number]
            for name in ("expiration_time", "reset_key_exp_time"):
                assert 59 <= seconds_since(link[name]) < 120

    def test_nothing_to_do(self, server: Server, reset: Invoke) -> None:
        """What is not locked, on, or there is left as it is, and said to be none."""
        furnish(server, 4)
        with server.database.connect() as connection:
            insert_link(connection, 1, 1, expires=EARLIER)
            insert_attribute(connection, 1, 1, None)
        before = rows(server.database)

        done = reset(*ALL)

        assert (done.exit_code, done.stderr) == (0, DONE.format(NOTHING))
        assert differences(before, rows(server.database)) == user(1, PASSWORD)

    def test_with_a_chosen_password(self, sqlite_server: Server, invoke: Invoke) -> None:
        """`change-user-password` takes the same options."""
        furnish(sqlite_server, 1, 4)
        before = rows(sqlite_server.database)

        done = invoke(
            "sso", "change-user-password", sqlite_server.path, "user1", "--password-stdin", *ALL,
            input="Quite-Another.1\n",
        )  # fmt: skip

        assert done.exit_code == 0
        assert warned(done.stderr) == ["2 linked account(s) log in without this password."]
        assert differences(before, rows(sqlite_server.database)) == {
            **user(1, PASSWORD, UNLOCKED, TOTP),
            **revoked(1),
        }
        assert sqlite_server.opens("user1", "Quite-Another.1")

    def test_on_a_stock_database(self, stock: Server, invoke: Invoke) -> None:
        """The tables of a stock Zato 3.3, with a session that it opened."""
        stock.edit("sso.conf", "hash_secret", rounds="1000")
        stock.database.run(f"UPDATE zato_sso_session SET expiration_time = '{LATER}'")
        before = rows(stock.database)
        told, ids = {}, {row["username"]: key for key, row in before.items() if key[0] == "zato_sso_user"}

        for username in ("user1", "locked1", "totp1"):
            done = invoke("sso", "reset-user-password", stock.path, username, *ALL)
            assert (done.exit_code, done.stdout[:17]) == (0, "Password for user")
            told[username] = done.stderr

        assert told == {
            "user1": DONE.format(NOTHING.replace("removed: 0", "removed: 1")),
            "locked1": DONE.format(NOTHING.replace("unlocked: 0", "unlocked: 1")),
            "totp1": DONE.format(NOTHING.replace("off: 0", "off: 1")),
        }
        assert differences(before, rows(stock.database)) == {
            ids["user1"]: PASSWORD,
            ids["locked1"]: PASSWORD | UNLOCKED,
            ids["totp1"]: PASSWORD | TOTP,
            ("zato_sso_session", 1): frozenset(),
        }


def assert_valid_line(server: Server, done: Result) -> None:
    """See that the printed password opens the account, and the old one no longer does."""
    password = done.stdout.split("`")[3]
    assert server.opened_by({"user1": password}) == {"user1"}
    assert "user1" not in server.opened_by(dict.fromkeys(all_rows(server.database), OLD))


class TestMany:
    """`reset-user-passwords` with the same options."""

    @pytest.fixture
    def reset_all(
        self, server: Server, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
    ) -> Callable[..., Result]:
        """Reset all who are approved, two at a time; a user who is not has as much as the others."""
        monkeypatch.setattr(bulk, "BATCH", 2)
        furnish(server, 1, 2, 3, 4)

        def run(*args: object) -> Result:
            return invoke(*bulk_arguments(server, "--all", "--yes", *args))

        return run

    @pytest.mark.parametrize(
        ("server", "options", "columns", "told"),
        [
            ("sqlite", ("--unlock",), UNLOCKED, "users unlocked: 3"),
            ("sqlite", ("--disable-totp",), TOTP, "TOTP turned off: 3"),
            ("sqlite", ("--revoke-access",), frozenset(), REVOKED),
            *(
                (engine, ALL, UNLOCKED | TOTP, f"users unlocked: 3, TOTP turned off: 3, {REVOKED}")
                for engine in ENGINES
            ),
        ],
        indirect=["server"],
    )
    def test_all(
        self,
        server: Server,
        reset_all: Invoke,
        options: tuple[str, ...],
        columns: frozenset[str],
        told: str,
    ) -> None:
        """Users of all batches, those who are approved alone, counted together."""
        before = rows(server.database)
        expected = user(5, PASSWORD)
        for user_id in (1, 2, 4):
            expected = {**expected, **user(user_id, PASSWORD, columns)}
            if "--revoke-access" in options:
                expected = {**expected, **revoked(user_id), ("zato_sso_session", 1): frozenset()}

        done = reset_all(*options)

        assert (done.exit_code, done.stderr) == (
            0,
            "Reset the passwords of 4 user(s).\n" + DONE.format(told),
        )
        assert differences(before, rows(server.database)) == expected
        assert_valid(server, done.stdout)

    def test_none(self, server: Server, reset_all: Invoke) -> None:
        """Passwords alone are changed, and nothing is said beside; nor with --dry-run, which changes none."""
        before = rows(server.database)

        dry = reset_all(*ALL, "--dry-run")

        assert (dry.exit_code, dry.stdout) == (0, "")
        assert rows(server.database) == before
        done = reset_all()
        assert (done.exit_code, done.stderr) == (0, "Reset the passwords of 4 user(s).\n")
        assert differences(before, rows(server.database)) == {
            key: value for user_id in (1, 2, 4, 5) for key, value in user(user_id, PASSWORD).items()
        }


class TestZato30:
    """A schema without TOTP, password-reset links and linked accounts."""

    @pytest.fixture(autouse=True)
    def _zato_3_0(self, server: Server) -> None:
        make_3_0(server.database)
        furnish(server, 1, 4)

    def test_one(self, server: Server, reset: Invoke) -> None:
        """What is there is warned of, and changed; TOTP can't be turned off, and nothing is then."""
        before = rows(server.database)

        refused = reset(*ALL)
        assert (refused.exit_code, refused.stdout) == (69, "")
        assert refused.stderr == (
            "Error: This database is of a Zato without TOTP, so there is none to turn off. "
            "Leave out --disable-totp.\n"
        )
        assert rows(server.database) == before

        plain = reset()
        assert plain.exit_code == 0
        assert warned(plain.stderr) == [
            "The user is locked, so can't log in. --unlock mends that.",
            "1 open session(s) go on. --revoke-access ends them.",
        ]
        assert differences(before, rows(server.database)) == user(1, PASSWORD)

        done = reset("--unlock", "--revoke-access")
        assert (done.exit_code, done.stderr) == (
            0,
            DONE.format("users unlocked: 1, sessions removed: 2, password-reset links voided: 0"),
        )
        assert differences(before, rows(server.database)) == {
            **user(1, PASSWORD, UNLOCKED),
            **revoked(1, links=False),
        }

    def test_many(self, server: Server, invoke: Invoke) -> None:
        """The same of many users."""
        before = rows(server.database)
        to_reset = bulk_arguments(server, "--all", "--exclude", "MixedCase", "--yes")

        refused = invoke(*to_reset, "--disable-totp")
        assert (refused.exit_code, refused.stdout) == (69, "")
        assert "Leave out --disable-totp." in refused.stderr
        assert rows(server.database) == before

        done = invoke(*to_reset, "--unlock", "--revoke-access")
        assert (done.exit_code, done.stderr) == (
            0,
            "Reset the passwords of 3 user(s).\n"
            + DONE.format("users unlocked: 2, sessions removed: 2, password-reset links voided: 0"),
        )
        assert differences(before, rows(server.database)) == {
            **user(1, PASSWORD, UNLOCKED),
            **user(2, PASSWORD, UNLOCKED),
            **user(5, PASSWORD),
            **revoked(1, links=False),
        }
