"""Row 31: values that Zato never writes, in one user's row."""

import json
from collections.abc import Mapping

import pytest

from tests.faults.conftest import RESET, Invoke, check_refusal, printed
from tests.support.bulk import APPROVED, OUT, assert_valid, bulk_arguments, names, records
from tests.support.databases import run
from tests.support.servers import USERS, Server, insert_users

STATUS = ("sso", "password-status")

UNKNOWN = {
    "password_last_set": {"password_last_set", "never_changed"},
    "password_expiry": {"password_expiry", "expired", "days_left"},
    "sign_up_time": {"never_changed"},
}
"""The unknown fields of a user, by the time that is odd."""

TIMES = tuple(UNKNOWN)

ODD_TIMES = [
    *(("sqlite", value) for value in ("'0000-00-00 00:00:00'", "'soon'", "''", "X'00'", "12345")),
    *(("postgresql", value) for value in ("'infinity'", "'-infinity'", "'0044-03-15 BC'", "'20000-01-01'")),
    *(("mysql", value) for value in ("'0000-00-00'", "'2020-00-00'")),
]

ODD_NAMES = ["X'ff6f6464'", "X'6f646431'", "CAST(X'ff6f6464' AS TEXT)"]


def set_value(server: Server, column: str, value: str) -> None:
    """Set a value of `odd1`, an additional user, as the database itself would refuse to."""
    insert_users(server, ["odd1"])
    with server.database.connect() as connection:
        if server.database.engine == "mysql":
            run(connection, "SET sql_mode = ''")
        run(connection, f"UPDATE zato_sso_user SET {column} = {value} WHERE username = 'odd1'")


def unknown(user: Mapping[str, object]) -> set[str]:
    """Return the names of unknown values, without the costs that another hash has."""
    return {name for name, value in user.items() if value is None} - {
        "time_cost",
        "memory_cost",
        "parallelism",
    }


@pytest.mark.parametrize(("server", "value"), ODD_TIMES, indirect=["server"])
class TestTimes:
    """Times that Python has no value for."""

    def test_all_users_are_listed(
        self, server: Server, invoke: Invoke, monkeypatch: pytest.MonkeyPatch, value: str
    ) -> None:
        """Row 31: the times are shown as unknown, and the list goes on after them."""
        monkeypatch.setattr("zato_sso_reset.services.status.PAGE", 1)
        monkeypatch.setattr("zato_sso_reset.services.status.IDS", 1)
        set_value(server, f" = {value}, ".join(TIMES), value)

        done = invoke(*STATUS, server.path, "--output", "json")
        table = invoke(*STATUS, server.path, "odd1")
        texts = invoke(*STATUS, server.path, "--output", "csv")

        assert (done.exit_code, done.stderr) == (0, "")
        found = {each["username"]: each for each in json.loads(done.stdout)}
        assert found.keys() == {*USERS, "odd1"}
        assert unknown(found["odd1"]) == set().union(*UNKNOWN.values())
        assert (table.exit_code, table.stderr) == (0, "")
        assert "unknown" in table.stdout
        assert (texts.exit_code, texts.stdout.count("\n")) == (0, len(USERS) + 2)

    def test_all_users_are_reset(self, server: Server, invoke: Invoke, value: str) -> None:
        """Row 31: also the user with the odd values, most of which a reset mends."""
        set_value(server, f" = {value}, ".join(TIMES), value)

        one = invoke(*RESET, server.path, "user1")
        is_new = server.opened_by({"user1": printed(one.stdout)})
        done = invoke(*bulk_arguments(server, "--all", "--yes"))
        passwords = {record.username: record.password for record in records(done.stdout)}

        assert (one.exit_code, one.stderr, is_new) == (0, "", {"user1"})
        assert done.exit_code == 0, done.stderr
        assert passwords.keys() == {*APPROVED, "odd1"}
        assert server.opened_by(passwords) == passwords.keys()


@pytest.mark.parametrize("column", TIMES)
def test_only_what_the_time_decides_is_unknown(sqlite_server: Server, invoke: Invoke, column: str) -> None:
    """Row 31: the other values of the user are shown."""
    set_value(sqlite_server, column, "'soon'")

    done = invoke(*STATUS, sqlite_server.path, "--output", "json", "odd1")

    assert unknown(json.loads(done.stdout)[0]) == UNKNOWN[column]


@pytest.mark.parametrize("value", ODD_NAMES)
class TestNames:
    """Usernames on SQLite that are BLOBs, or not UTF-8."""

    def test_all_users_are_listed(self, sqlite_server: Server, invoke: Invoke, value: str) -> None:
        """Row 31: the username is shown as far as it can be read."""
        set_value(sqlite_server, "username", value)

        done = invoke(*STATUS, sqlite_server.path, "--output", "json")

        assert (done.exit_code, done.stderr) == (0, "")
        [odd] = {each["username"] for each in json.loads(done.stdout)} - USERS.keys()
        assert odd.startswith("\N{REPLACEMENT CHARACTER}")
        assert "od" in odd

    def test_all_others_are_reset(self, sqlite_server: Server, invoke: Invoke, value: str) -> None:
        """Row 31: a warning says who was left out."""
        set_value(sqlite_server, "username", value)
        query = "SELECT password FROM zato_sso_user WHERE id = 6"
        before = sqlite_server.database.run(query)

        odd = invoke(*RESET, sqlite_server.path, "odd1")
        one = invoke(*RESET, sqlite_server.path, "user1")
        done = invoke(*bulk_arguments(sqlite_server, "--all", "--yes"))

        check_refusal(odd, 22)
        assert (one.exit_code, done.exit_code) == (0, 0)
        assert "1 user can't be reset: `\N{REPLACEMENT CHARACTER}" in done.stderr
        assert "(the username is not a valid text)" in done.stderr
        assert sqlite_server.database.run(query) == before
        sqlite_server.database.run("DELETE FROM zato_sso_user WHERE id = 6")
        assert set(names(done.stdout)) == APPROVED
        assert_valid(sqlite_server, done.stdout)
        assert not OUT.exists()

    def test_status_that_is_a_blob_is_not_approved(
        self, sqlite_server: Server, invoke: Invoke, value: str
    ) -> None:
        """Row 31: a BLOB equals no text, so that the account is not approved."""
        set_value(sqlite_server, "approval_status", value)

        done = invoke(*RESET, sqlite_server.path, "odd1")

        check_refusal(done, 22)
        assert "is not approved" in done.stderr


@pytest.mark.parametrize(
    ("column", "value"),
    [("is_locked", "7"), ("password_must_change", "'maybe'"), ("password", "''"), ("password", "X'ff'")],
)
def test_other_values_stop_nobody(sqlite_server: Server, invoke: Invoke, column: str, value: str) -> None:
    """Row 31: flags that are neither 0 nor 1, and passwords that are no hashes."""
    insert_users(sqlite_server, ["odd1"])
    with sqlite_server.database.connect() as connection:
        run(connection, "PRAGMA ignore_check_constraints = 1")
        run(connection, f"UPDATE zato_sso_user SET {column} = {value} WHERE username = 'odd1'")

    listed = invoke(*STATUS, sqlite_server.path, "--output", "json")
    done = invoke(*bulk_arguments(sqlite_server, "--all", "--yes"))

    assert (listed.exit_code, len(json.loads(listed.stdout))) == (0, len(USERS) + 1)
    assert done.exit_code == 0, done.stderr
    assert set(names(done.stdout)) == {*APPROVED, "odd1"}
    assert_valid(sqlite_server, done.stdout)
