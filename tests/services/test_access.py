"""`--unlock`, `--disable-totp` and `--revoke-access`, on real databases."""

import os

import pytest
from click.testing import Result

from tests.conftest import ENGINES
from tests.services.conftest import Invoke
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
from tests.support.bulk import all_rows, assert_valid
from tests.support.databases import make_3_0
from tests.support.servers import OLD, Server
from zato_sso_reset.audit.operator import operating_user
from zato_sso_reset.services import bulk_reset as bulk

NO_CHANGE = "users unlocked: 0, TOTP turned off: 0, sessions removed: 0, password-reset links invalidated: 0"

REVOKED = "sessions removed: 7, password-reset links invalidated: 6"

LINKED = "2 linked accounts can log in without this password."


def assert_valid_line(server: Server, done: Result) -> None:
    """Check that the printed password opens the account, and the old one no longer does."""
    password = done.stdout.split("`")[3]
    assert server.opened_by({"user1": password}) == {"user1"}
    assert "user1" not in server.opened_by(dict.fromkeys(all_rows(server.database), OLD))


class TestOneUser:
    """The requested access of this user changes, and nothing else."""

    @pytest.mark.parametrize(
        ("option", "expected", "summary"),
        [
            ("--unlock", user(1, PASSWORD, UNLOCKED), "users unlocked: 1"),
            ("--disable-totp", user(1, PASSWORD, TOTP), "TOTP turned off: 1"),
            (
                "--revoke-access",
                {**user(1, PASSWORD), **revoked(1)},
                "sessions removed: 2, password-reset links invalidated: 2",
            ),
        ],
    )
    def test_option_changes_and_reports_what_it_names(
        self, server: Server, reset: Invoke, option: str, expected: Differences, summary: str
    ) -> None:
        """Nothing else changes, of this user or another."""
        furnish(server, 1, 4)
        before = rows(server.database)

        done = reset(option)

        assert done.exit_code == 0
        assert done.stderr.startswith(DONE.format(summary))
        assert differences(before, rows(server.database)) == expected
        assert_valid_line(server, done)

    @pytest.mark.parametrize("must_change", [(), ("--must-change", "yes")])
    def test_options_combine(self, server: Server, reset: Invoke, must_change: tuple[str, ...]) -> None:
        """The values are those that Zato itself would write."""
        furnish(server, 1, 4)
        before = rows(server.database)

        done = reset(*ALL, *must_change)

        after = rows(server.database)
        flag = frozenset({"password_must_change"} if must_change else ())
        summary = "users unlocked: 1, TOTP turned off: 1, sessions removed: 2, "
        assert done.exit_code == 0
        assert done.stderr.startswith(DONE.format(f"{summary}password-reset links invalidated: 2"))
        assert done.stderr.endswith(f"Warning: {LINKED}\n")
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

    def test_nothing_to_change_is_reported_as_zero(self, server: Server, reset: Invoke) -> None:
        """Expired links and attributes without a session stay."""
        furnish(server, 4)
        with server.database.connect() as connection:
            insert_link(connection, 1, 1, expires=EARLIER)
            insert_attribute(connection, 1, 1, None)
        before = rows(server.database)

        done = reset(*ALL)

        assert (done.exit_code, done.stderr) == (0, DONE.format(NO_CHANGE))
        assert differences(before, rows(server.database)) == user(1, PASSWORD)

    def test_change_user_password_has_the_same_options(self, sqlite_server: Server, invoke: Invoke) -> None:
        """A chosen password changes with the access."""
        furnish(sqlite_server, 1, 4)
        before = rows(sqlite_server.database)

        arguments = ("sso", "change-user-password", sqlite_server.path, "user1", "--password-stdin", *ALL)
        done = invoke(*arguments, input="Quite-Another.1\n")

        assert done.exit_code == 0
        assert warned(done.stderr) == [LINKED]
        assert differences(before, rows(sqlite_server.database)) == {
            **user(1, PASSWORD, UNLOCKED, TOTP),
            **revoked(1),
        }
        assert sqlite_server.opens("user1", "Quite-Another.1")

    def test_stock_database_is_supported(self, stock: Server, invoke: Invoke) -> None:
        """A stock Zato 3.3 created the tables and opened the session."""
        stock.edit("sso.conf", "hash_secret", rounds="1000")
        stock.database.run(f"UPDATE zato_sso_session SET expiration_time = '{LATER}'")
        before = rows(stock.database)
        ids = {row["username"]: key for key, row in before.items() if key[0] == "zato_sso_user"}
        expected = {
            "user1": (frozenset[str](), "removed"),
            "locked1": (UNLOCKED, "unlocked"),
            "totp1": (TOTP, "off"),
        }

        for username, (_, counted) in expected.items():
            done = invoke("sso", "reset-user-password", stock.path, username, *ALL)
            assert (done.exit_code, done.stdout[:17]) == (0, "Password for user")
            assert done.stderr == DONE.format(NO_CHANGE.replace(f"{counted}: 0", f"{counted}: 1"))

        assert differences(before, rows(stock.database)) == {
            **{ids[username]: PASSWORD | columns for username, (columns, _) in expected.items()},
            ("zato_sso_session", 1): frozenset(),
        }


