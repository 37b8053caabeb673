"""`zato sso password-status`, on real databases."""

import csv
import fcntl
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

import pytest
from click.exceptions import Exit
from click.testing import Result

from tests.conftest import ZATO
from tests.support.bulk import all_rows, as_time
from tests.support.databases import make_3_0
from tests.support.servers import USERS, Server, insert_user, insert_users
from zato_sso_reset.cli import delivery
from zato_sso_reset.database.engine import Database
from zato_sso_reset.domain.hashing import Argon2idHasher, PasswordHasher, Pbkdf2Sha512Hasher
from zato_sso_reset.server.config import ServerConfig
from zato_sso_reset.services import status

Invoke = Callable[..., Result]

NOW = datetime.now(timezone.utc).replace(tzinfo=None)

KEYS = [
    "username",
    "approval_status",
    "is_locked",
    "must_change",
    "totp",
    "expired",
    "never_changed",
    "password_last_set",
    "password_expiry",
    "days_left",
    "open_sessions",
    "hash_scheme",
    "rounds",
    "time_cost",
    "memory_cost",
    "parallelism",
    "below_setting",
]


def in_days(days: float) -> str:
    """Return a time from now on, as databases take it."""
    return str(NOW + timedelta(days=days))


@pytest.fixture
def tell(invoke: Invoke) -> Callable[..., list[dict[str, Any]]]:
    """Run the command for JSON, and return its objects."""

    def run(server: Server, *args: object) -> list[dict[str, Any]]:
        done = invoke("sso", "password-status", server.path, *args, "--output", "json")
        assert (done.exit_code, done.stderr) == (0, "")
        objects = json.loads(done.stdout)
        assert all(list(each) == KEYS for each in objects)
        return list(objects)

    return run


Tell = Callable[..., list[dict[str, Any]]]


