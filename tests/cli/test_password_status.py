"""`zato sso password-status`, on real databases."""

import csv
import fcntl
import gc
import io
import json
import os
import pty
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import click
import pytest
from click.exceptions import Exit

from tests.cli.conftest import Invoke, error_line, shell
from tests.conftest import ZATO
from tests.support.bulk import all_rows, as_time
from tests.support.databases import make_3_0
from tests.support.servers import USERS, Server, insert_user, insert_users
from zato_sso_reset.cli import delivery
from zato_sso_reset.cli.formats import to_table
from zato_sso_reset.database.engine import Database
from zato_sso_reset.domain.hashing import Argon2idHasher, PasswordHasher, Pbkdf2Sha512Hasher
from zato_sso_reset.server.config import ServerConfig
from zato_sso_reset.services import status

STATUS = ("sso", "password-status")

NOW = datetime.now(timezone.utc).replace(tzinfo=None)

KEYS = [
    *("username", "approval_status", "is_locked", "must_change", "totp", "expired", "never_changed"),
    *("password_last_set", "password_expiry", "days_left", "open_sessions"),
    *("hash_scheme", "rounds", "time_cost", "memory_cost", "parallelism", "below_setting"),
    *("sign_up_status", "states"),
]


def in_days(days: float) -> str:
    """Return a time relative to now, as databases accept it."""
    return str(NOW + timedelta(days=days))


@pytest.fixture
def statuses(invoke: Invoke) -> Callable[..., list[dict[str, Any]]]:
    """Run the command with `--output json`, and return its objects."""

    def run(server: Server, *args: object) -> list[dict[str, Any]]:
        done = invoke(*STATUS, server.path, *args, "--output", "json")
        assert (done.exit_code, done.stderr) == (0, "")
        objects = json.loads(done.stdout)
        assert all(list(each) == KEYS for each in objects)
        return list(objects)

    return run


Statuses = Callable[..., list[dict[str, Any]]]


