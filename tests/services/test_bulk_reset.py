"""`reset-user-passwords` on real databases, seen from outside."""

import time
from datetime import datetime, timedelta, timezone

import pytest

from tests.services.conftest import Invoke
from tests.support.bulk import (
    OUT,
    all_rows,
    as_time,
    assert_all_old,
    assert_valid,
    listed,
    names,
    records,
)
from tests.support.databases import run
from tests.support.servers import Server, insert_user, insert_users
from zato_sso_reset.services import bulk_reset as bulk
from zato_sso_reset.services import selection

CHANGED = {"password", "password_last_set", "password_expiry", "password_must_change"}


def test_only_listed_users_and_their_passwords_change(server: Server, bulk_reset: Invoke) -> None:
    """New passwords open the accounts; other columns, users and sessions stay byte for byte."""
    before, sessions = all_rows(server.database), server.database.dump("zato_sso_session")
    begun = datetime.now(timezone.utc).replace(tzinfo=None) - timedelta(seconds=1)

    done = bulk_reset("--users-from", listed("locked1", "user1"), "--expiry", "10", "--must-change", "yes")

    after = all_rows(server.database)
    assert done.exit_code == 0
    summary, warning, *_ = done.stderr.splitlines()
    assert summary == "Done: 2 passwords reset."
    assert warning.startswith("Warning: 1 user is still locked (--unlock)")
    assert set(names(done.stdout)) == {"locked1", "user1"}
    assert_valid(server, done.stdout)
    for name, row in before.items():
        changed = {column for column in row if row[column] != after[name][column]}
        assert changed == (CHANGED if name in {"locked1", "user1"} else set())
    assert server.database.dump("zato_sso_session") == sessions
    row = after["locked1"]
    assert row["is_locked"]
    assert begun < as_time(row["password_last_set"])
    lasts = as_time(row["password_expiry"]) - as_time(row["password_last_set"])
    assert abs(lasts - timedelta(days=10)) <= timedelta(seconds=1)
    assert isinstance(row["password"], str)


def test_every_approved_user_has_one_line_across_pages_and_batches(
    server: Server, bulk_reset: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dry run counts the same users."""
    monkeypatch.setattr(selection, "PAGE", 5)
    monkeypatch.setattr(bulk, "BATCH", 4)
    server.edit("sso.conf", "hash_secret", rounds="1")
    insert_users(server, [f"many{number}" for number in range(15)], is_super_user=True)

    dry = bulk_reset("--all", "--exclude", "many3", "--dry-run")
    done = bulk_reset("--all", "--exclude", "many3", output=OUT)

    users = "18 users (14 super-users)"
    closed = "1 user is still locked (--unlock), 1 must change the password (--must-change false)."
    assert dry.stderr.startswith(
        f"Would reset the passwords of {users}. Nothing was changed.\nWarning: {closed}\n"
    )
    assert done.exit_code == 0
    reset, warning, *_ = done.stderr.splitlines()
    assert (
        reset
        == f"Done: 18 passwords reset. The passwords are in `{OUT}`: hand them out, then remove the file."
    )
    assert warning == f"Warning: {closed}"
    assert len(records(OUT.read_text())) == 18
    assert_valid(server, OUT.read_text())


def test_batches_have_different_expiries(bulk_reset: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    """Row 27: even if the clock stands still."""
    now = datetime(2026, 12, 1)  # noqa: DTZ001
    monkeypatch.setattr(bulk, "utc_now", lambda: now)
    monkeypatch.setattr(bulk, "BATCH", 1)

    expiries = [each.password_expiry for each in records(bulk_reset("--all", "--expiry", "1").stdout)]

    noon, before = "2026-12-02T00:00:00.000000Z", "2026-12-01T23:59:59.999999Z"
    assert expiries == [noon, before, noon, before]


def test_must_change_flag_is_printed_as_stored(server: Server, bulk_reset: Invoke) -> None:
    """Without --must-change the flag stays, and is printed as a boolean on every engine."""
    done = bulk_reset("--all")

    assert {each.username for each in records(done.stdout) if each.must_change} == {"changing1"}
    assert_valid(server, done.stdout)


def test_names_are_exact(server: Server, bulk_reset: Invoke) -> None:
    """Case and collation: no collation leads to another user than the one named."""
    insert_user(server, 9, "al\u00edce", {})
    wrong = ["USER1", "user1 ", "mixedcase", "alice", "AL\u00cdCE", "user\u0301"]

    done = bulk_reset("--users-from", listed("user1", *wrong), output=OUT)

    assert (done.exit_code, done.stdout) == (22, "")
    assert done.stderr.startswith(
        "Error: 6 users can't be reset: `USER1` (no such user), `user1 ` (no such user)"
    )
    assert not OUT.exists()
    assert_all_old(server)
    done = bulk_reset("--users-from", listed("user1", *wrong), "--skip-missing")
    assert names(done.stdout) == ["user1"]
    assert_valid(server, done.stdout)
    assert bulk_reset("--all", "--exclude", "ALICE", output=OUT).exit_code == 22


@pytest.mark.usefixtures("hurried")
def test_wait_for_a_lock_is_limited(server: Server, bulk_reset: Invoke) -> None:
    """Rows 15 and 17: nobody is reset, and no file is left."""
    with server.database.connect() as connection:
        run(connection, "BEGIN")
        run(connection, "UPDATE zato_sso_user SET display_name = 'x' WHERE username = 'user1'")
        begun = time.monotonic()
        done = bulk_reset("--all", output=OUT)
        waited = time.monotonic() - begun
        run(connection, "ROLLBACK")

    assert (done.exit_code, done.stdout) == (75, "")
    assert done.stderr.count("\n") == 1
    assert "is locked by another process" in done.stderr
    assert 0.9 < waited < 10
    assert not OUT.exists()
    assert_all_old(server)