class TestManyUsers:
    """`reset-user-passwords` with the same options, in batches of two; an unapproved user is left alone."""

    @pytest.fixture(autouse=True)
    def _small_batches(self, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(bulk, "BATCH", 2)
        furnish(server, 1, 2, 3, 4)

    @pytest.mark.parametrize(
        ("server", "options", "columns", "summary"),
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
    def test_changes_are_counted_across_batches(
        self,
        server: Server,
        bulk_reset: Invoke,
        options: tuple[str, ...],
        columns: frozenset[str],
        summary: str,
    ) -> None:
        """Only approved users change."""
        before = rows(server.database)
        expected = user(5, PASSWORD)
        for user_id in (1, 2, 4):
            expected = {**expected, **user(user_id, PASSWORD, columns)}
            if "--revoke-access" in options:
                expected = {**expected, **revoked(user_id), ("zato_sso_session", 1): frozenset()}

        done = bulk_reset("--all", *options)

        assert done.exit_code == 0
        assert done.stderr.startswith("Done: 4 passwords reset.\n" + DONE.format(summary))
        assert differences(before, rows(server.database)) == expected
        assert_valid(server, done.stdout)

    def test_access_stays_without_options_and_in_a_dry_run(self, server: Server, bulk_reset: Invoke) -> None:
        """Without options only passwords change, and stderr does not mention access."""
        before = rows(server.database)

        dry = bulk_reset("--all", *ALL, "--dry-run")

        assert (dry.exit_code, dry.stdout) == (0, "")
        assert rows(server.database) == before
        done = bulk_reset("--all")
        assert done.exit_code == 0
        assert "Also changed" not in done.stderr
        assert differences(before, rows(server.database)) == {
            key: value for user_id in (1, 2, 4, 5) for key, value in user(user_id, PASSWORD).items()
        }


class TestZato30:
    """A schema without TOTP, password-reset links and linked accounts."""

    @pytest.fixture(autouse=True)
    def _zato_3_0(self, server: Server) -> None:
        make_3_0(server.database)
        furnish(server, 1, 4)

    def test_only_existing_access_changes(self, server: Server, reset: Invoke) -> None:
        """--disable-totp is refused, the other options and warnings work."""
        before = rows(server.database)

        refused = reset(*ALL)
        assert (refused.exit_code, refused.stdout) == (69, "")
        assert refused.stderr == (
            "Error: This database belongs to a Zato version without TOTP. Nothing was changed. "
            "Leave out --disable-totp.\n"
        )
        assert rows(server.database) == before

        plain = reset()
        assert plain.exit_code == 0
        assert warned(plain.stderr) == [
            "The user is locked and can't log in. Use --unlock to unlock the account.",
            "1 session stays open. Use --revoke-access to end all sessions.",
        ]
        assert differences(before, rows(server.database)) == user(1, PASSWORD)

        done = reset("--unlock", "--revoke-access")
        assert done.exit_code == 0
        assert done.stderr == DONE.format(
            "users unlocked: 1, sessions removed: 2, password-reset links invalidated: 0"
        )
        assert differences(before, rows(server.database)) == {
            **user(1, PASSWORD, UNLOCKED),
            **revoked(1, links=False),
        }

    def test_only_existing_access_of_many_users_changes(self, server: Server, bulk_reset: Invoke) -> None:
        """--disable-totp is refused here too."""
        before = rows(server.database)
        users = ("--all", "--exclude", "MixedCase")

        refused = bulk_reset(*users, "--disable-totp")
        assert (refused.exit_code, refused.stdout) == (69, "")
        assert "Leave out --disable-totp." in refused.stderr
        assert rows(server.database) == before

        done = bulk_reset(*users, "--unlock", "--revoke-access")
        assert done.exit_code == 0
        changed = "users unlocked: 2, sessions removed: 2, password-reset links invalidated: 0"
        assert done.stderr.startswith("Done: 3 passwords reset.\n" + DONE.format(changed))
        assert differences(before, rows(server.database)) == {
            **user(1, PASSWORD, UNLOCKED),
            **user(2, PASSWORD, UNLOCKED),
            **user(5, PASSWORD),
            **revoked(1, links=False),
        }