class TestPasswordStatus:
    """The selected users and their states, on each database."""

    def test_all_users_are_sorted_by_expiry(self, server: Server, statuses: Statuses) -> None:
        """Each user has one object, with the values in the database; nothing is changed."""
        insert_user(server, 11, "late", {"password_expiry": in_days(-1.5), "is_totp_enabled": True})
        insert_user(server, 12, "soon", {"password_expiry": in_days(0.5), "password_last_set": in_days(-9)})
        server.database.run("UPDATE zato_sso_session SET expiration_time = %s", in_days(1))
        for number, expiration in enumerate([in_days(1), in_days(-1)], start=2):
            server.database.run(
                "INSERT INTO zato_sso_session SELECT %s, %s, creation_time, %s, remote_addr, user_agent, "
                "auth_type, auth_principal, ext_session_id, opaque1, user_id "
                "FROM zato_sso_session WHERE id = 1",
                number,
                f"zust{number}",
                expiration,
            )
        tables = [server.database.dump(table) for table in ("zato_sso_user", "zato_sso_session")]
        found = statuses(server)

        rows = all_rows(server.database)
        assert [each["username"] for each in found] == ["late", "soon", *USERS]
        for each in found:
            row = rows[each["username"]]
            assert each["approval_status"] == row["approval_status"]
            assert each["is_locked"] is bool(row["is_locked"])
            assert each["must_change"] is bool(row["password_must_change"])
            assert each["totp"] is (each["username"] == "late")
            assert each["expired"] is (each["username"] == "late")
            assert each["never_changed"] is (each["username"] != "soon")
            for key in ("password_last_set", "password_expiry"):
                assert each[key].endswith("Z")
                assert datetime.fromisoformat(each[key][:-1]) == as_time(row[key])
            assert each["open_sessions"] == (2 if each["username"] == "MixedCase" else 0)
            assert (each["hash_scheme"], each["rounds"], each["below_setting"]) == (
                "pbkdf2_sha512",
                1000,
                False,
            )
        assert [each["days_left"] for each in found] == [-2, 0, 89, 89, 89, 89, 89]
        assert tables == [server.database.dump(table) for table in ("zato_sso_user", "zato_sso_session")]

    def test_username_selects_one_user(self, server: Server, statuses: Statuses, invoke: Invoke) -> None:
        """The name must match exactly; a user who is not approved is shown."""
        [pending] = statuses(server, "pending1")
        [user] = statuses(server, "MixedCase")
        other = invoke(*STATUS, server.path, "USER1")

        assert (pending["username"], pending["approval_status"]) == ("pending1", "before_decision")
        assert (user["username"], user["open_sessions"]) == ("MixedCase", 1)
        assert (other.exit_code, other.stdout) == (22, "")
        assert other.stderr == "Error: No such user `USER1`. Did you mean `user1`?\n"

    def test_within_selects_expired_and_expiring_passwords(self, server: Server, statuses: Statuses) -> None:
        """0 selects only expired ones; no number of days is too large."""
        insert_user(server, 11, "late", {"password_expiry": in_days(-1)})
        insert_user(server, 12, "soon", {"password_expiry": in_days(5)})

        assert [each["username"] for each in statuses(server, "--within", 0)] == ["late"]
        assert [each["username"] for each in statuses(server, "--within", 4)] == ["late"]
        assert [each["username"] for each in statuses(server, "--within", 5)] == ["late", "soon"]
        assert len(statuses(server, "--within", 9999999)) == len(USERS) + 2
        assert statuses(server, "user1", "--within", 5) == []

    @pytest.mark.parametrize(
        ("seconds", "never_changed"), [(-6, False), (-5, True), (0, True), (5, True), (6, False)]
    )
    def test_password_set_within_five_seconds_of_the_sign_up_is_the_first(
        self, sqlite_server: Server, statuses: Statuses, seconds: int, *, never_changed: bool
    ) -> None:
        """The two times differ a little even if the password was never changed."""
        last_set = in_days(-9)
        signed_up = str(datetime.fromisoformat(last_set) - timedelta(seconds=seconds))
        insert_user(sqlite_server, 11, "new", {"password_last_set": last_set, "sign_up_time": signed_up})

        [user] = statuses(sqlite_server, "new")

        assert user["never_changed"] is never_changed

    def test_zato_3_0_has_no_totp(self, server: Server, statuses: Statuses, invoke: Invoke) -> None:
        """Without the column, TOTP is null."""
        make_3_0(server.database)

        assert {each["totp"] for each in statuses(server)} == {None}
        assert statuses(server, "locked1")[0]["is_locked"] is True
        assert "TOTP" not in invoke(*STATUS, server.path).stdout

    def test_pages_have_every_user_once(
        self, server: Server, statuses: Statuses, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Many passwords expire at the same time, with and without fractions of a second."""
        monkeypatch.setattr(status, "PAGE", 2)
        monkeypatch.setattr(status, "IDS", 3)
        for number, expiry in enumerate(["2027-01-02 03:04:05", "2027-01-02 03:04:05.500000"]):
            insert_users(server, [f"{number}-{each}" for each in range(5)], password_expiry=expiry)
        found = [each["username"] for each in statuses(server)]

        assert found[:5] == [f"0-{each}" for each in range(5)]
        assert found[5:10] == [f"1-{each}" for each in range(5)]
        assert found[10:] == list(USERS)

    def test_changes_between_pages_are_seen(self, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nothing is locked; users deleted or reset meanwhile are left out."""
        monkeypatch.setattr(status, "PAGE", 2)
        config = ServerConfig.read(server.path, env={}, stdin=None)
        pages = iter(
            status.password_statuses(config, Database(config.database), username=None, within=200, now=NOW)
        )
        found = [each.username for each in next(pages)]
        server.database.run("DELETE FROM zato_sso_user WHERE username = 'pending1'")
        server.database.run(
            "UPDATE zato_sso_user SET password_expiry = %s WHERE username = 'changing1'", in_days(730)
        )
        found += [each.username for page in pages for each in page]

        assert found == ["user1", "locked1", "MixedCase"]


class TestStates:
    """The states, and the selection of users in one of several."""

    @pytest.mark.parametrize(
        ("columns", "state"),
        [
            ({"password_expiry": in_days(-1)}, "expired"),
            ({"password_expiry": in_days(29)}, "expiring"),
            ({"is_locked": True}, "locked"),
            ({"password_must_change": True}, "must-change"),
            ({"password_last_set": in_days(-10), "sign_up_time": in_days(-10)}, "never-changed"),
            ({"approval_status": "rejected"}, "not-approved"),
            ({"sign_up_status": "before_confirmation"}, "not-confirmed"),
            ({"password": "\\x6741"}, "unreadable"),
            ({"password": "gAAA"}, "unreadable"),
            ({"is_totp_enabled": False}, "no-totp"),
        ],
    )
    def test_user_in_a_state_is_selected(
        self, server: Server, statuses: Statuses, columns: dict[str, object], state: str
    ) -> None:
        """A healthy user is in none of them."""
        server.database.run("DELETE FROM zato_sso_user WHERE username NOT IN ('user1', 'MixedCase')")
        healthy = {"is_totp_enabled": True, "sign_up_time": in_days(-20)}
        server.database.run(
            "UPDATE zato_sso_user SET is_totp_enabled = true, sign_up_time = %s", in_days(-20)
        )
        insert_user(server, 11, "somebody", {**healthy, **columns})

        found = statuses(server, "--state", f"weak-hash,{state}")

        assert [(each["username"], each["states"]) for each in found] == [("somebody", [state])]

    def test_weak_hash_is_a_state(self, sqlite_server: Server, statuses: Statuses) -> None:
        """The cost of the setting is higher."""
        sqlite_server.override("[hash_secret]\nrounds = 1001\n")

        assert len(statuses(sqlite_server, "--state", "weak-hash")) == len(USERS)

    def test_missing_totp_is_shown_if_it_is_selected(self, sqlite_server: Server, invoke: Invoke) -> None:
        """Otherwise, it is no state of a healthy user."""
        plain = invoke(*STATUS, sqlite_server.path).stdout
        selected = invoke(*STATUS, sqlite_server.path, "--state", "no-totp").stdout

        assert "no-totp" not in plain
        assert selected.count("no-totp") == len(USERS)

    def test_password_stored_as_hexadecimal_digits_is_explained(
        self, sqlite_server: Server, invoke: Invoke, statuses: Statuses
    ) -> None:
        """A stock server on PostgreSQL stores it so; a reset mends it."""
        insert_user(sqlite_server, 11, "somebody", {"password": "\\x6741"})

        assert "stored as \\x...: reset it" in invoke(*STATUS, sqlite_server.path, "somebody").stdout
        assert statuses(sqlite_server, "somebody")[0]["hash_scheme"] == "hex"

    @pytest.mark.parametrize("states", ["lockd", "locked,", ",", "locked, expired"])
    def test_unknown_state_is_a_usage_error(self, sqlite_server: Server, invoke: Invoke, states: str) -> None:
        """The nearest known one is suggested."""
        line = error_line(invoke(*STATUS, sqlite_server.path, "--state", states), 2)

        assert ("Did you mean `locked`?" in line) is (states == "lockd")


class TestHash:
    """The hash of the stored password."""

    @pytest.mark.parametrize(
        ("setting", "below"),
        [
            ("rounds = 1001", {"a", "b", "c", "user1"}),
            ('scheme = "argon2id"\ntime_cost = 2\nmemory_cost = 16\nparallelism = 1', {"b", "d", "user1"}),
        ],
    )
    def test_lower_cost_or_other_scheme_is_below_the_setting(
        self, sqlite_server: Server, statuses: Statuses, setting: str, below: set[str]
    ) -> None:
        """One lower cost is enough."""
        hashers: dict[str, PasswordHasher] = {
            "a": Argon2idHasher(time_cost=3, memory_cost=16, parallelism=2),
            "b": Argon2idHasher(time_cost=1, memory_cost=64, parallelism=1),
            "c": Argon2idHasher(time_cost=2, memory_cost=16, parallelism=1),
            "d": Pbkdf2Sha512Hasher(rounds=1001),
        }
        for user_id, (name, hasher) in enumerate(hashers.items(), start=11):
            insert_user(sqlite_server, user_id, name, {"password": sqlite_server.seal(hasher.hash("x"))})
        sqlite_server.override(f"[hash_secret]\n{setting}\n")
        found = {each["username"]: each for each in statuses(sqlite_server)}

        a = found["a"]
        assert (a["hash_scheme"], a["rounds"]) == ("argon2id", None)
        assert (a["time_cost"], a["memory_cost"], a["parallelism"]) == (3, 16, 2)
        assert {name for name in (*hashers, "user1") if found[name]["below_setting"]} == below

    def test_unreadable_hash_is_unknown(
        self, sqlite_server: Server, statuses: Statuses, invoke: Invoke
    ) -> None:
        """It is no error."""
        stored = ["", "x", "gAAAA", sqlite_server.seal("$pbkdf2-sha256$1$a$b"), sqlite_server.seal("é")]
        for user_id, password in enumerate(stored, start=11):
            insert_user(sqlite_server, user_id, f"odd{user_id}", {"password": password or " "})
        odd = [each for each in statuses(sqlite_server) if each["username"].startswith("odd")]

        assert [(each["hash_scheme"], each["below_setting"]) for each in odd] == [("unknown", None)] * 5
        assert "!" not in invoke(*STATUS, sqlite_server.path, "odd11").stdout.splitlines()[1]

    def test_hashes_may_be_unsealed(self, sqlite_server: Server, statuses: Statuses) -> None:
        """A server that does not encrypt passwords stores the hash itself."""
        insert_user(sqlite_server, 11, "plain", {"password": Pbkdf2Sha512Hasher(rounds=7).hash("x")})
        sqlite_server.edit("sso.conf", "main", encrypt_password="False")
        found = {each["username"]: each["hash_scheme"] for each in statuses(sqlite_server)}

        assert (found["plain"], found["user1"]) == ("pbkdf2_sha512", "unknown")

    def test_stock_zato_server_is_understood(self, stock: Server, statuses: Statuses) -> None:
        """Stock Zato stores bytes on SQLite."""
        server_users = all_rows(stock.database)
        found = statuses(stock)

        assert {each["username"] for each in found} == set(server_users)
        assert {each["hash_scheme"] for each in found} == {"pbkdf2_sha512"}


class TestOutput:
    """The output formats."""

    def test_table_has_one_line_per_user(self, sqlite_server: Server, invoke: Invoke) -> None:
        """Each state to look at is a word; control characters are escaped."""
        insert_user(
            sqlite_server,
            11,
            "all\u202e\n",
            {
                "password_expiry": "2020-01-02 03:04:05",
                "is_locked": True,
                "approval_status": "rejected",
                "password_must_change": True,
            },
        )
        sqlite_server.override("[hash_secret]\nrounds = 2000\n")
        lines = invoke(*STATUS, sqlite_server.path).stdout.splitlines()

        assert len(lines) == len(USERS) + 2
        assert lines[0].split("  ")[0] == "USERNAME"
        first = lines[1].split("  ")
        assert first[:3] == [
            "all\\u202e\\n",
            "expired, locked, must-change, never-changed, not-approved, weak-hash",
            "2020-01-02",
        ]
        assert "! pbkdf2_sha512 1000" in first

    def test_csv_has_a_header_and_one_line_per_user(self, sqlite_server: Server, invoke: Invoke) -> None:
        """No spreadsheet runs a name as a formula."""
        insert_user(sqlite_server, 11, "=cmd|'/C calc'!A0", {"password_expiry": "2020-01-02 03:04:05"})
        done = invoke(*STATUS, sqlite_server.path, "--output", "csv")
        header, first, *others = csv.reader(io.StringIO(done.stdout))

        assert header == KEYS
        assert len(others) == len(USERS)
        assert first[:7] == ["'=cmd|'/C calc'!A0", "approved", "false", "false", "false", "true", "true"]
        assert first[8] == "2020-01-02T03:04:05.000000Z"
        assert first[11:17] == ["pbkdf2_sha512", "1000", "", "", "", "false"]
        assert first[17:] == ["final", "expired never-changed no-totp"]

    @pytest.mark.parametrize("output", ["table", "json", "csv"])
    def test_no_user_is_no_error(self, sqlite_server: Server, invoke: Invoke, output: str) -> None:
        """The output is an empty table, array or CSV file."""
        done = invoke(*STATUS, sqlite_server.path, "--within", 0, "--output", output)

        assert (done.exit_code, done.stderr) == (0, "0 users.\n" if output == "table" else "")
        assert done.stdout.count("\n") == 1
        assert output != "json" or json.loads(done.stdout) == []

    @pytest.mark.parametrize("output", ["table", "json", "csv"])
    def test_no_secret_is_printed_or_logged(self, sqlite_server: Server, invoke: Invoke, output: str) -> None:
        """Neither a hash nor an email address."""
        hashed = Pbkdf2Sha512Hasher(rounds=1000).hash("x")
        columns = {"password": sqlite_server.seal(hashed), "email": "someone@example.com"}
        insert_user(sqlite_server, 11, "someone", columns)
        arguments = (*STATUS, sqlite_server.path, "--verbose", "--store-log")
        done = invoke(*arguments, "--output", output)
        [log] = Path().glob("zato.*.log")

        assert done.exit_code == 0
        for secret in (hashed.split("$")[-1], columns["password"], "example.com", sqlite_server.key):
            assert secret not in done.stdout + done.stderr + log.read_text()
        assert str(sqlite_server.database.name) in done.stderr
        assert done.stderr.splitlines() == [
            line.split(maxsplit=2)[2] for line in log.read_text().splitlines()
        ]

    def test_names_are_those_that_a_list_of_users_can_hold(
        self, sqlite_server: Server, invoke: Invoke
    ) -> None:
        """The others are warned of; the output of one command is the input of the other."""
        insert_user(sqlite_server, 11, "two\nlines", {"is_locked": True})
        insert_user(sqlite_server, 13, "left\u202eright", {"is_locked": True})
        insert_user(sqlite_server, 14, "blob", {"is_locked": True})
        sqlite_server.database.run("UPDATE zato_sso_user SET username = X'FF' WHERE id = 14")
        insert_user(sqlite_server, 12, "jos\u00e9 garc\u00eda", {"is_locked": True})
        done = invoke(*STATUS, sqlite_server.path, "--state", "locked", "--output", "names")

        assert (done.exit_code, done.stdout) == (0, "locked1\njos\u00e9 garc\u00eda\n")
        assert done.stderr.splitlines() == [
            "Warning: `two\\nlines` is left out: --users-from refuses this username.",
            "Warning: `left\\u202eright` is left out: --users-from refuses this username.",
            "Warning: `\ufffd\ufffd` is left out: --users-from refuses this username.",
            "5 users: 5 locked, 5 never-changed.",
        ]
        resets = ("sso", "reset-user-passwords", sqlite_server.path, "--users-from", "-", "--yes")
        assert invoke(*resets, "--output-file", "-", input=done.stdout).exit_code == 0

    def test_empty_columns_are_left_out_of_a_narrow_table(self, sqlite_server: Server) -> None:
        """The header is repeated where a column comes back."""
        sqlite_server.database.run("UPDATE zato_sso_user SET sign_up_time = '2020-01-02 03:04:05'")
        server = ServerConfig.read(sqlite_server.path, env={}, stdin=None)
        database = Database(server.database)
        [page] = status.password_statuses(server, database, username=None, within=None, now=NOW)
        pages = [[each] for each in page if each.username in {"user1", "locked1"}]

        def headers(width: int) -> list[list[str]]:
            lines = "".join(to_table(pages, width, [])).splitlines()
            return [line.split()[:2] for line in lines if line.startswith("USERNAME")]

        assert headers(60) == [["USERNAME", "EXPIRES"], ["USERNAME", "STATE"]]
        assert headers(160) == [["USERNAME", "STATE"]]

    def test_garbage_is_collected(
        self, sqlite_server: Server, invoke: Invoke, request: pytest.FixtureRequest
    ) -> None:
        """A list of a million users would need twice the memory; a single reset needs no collection."""
        request.addfinalizer(gc.enable)
        states = []
        for command in (STATUS, ("sso", "reset-user-password")):
            invoke(*command, sqlite_server.path, "user1")
            states.append(gc.isenabled())

        assert states == [True, False]

    @pytest.mark.parametrize("days", ["-1", "x", "1.5", "01", "99999999", ""])
    def test_within_other_text_is_a_usage_error(
        self, sqlite_server: Server, invoke: Invoke, days: str
    ) -> None:
        """Only the ASCII digits of a number are accepted."""
        error_line(invoke(*STATUS, sqlite_server.path, f"--within={days}"), 2)


def start(server: Server, stdout: Any) -> "subprocess.Popen[str]":
    """Run the command as a separate process."""
    argv = [str(ZATO), *STATUS, str(server.path)]
    env = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    return subprocess.Popen(argv, stdout=stdout, stderr=subprocess.PIPE, text=True, env=env)


class TestStdout:
    """A stdout that is full, slow or a terminal."""

    def test_full_stdout_is_an_error(self, sqlite_server: Server) -> None:
        """Row 4: one line says why."""
        done = shell('exec zato "$@" >/dev/full', *STATUS, sqlite_server.path)

        assert error_line(done, 74) == (
            "Error: The result could not be written to stdout: No space left on device. "
            "Check where stdout goes, and try again.\n"
        )

    def test_closed_pipe_ends_the_command_silently(self, sqlite_server: Server) -> None:
        """`head` closes its pipe early."""
        insert_users(sqlite_server, [f"user-{number:03}" * 8 for number in range(2000)])
        with start(sqlite_server, subprocess.PIPE) as process:
            assert process.stdout
            assert process.stderr
            assert process.stdout.readline().startswith("USERNAME")
            process.stdout.close()
            found = process.stderr.read()

        assert (process.returncode, found) == (74, "")

    def test_slow_reader_has_no_time_limit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A pager may stay open."""
        monkeypatch.setattr(delivery, "WRITE_TIMEOUT", 0.1)
        reader, writer = os.pipe()
        taken: list[bytes] = []

        def take() -> None:
            time.sleep(0.3)
            while text := os.read(reader, 2**20):
                taken.append(text)

        thread = threading.Thread(target=take)
        thread.start()
        with os.fdopen(writer, "w") as stream:
            delivery.Stdout(stream).stream("a" * 2**18)
        thread.join()
        os.close(reader)

        assert b"".join(taken) == b"a" * 2**18

    def test_reader_that_stops_sets_the_exit_code(self) -> None:
        """There is no message."""
        reader, writer = os.pipe()
        with os.fdopen(writer, "w") as stream:
            stdout = delivery.Stdout(stream)
            os.close(reader)
            with pytest.raises(Exit) as caught:
                stdout.stream("a")

        assert caught.value.exit_code == 74

    def test_table_fits_the_terminal(self, sqlite_server: Server) -> None:
        """A long name is cut, and states have colours."""
        insert_user(sqlite_server, 11, "a" * 100, {})
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 25, 70, 0, 0))
        with start(sqlite_server, slave) as process:
            os.close(slave)
            _, found = process.communicate(timeout=60)
        shown = os.read(master, 10_000).decode()
        os.close(master)
        lines = click.unstyle(shown).splitlines()

        assert process.returncode == 0
        assert found == "6 users: 1 locked, 1 must-change, 6 never-changed, 1 not-approved.\n"
        assert len(lines) == len(USERS) + 2
        assert max(map(len, lines)) == 70
        assert lines[-1].startswith("a" * 16 + "…  ")
        assert "\x1b[31mlocked\x1b[0m" in shown
