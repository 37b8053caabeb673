"""`zato sso check-login`, on real databases."""

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from hypothesis import HealthCheck, given, settings

from tests.cli.conftest import Invoke, error_line
from tests.conftest import AUDIT
from tests.support.databases import make_3_0
from tests.support.login import NOW as LOGIN
from tests.support.login import accounts, clients, confs, stock_login
from tests.support.servers import OLD, Server, insert_user
from tests.support.settings import Conf
from tests.support.syslog import udp_listener
from zato_sso_reset.cli.verdict import Verdict
from zato_sso_reset.domain.gates import Gate, State
from zato_sso_reset.domain.hashing import Argon2idHasher
from zato_sso_reset.domain.login import Account, Client

NOW = datetime.now(timezone.utc).replace(tzinfo=None)
YESTERDAY = str(NOW - timedelta(days=1))
TOTP_KEY = b"01234567890123456789"
TOTP_KEY_BASE32 = "GAYTEMZUGU3DOOBZGAYTEMZUGU3DOOBZ"

GATES = [
    *("user", "password", "totp", "app-allowed", "app-exists", "address"),
    *("lock", "sign-up", "expiry", "metadata", "about-to-expire", "must-change"),
]


@pytest.fixture
def check(server: Server, invoke: Invoke) -> Any:
    """Check a user's login, and return the JSON object and the states by gate."""

    def run(
        username: str, *options: object, stdin: str | bytes = ""
    ) -> tuple[dict[str, Any], dict[str, str]]:
        done = invoke(
            *("sso", "check-login", server.path, username, "--output", "json", *options), input=stdin
        )
        record = json.loads(done.stdout)
        assert done.exit_code == (24 if record["verdict"] == "closed" else 0), done.stderr
        return record, {gate["name"]: gate["state"] for gate in record["gates"]}

    return run


def totp_code(now: datetime) -> str:
    """Return the code of `TOTP_KEY`."""
    totp = TOTP(TOTP_KEY, 6, SHA1(), 30)
    return totp.generate(int(now.replace(tzinfo=timezone.utc).timestamp())).decode()