class TestPasswordStatus:
    """Who is told of, and what, on each database."""

    def test_tells_of_all_by_expiry(self, server: Server, tell: Tell) -> None:
        """Each user is there once, with what the table says, and nothing is changed."""
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
        told = tell(server)

        rows = all_rows(server.database)
        assert [each["username"] for each in told] == ["late", "soon", *USERS]
        for each in told:
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
        assert [each["days_left"] for each in told] == [-2, 0, 89, 89, 89, 89, 89]
        assert tables == [server.database.dump(table) for table in ("zato_sso_user", "zato_sso_session")]

    def test_one_user(self, server: Server, tell: Tell, invoke: Invoke) -> None:
        """The name is taken as it is written, and a user who is not approved is shown."""
        [pending] = tell(server, "pending1")
        [user] = tell(server, "MixedCase")
        other = invoke("sso", "password-status", server.path, "USER1")

        assert (pending["username"], pending["approval_status"]) == ("pending1", "before_decision")
        assert (user["username"], user["open_sessions"]) == ("MixedCase", 1)
        assert (other.exit_code, other.stdout) == (22, "")
        assert other.stderr == "Error: No such user `USER1`. Did you mean `user1`?\n"

    def test_within(self, server: Server, tell: Tell) -> None:
        """0 is for what is expired, and no number of days is too many."""
        insert_user(server, 11, "late", {"password_expiry": in_days(-1)})
        insert_user(server, 12, "soon", {"password_expiry": in_days(5)})

        assert [each["username"] for each in tell(server, "--within", 0)] == ["late"]
        assert [each["username"] for each in tell(server, "--within", 4)] == ["late"]
        assert [each["username"] for each in tell(server, "--within", 5)] == ["late", "soon"]
        assert len(tell(server, "--within", 9999999)) == len(USERS) + 2
        assert tell(server, "user1", "--within", 5) == []

    @pytest.mark.parametrize(
        ("seconds", "never_changed"), [(-6, False), (-5, True), (0, True), (5, True), (6, False)]
    )
    def test_password_set_within_five_seconds_of_the_sign_up_is_the_first(
        self, sqlite_server: Server, tell: Tell, seconds: int, *, never_changed: bool
    ) -> None:
        """The two times may differ a little, either way, where nobody has changed the password."""
        last_set = in_days(-9)
        signed_up = str(datetime.fromisoformat(last_set) - timedelta(seconds=seconds))
        insert_user(sqlite_server, 11, "new", {"password_last_set": last_set, "sign_up_time": signed_up})

        [user] = tell(sqlite_server, "new")

        assert user["never_changed"] is never_changed

    def test_works_on_3_0(self, server: Server, tell: Tell, invoke: Invoke) -> None:
        """TOTP is unknown where a Zato 3.0 has no column of it."""
        make_3_0(server.database)

        assert {each["totp"] for each in tell(server)} == {None}
        assert tell(server, "locked1")[0]["is_locked"] is True
        assert "TOTP" not in invoke("sso", "password-status", server.path).stdout

    def test_pages_join(self, server: Server, tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
        """All are there once where many expire at the same time, with fractions of a second or without."""
        monkeypatch.setattr(status, "PAGE", 2)
        monkeypatch.setattr(status, "IDS", 3)
        for number, expiry in enumerate(["2027-01-02 03:04:05", "2027-01-02 03:04:05.500000"]):
            insert_users(server, [f"{number}-{each}" for each in range(5)], password_expiry=expiry)
        told = [each["username"] for each in tell(server)]

        assert told[:5] == [f"0-{each}" for each in range(5)]
        assert told[5:10] == [f"1-{each}" for each in range(5)]
        assert told[10:] == list(USERS)

    def test_server_goes_on_meanwhile(self, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        """Between pages nothing is locked; who went is left out, and who was reset is not due any more."""
        monkeypatch.setattr(status, "PAGE", 2)
        config = ServerConfig.read(server.path, env={}, stdin=None)
        pages = iter(
            status.password_statuses(config, Database(config.database), username=None, within=200, now=NOW)
        )
        told = [each.username for each in next(pages)]
        server.database.run("DELETE FROM zato_sso_user WHERE username = 'pending1'")
        server.database.run(
            "UPDATE zato_sso_user SET password_expiry = %s WHERE username = 'changing1'", in_days(730)
        )
        told += [each.username for page in pages for each in page]

        assert told == ["user1", "locked1", "MixedCase"]


class TestHash:
    """What is told of the stored password."""

    @pytest.mark.parametrize(
        ("setting", "below"),
        [
            ("rounds = 1001", {"a", "b", "c", "user1"}),
            ('scheme = "argon2id"\ntime_cost = 2\nmemory_cost = 16\nparallelism = 1', {"b", "d", "user1"}),
        ],
    )
    def test_below_setting(self, sqlite_server: Server, tell: Tell, setting: str, below: set[str]) -> None:
        """Another scheme is below it, and so is any cost that is lower."""
        hashers: dict[str, PasswordHasher] = {
            "a": Argon2idHasher(time_cost=3, memory_cost=16, parallelism=2),
            "b": Argon2idHasher(time_cost=1, memory_cost=64, parallelism=1),
            "c": Argon2idHasher(time_cost=2, memory_cost=16, parallelism=1),
            "d": Pbkdf2Sha512Hasher(rounds=1001),
        }
        for user_id, (name, hasher) in enumerate(hashers.items(), start=11):
            insert_user(sqlite_server, user_id, name, {"password": sqlite_server.seal(hasher.hash("x"))})
        sqlite_server.override(f"[hash_secret]\n{setting}\n")
        told = {each["username"]: each for each in tell(sqlite_server)}

        a = told["a"]
        assert (a["hash_scheme"], a["rounds"]) == ("argon2id", None)
        assert (a["time_cost"], a["memory_cost"], a["parallelism"]) == (3, 16, 2)
        assert {name for name in (*hashers, "user1") if told[name]["below_setting"]} == below

    def test_what_is_not_understood_is_unknown(
        self, sqlite_server: Server, tell: Tell, invoke: Invoke
    ) -> None:
        """A stored password that can't be read is no error."""
        stored = ["", "x", "gAAAA", sqlite_server.seal("$pbkdf2-sha256$1$a$b"), sqlite_server.seal("é")]
        for user_id, password in enumerate(stored, start=11):
            insert_user(sqlite_server, user_id, f"odd{user_id}", {"password": password or " "})
        odd = [each for each in tell(sqlite_server) if each["username"].startswith("odd")]

        assert [(each["hash_scheme"], each["below_setting"]) for each in odd] == [("unknown", None)] * 5
        assert (
            invoke("sso", "password-status", sqlite_server.path, "odd11").stdout.splitlines()[1].count("!")
            == 0
        )

    def test_hashes_that_are_not_sealed(self, sqlite_server: Server, tell: Tell) -> None:
        """A server that does not encrypt passwords has the hash itself in its table."""
        insert_user(sqlite_server, 11, "plain", {"password": Pbkdf2Sha512Hasher(rounds=7).hash("x")})
        sqlite_server.edit("sso.conf", "main", encrypt_password="False")
        told = {each["username"]: each["hash_scheme"] for each in tell(sqlite_server)}

        assert (told["plain"], told["user1"]) == ("pbkdf2_sha512", "unknown")

    def test_server_of_stock_zato(self, stock: Server, tell: Tell) -> None:
        """What stock Zato stored is understood, as the bytes that it leaves on SQLite too."""
        server_users = all_rows(stock.database)
        told = tell(stock)

        assert {each["username"] for each in told} == set(server_users)
        assert {each["hash_scheme"] for each in told} == {"pbkdf2_sha512"}


class TestOutput:
    """What goes where."""

    def test_table(self, sqlite_server: Server, invoke: Invoke) -> None:
        """A line a user, with words for whatever is to be looked at."""
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
        lines = invoke("sso", "password-status", sqlite_server.path).stdout.splitlines()

        assert len(lines) == len(USERS) + 2
        assert lines[0].split("  ")[0] == "USERNAME"
        first = lines[1].split("  ")
        assert first[:3] == [
            "all\\u202e\\n",
            "expired, locked, not approved, must change, never changed, no TOTP",
            "2020-01-02",
        ]
        assert "! pbkdf2_sha512 1000" in first

    def test_csv(self, sqlite_server: Server, invoke: Invoke) -> None:
        """A header and a line a user; no spreadsheet runs a name."""
        insert_user(sqlite_server, 11, "=cmd|'/C calc'!A0", {"password_expiry": "2020-01-02 03:04:05"})
        done = invoke("sso", "password-status", sqlite_server.path, "--output", "csv")
        header, first, *others = csv.reader(io.StringIO(done.stdout))

        assert header == KEYS
        assert len(others) == len(USERS)
        assert first[:7] == ["'=cmd|'/C calc'!A0", "approved", "false", "false", "false", "true", "true"]
        assert first[8] == "2020-01-02T03:04:05.000000Z"
        assert first[11:] == ["pbkdf2_sha512", "1000", "", "", "", "false"]

    @pytest.mark.parametrize("output", ["table", "json", "csv"])
    def test_nobody(self, sqlite_server: Server, invoke: Invoke, output: str) -> None:
        """Where there is none to tell of, that is no error."""
        done = invoke("sso", "password-status", sqlite_server.path, "--within", 0, "--output", output)

        assert (done.exit_code, done.stderr) == (0, "")
        assert done.stdout.count("\n") == 1
        assert output != "json" or json.loads(done.stdout) == []

    @pytest.mark.parametrize("output", ["table", "json", "csv"])
    def test_leaks_nothing(self, sqlite_server: Server, invoke: Invoke, output: str) -> None:
        """Neither a hash nor an email is printed or logged."""
        hashed = Pbkdf2Sha512Hasher(rounds=1000).hash("x")
        columns = {"password": sqlite_server.seal(hashed), "email": "someone@example.com"}
        insert_user(sqlite_server, 11, "someone", columns)
        arguments = ("sso", "password-status", sqlite_server.path, "--verbose", "--store-log")
        done = invoke(*arguments, "--output", output)
        [log] = Path().glob("zato.*.log")

        assert done.exit_code == 0
        for secret in (hashed.split("$")[-1], columns["password"], "example.com", sqlite_server.key):
            assert secret not in done.stdout + done.stderr + log.read_text()
        assert str(sqlite_server.database.name) in done.stderr
        assert done.stderr.splitlines() == [line.split(" INFO ")[1] for line in log.read_text().splitlines()]

    @pytest.mark.parametrize("days", ["-1", "x", "1.5", "01", "99999999", ""])
    def test_within_that_is_no_number(self, sqlite_server: Server, invoke: Invoke, days: str) -> None:
        """Days are a whole number."""
        done = invoke("sso", "password-status", sqlite_server.path, f"--within={days}")

        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr.count("\n") == 1


def start(server: Server, stdout: Any) -> "subprocess.Popen[str]":
    """Run the command as a process of its own."""
    argv = [str(ZATO), "sso", "password-status", str(server.path)]
    env = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    return subprocess.Popen(argv, stdout=stdout, stderr=subprocess.PIPE, text=True, env=env)


class TestStdout:
    """A stdout that takes no more."""

    def test_full(self, sqlite_server: Server) -> None:
        """It is told on one line."""
        with Path("/dev/full").open("w") as full, start(sqlite_server, full) as process:
            _, told = process.communicate(timeout=60)

        assert process.returncode == 74
        assert told == (
            "Error: The result could not be written to stdout: No space left on device. "
            "Check where stdout goes, and try again.\n"
        )

    def test_reader_has_had_enough(self, sqlite_server: Server) -> None:
        """A pipe that is closed, as by `head`, ends the command, and nothing is said."""
        insert_users(sqlite_server, [f"user-{number:03}" * 8 for number in range(2000)])
        with start(sqlite_server, subprocess.PIPE) as process:
            assert process.stdout
            assert process.stderr
            assert process.stdout.readline().startswith("USERNAME")
            process.stdout.close()
            told = process.stderr.read()

        assert (process.returncode, told) == (74, "")

    def test_reader_takes_its_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A pager may be left open for as long as one likes."""
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

    def test_reader_goes(self) -> None:
        """Who has had enough is told nothing, and the exit code tells the shell."""
        reader, writer = os.pipe()
        with os.fdopen(writer, "w") as stream:
            stdout = delivery.Stdout(stream)
            os.close(reader)
            with pytest.raises(Exit) as caught:
                stdout.stream("a")

        assert caught.value.exit_code == 74

    def test_terminal(self, sqlite_server: Server) -> None:
        """The table fits into its width."""
        insert_user(sqlite_server, 11, "a" * 100, {})
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 25, 70, 0, 0))
        with start(sqlite_server, slave) as process:
            os.close(slave)
            _, told = process.communicate(timeout=60)
        lines = os.read(master, 10_000).decode().splitlines()
        os.close(master)

        assert (process.returncode, told) == (0, "")
        assert len(lines) == len(USERS) + 2
        assert max(map(len, lines)) == 70
        assert lines[-1].startswith("a" * 16 + "…  ")