class TestGates:
    """The columns and settings of each gate, on each database."""

    def test_all_gates_are_shown_in_their_order(self, check: Any) -> None:
        """Without a password and an address, two are unknown, and the login would succeed."""
        record, states = check("user1")

        assert list(states) == GATES
        assert [name for name, state in states.items() if state != "open"] == ["password", "metadata"]
        assert (record["username"], record["verdict"], record["code"]) == ("user1", "open", None)

    @pytest.mark.parametrize(
        ("columns", "closed", "code"),
        [
            ({"approval_status": "rejected"}, ["user"], "E005001"),
            ({"is_totp_enabled": True}, ["totp"], "E005008"),
            ({"is_locked": True}, ["lock"], "E005002"),
            ({"sign_up_status": "before_confirmation"}, ["sign-up"], "E005003"),
            ({"password_expiry": YESTERDAY}, ["expiry"], "E005001"),
            ({"password_must_change": True}, ["must-change"], "E003007"),
            (
                {"is_locked": True, "is_totp_enabled": True, "password_must_change": True},
                ["totp", "lock", "must-change"],
                "E005008",
            ),
        ],
    )
    def test_closed_gates_of_a_user(
        self, server: Server, check: Any, columns: dict[str, object], closed: list[str], code: str
    ) -> None:
        """All of them are shown; the first one has the code of the answer."""
        insert_user(server, 11, "somebody", columns)

        record, states = check("somebody")

        assert [name for name, state in states.items() if state == "closed"] == closed
        assert record["code"] == code
        assert all(gate["remedy"] for gate in record["gates"] if gate["state"] == "closed")

    def test_passwords_are_verified(self, check: Any) -> None:
        """A wrong one closes its gate, and so does an empty one."""
        assert check("user1", "--password-stdin", stdin=f"{OLD}\n")[1]["password"] == "open"
        for wrong in (f"{OLD}x\n", "\n", "", b"\xff\n"):
            record, states = check("user1", "--password-stdin", stdin=wrong)
            assert (states["password"], record["code"]) == ("closed", "E005001")

    def test_totp_codes_are_verified_after_the_password(self, server: Server, check: Any) -> None:
        """The password is on the first line; only the code of this half minute is right."""
        columns = {"is_totp_enabled": True, "totp_key": server.seal(TOTP_KEY_BASE32)}
        insert_user(server, 11, "somebody", columns)
        options = ("--password-stdin", "--totp-code-stdin")

        codes = {totp_code(NOW), totp_code(datetime.now(timezone.utc).replace(tzinfo=None))}
        found = [check("somebody", *options, stdin=f"{OLD}\n{code}\n")[1] for code in codes]
        late = check("somebody", *options, stdin=f"{OLD}\n{totp_code(NOW - timedelta(hours=1))}\n")[1]

        assert "open" in {states["totp"] for states in found}
        assert (late["password"], late["totp"]) == ("open", "closed")

    def test_unknown_user_is_a_closed_gate_with_a_suggestion(self, server: Server, check: Any) -> None:
        """Its case matters, except to a MySQL server, whose own query finds the user."""
        record, states = check("USER1")

        if server.database.engine == "mysql":
            assert states["user"] == "open"
        else:
            assert states == {"user": "closed"}
            assert record["gates"][0]["remedy"] == "Did you mean `user1`?"
        assert check("nobody")[1] == {"user": "closed"}

    def test_zato_3_0_is_supported(self, server: Server, check: Any) -> None:
        """It has no TOTP."""
        make_3_0(server.database)

        assert check("user1")[1]["totp"] == "open"

    def test_nothing_is_written(self, server: Server, check: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """The users, the files and the audit trail stay, whether the password is right or not."""
        with udp_listener() as (syslog, port):
            monkeypatch.setenv(AUDIT, f"127.0.0.1:{port}")
            before = server.database.dump("zato_sso_user"), sorted(server.path.rglob("*"))
            for password in (OLD, "wrong"):
                check("user1", "--password-stdin", stdin=f"{password}\n")

            assert (server.database.dump("zato_sso_user"), sorted(server.path.rglob("*"))) == before
            assert list(Path().iterdir()) == []
            assert syslog.lines() == []


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(accounts, clients, confs)
def test_answer_is_that_of_a_stock_server(
    server: Server, check: Any, account: Account, client: Client, given_conf: Conf
) -> None:
    """Whatever is combined in the database and in `sso.conf`, the code is the same."""
    (server.repo / "sso.conf").write_text(as_conf(given_conf))
    server.database.run("DELETE FROM zato_sso_user WHERE id = 1")
    insert_user(server, 1, "user1", columns_of(server, account))
    options = ["--password-stdin", "--app", client.app]
    lines = [OLD if client.is_password_right else "wrong"]
    if client.is_code_right is not None:
        client = replace(client, is_code_right=False)
        options.append("--totp-code-stdin")
        lines.append("no code")
    if client.sends_metadata:
        options += ["--address", "10.0.0.1"]

    record, _ = check("user1", *options, stdin="\n".join(lines))

    assert record["code"] == stock_login(account, client, given_conf)


def as_conf(given_conf: Conf) -> str:
    """Return the text of `sso.conf`."""
    text = "[main]\nencrypt_password=True\n[hash_secret]\nrounds=1000\nsalt_size=64\n"
    for section, values in given_conf.items():
        text += f"[{section}]\n"
        for key, value in values.items():
            text += f"{key}={', '.join(value) if isinstance(value, list) else value}\n"
    return text


def columns_of(server: Server, account: Account) -> dict[str, object]:
    """Return the columns of a user with this account."""
    return {
        "approval_status": account.approval_status,
        "is_locked": account.is_locked,
        "is_totp_enabled": bool(account.is_totp_enabled),
        "totp_key": server.seal(TOTP_KEY_BASE32),
        "sign_up_status": account.sign_up_status,
        "password_expiry": str(account.expires_at - LOGIN + NOW) if account.expires_at else None,
        "password_must_change": account.must_change,
    }


class TestSettings:
    """The settings that keep users out."""

    @pytest.mark.parametrize(
        ("setting", "options", "answer"),
        [
            ("apps login_allowed=", "", ("app-allowed", "E004001")),
            ("apps all=ERP, HR", "", ("app-exists", "E004001")),
            ("apps default=HR", "", ("app-allowed", "E004001")),
            ("apps default=CRM", "--app=HR", ("app-allowed", "E004001")),
            ("apps default=CRM", "--app=", ("app-allowed", "E004001")),
            ("apps default=CRM", "--address=10.0.0.1", ("metadata", "E006001")),
            ("login reject_if_not_listed=True", "", ("address", "E005001")),
            ("user_address_list user1=", "", ("address", "E005001")),
            ("user_address_list user1=10.0.0.1", "", ("address", None)),
        ],
    )
    def test_setting_closes_a_gate(
        self, sqlite_server: Server, invoke: Invoke, setting: str, options: str, answer: tuple[str, str]
    ) -> None:
        """The application and the address come from the options."""
        section, _, text = setting.partition(" ")
        key, _, value = text.partition("=")
        sqlite_server.edit("sso.conf", section, **{key: value})
        command = ("sso", "check-login", sqlite_server.path, "user1", "--output", "json")

        done = invoke(*command, *options.split())

        record = json.loads(done.stdout)
        first = next(gate for gate in record["gates"] if gate["state"] == "closed")
        assert done.exit_code == 24
        assert (first["name"], first["code"]) == answer
        assert record["code"] == answer[1]

    @pytest.mark.parametrize("days", ["4294967295", "many"])
    def test_odd_threshold_is_no_error(self, sqlite_server: Server, invoke: Invoke, days: str) -> None:
        """Python's times have fewer days."""
        sqlite_server.edit("sso.conf", "password", about_to_expire_threshold=days)
        for command in ("check-login", "reset-user-password", "password-status"):
            assert invoke("sso", command, sqlite_server.path, "user1").exit_code == 0

    @pytest.mark.parametrize(
        ("stored", "problem"),
        [
            ("\\x674141", "is stored as `\\x...`"),
            ("gAAAAAB", "can't be decrypted"),
            (None, "is not a hash that Zato verifies"),
            ("argon2", "is not PBKDF2-SHA512"),
        ],
    )
    def test_stored_password_that_no_login_can_match_is_closed(
        self, sqlite_server: Server, invoke: Invoke, stored: str | None, problem: str
    ) -> None:
        """Even the right password does not help."""
        hashed = Argon2idHasher(1, 8, 1).hash(OLD) if stored == "argon2" else "no hash"
        password = stored if stored and stored != "argon2" else sqlite_server.seal(hashed)
        insert_user(sqlite_server, 11, "somebody", {"password": password})
        command = ("sso", "check-login", sqlite_server.path, "somebody", "--password-stdin")

        done = invoke(*command, input=f"{OLD}\n")

        assert done.exit_code == 24
        assert problem in done.stdout
        assert "Reset the password." in done.stdout

    @pytest.mark.parametrize("key", ["", "no token", "not base32!"])
    def test_totp_key_that_cannot_be_read_refuses_every_code(
        self, sqlite_server: Server, invoke: Invoke, key: str
    ) -> None:
        """So does a key that is missing."""
        sealed = sqlite_server.seal(key) if key != "no token" else key
        insert_user(sqlite_server, 11, "somebody", {"is_totp_enabled": True, "totp_key": sealed or None})
        command = ("sso", "check-login", sqlite_server.path, "somebody", "--totp-code-stdin")

        done = invoke(*command, input="123456\n")

        assert done.exit_code == 24
        assert "The TOTP code is wrong." in done.stdout


class TestOutput:
    """The text, and the arguments."""

    def test_text_marks_the_first_closed_gate_and_ends_with_the_verdict(
        self, sqlite_server: Server, invoke: Invoke
    ) -> None:
        """Remedies are below the closed gates."""
        insert_user(
            sqlite_server, 11, "somebody", {"is_locked": True, "sign_up_status": "before_confirmation"}
        )

        done = invoke("sso", "check-login", sqlite_server.path, "somebody")

        lines = done.stdout.splitlines()
        assert len(lines) == len(GATES) + 2 + 1
        [marked] = [number for number, line in enumerate(lines) if line.startswith("> ")]
        assert lines[marked].split()[1:3] == ["lock", "closed"]
        assert lines[marked].endswith(" [E005002]")
        assert "unlock-user" in lines[marked + 1]
        assert lines[-1] == "The server refuses `somebody` with E005002: The user is locked and can't log in."

    def test_verdict_names_unknown_gates_and_warnings(self, sqlite_server: Server, invoke: Invoke) -> None:
        """The login would succeed."""
        in_a_week = str(NOW + timedelta(days=7))
        insert_user(sqlite_server, 11, "somebody", {"password_expiry": in_a_week})

        done = invoke("sso", "check-login", sqlite_server.path, "somebody")

        assert done.exit_code == 0
        verdict = "The server lets `somebody` in, and warns with W003005. Not checked: password, metadata."
        assert done.stdout.splitlines()[-1] == verdict

    def test_verdict_of_an_error_has_no_code(self, sqlite_server: Server, invoke: Invoke) -> None:
        """The client gets an error of the server instead."""
        insert_user(sqlite_server, 11, "somebody", {"password": "\\x67"})

        done = invoke("sso", "check-login", sqlite_server.path, "somebody")

        assert done.stdout.splitlines()[-1].startswith("The server refuses `somebody` with an error: ")

    def test_nothing_unknown_is_not_mentioned(self, sqlite_server: Server, invoke: Invoke) -> None:
        """The last line is short."""
        sqlite_server.edit("sso.conf", "apps", login_metadata_allowed="CRM")
        command = ("sso", "check-login", sqlite_server.path, "user1", "--password-stdin")

        done = invoke(*command, input=f"{OLD}\n")

        assert done.stdout.splitlines()[-1] == "The server lets `user1` in."

    def test_control_characters_are_escaped(self) -> None:
        """A remedy holds the name of the database."""
        gate = Gate("must-change", State.CLOSED, "reason", remedy="ALTER DATABASE \x1b[31m")

        assert "  ALTER DATABASE \\x1b[31m\n" in Verdict("user1", [gate]).as_text()

    @pytest.mark.parametrize("address", ["", "localhost", "10.0.0.1/8", "10.0.0.256"])
    def test_other_addresses_are_usage_errors(
        self, sqlite_server: Server, invoke: Invoke, address: str
    ) -> None:
        """Only IP addresses are accepted."""
        error_line(invoke("sso", "check-login", sqlite_server.path, "user1", f"--address={address}"), 2)

    def test_line_that_is_too_long_is_a_usage_error(self, sqlite_server: Server, invoke: Invoke) -> None:
        """The password is not quoted."""
        command = ("sso", "check-login", sqlite_server.path, "user1", "--password-stdin")
        done = invoke(*command, input="x" * 5000)

        assert "xx" not in error_line(done, 2)
