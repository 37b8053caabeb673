"""The gates of a login, judged by a second description of a stock server's login."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings

from tests.support.login import NOW, accounts, clients, confs, stock_login
from tests.support.settings import Conf, FakeSettings
from zato_sso_reset.domain.gates import Gate, Login, State
from zato_sso_reset.domain.login import Account, Client, LoginSettings

ACCOUNT = Account(
    username="user1",
    approval_status="approved",
    is_locked=False,
    is_totp_enabled=False,
    sign_up_status="final",
    expires_at=NOW + timedelta(days=60),
    must_change=False,
)

CLIENT = Client("CRM", is_password_right=True, sends_metadata=False)

STOCK = {
    "apps": {"default": "CRM", "all": "CRM", "login_allowed": "CRM", "login_metadata_allowed": ""},
    "login": {},
    "password": {"about_to_expire_threshold": "30", "min_length": "8", "min_complexity": "0"},
    "user_address_list": {},
}


def conf(**changed: Mapping[str, object]) -> Conf:
    """Return the stock settings with changed sections."""
    return {name: {**section, **changed.get(name, {})} for name, section in STOCK.items()}


def gates(account: Account = ACCOUNT, client: Client = CLIENT, given_conf: Conf = STOCK) -> dict[str, Gate]:
    """Return the gates by name."""
    login = Login(account, client, LoginSettings(FakeSettings(given_conf)), NOW)
    return {gate.name: gate for gate in login.gates()}


ON = {"inform_if_locked": "True", "inform_if_not_confirmed": "True", "inform_if_totp_missing": "True"}

INFORM = {"inform_if_must_be_changed": "True", "inform_if_about_to_expire": "True"}

CLOSED: list[tuple[str, str | None, dict[str, Any], dict[str, Any], Conf]] = [
    # gate, code, changes to the account, to the client, settings
    ("user", "E005001", {"approval_status": "rejected"}, {}, STOCK),
    ("password", "E005001", {}, {"is_password_right": False}, STOCK),
    ("password", None, {"password_problem": "It is stored as `\\x`."}, {}, STOCK),
    ("totp", "E005001", {"is_totp_enabled": True}, {}, STOCK),
    ("totp", "E005008", {"is_totp_enabled": True}, {}, conf(login=ON)),
    ("totp", "E005001", {"is_totp_enabled": True}, {"is_code_right": False}, conf(login=ON)),
    ("app-allowed", "E005001", {}, {}, conf(apps={"login_allowed": ["CRM2", "ERP"]})),
    ("app-allowed", "E004001", {}, {}, conf(apps={"login_allowed": "", "inform_if_app_invalid": "True"})),
    ("app-exists", "E004001", {}, {}, conf(apps={"all": ["CRM2", "ERP"]})),
    ("address", "E005001", {}, {}, conf(login={"reject_if_not_listed": "True"})),
    ("address", "E005001", {}, {}, conf(user_address_list={"user1": ""})),
    ("address", "E005001", {}, {}, conf(user_address_list={"user1": "*"})),
    ("address", None, {}, {}, conf(user_address_list={"user1": ["*", "10.0.0.0/8"]})),
    ("lock", "E005001", {"is_locked": True}, {}, STOCK),
    ("lock", "E005002", {"is_locked": True}, {}, conf(login=ON)),
    ("sign-up", "E005001", {"sign_up_status": "before_confirmation"}, {}, STOCK),
    ("sign-up", "E005003", {"sign_up_status": "before_confirmation"}, {}, conf(login=ON)),
    ("expiry", "E005001", {"expires_at": NOW - timedelta(seconds=1)}, {}, STOCK),
    ("expiry", "E003004", {"expires_at": NOW.replace(year=1)}, {}, conf(password={"inform_if_expired": "1"})),
    ("expiry", None, {"expires_at": None}, {}, STOCK),
    ("metadata", "E006001", {}, {"sends_metadata": True}, STOCK),
    ("metadata", "E006001", {}, {"sends_metadata": True}, conf(apps={"login_metadata_allowed": ["A", "B"]})),
    ("about-to-expire", "E003006", {"expires_at": NOW + timedelta(days=30)}, {}, STOCK),
    ("must-change", "E003002", {"must_change": True}, {}, STOCK),
    (
        "must-change",
        "E003007",
        {"must_change": True},
        {},
        conf(password=INFORM),
    ),
    ("must-change", "E003008", {"must_change": True}, {}, conf(password={"min_complexity": "3"})),
    ("must-change", "E003008", {"must_change": True}, {}, conf(password={"min_complexity": None})),
]


@pytest.mark.parametrize(("name", "code", "account", "client", "given_conf"), CLOSED)
def test_gate_is_closed_with_its_code_and_a_remedy(
    name: str, code: str | None, account: dict[str, Any], client: dict[str, Any], given_conf: Conf
) -> None:
    """Nothing else of a healthy account is closed, except what an expired password implies."""
    found = gates(replace(ACCOUNT, **account), replace(CLIENT, **client), given_conf)

    closed = [gate for gate in found.values() if gate.state is State.CLOSED]
    assert closed[0].name == name
    assert {gate.name for gate in closed} <= {name, "about-to-expire"}
    assert closed[0].code == code
    assert closed[0].remedy
    assert closed[0].needs_warning


OPEN: list[tuple[str, dict[str, Any], dict[str, Any], Conf]] = [
    ("totp", {"is_totp_enabled": True}, {"is_code_right": True}, STOCK),
    ("totp", {"is_totp_enabled": None}, {}, STOCK),
    ("app-allowed", {}, {}, conf(apps={"login_allowed": ["ERP", "CRM"]})),
    ("app-exists", {}, {}, conf(apps={"all": ["ERP", "CRM"]})),
    ("address", {}, {}, conf(login={"reject_if_not_listed": "False"})),
    ("address", {}, {}, conf(user_address_list={"user2": ""})),
    ("lock", {}, {}, conf(login=ON)),
    ("expiry", {"expires_at": NOW}, {}, STOCK),
    ("metadata", {}, {"sends_metadata": True}, conf(apps={"login_metadata_allowed": ["ERP", "CRM"]})),
    ("metadata", {}, {"sends_metadata": True}, conf(apps={"login_metadata_allowed": "MyCRM2"})),
    ("about-to-expire", {"expires_at": NOW + timedelta(days=30, seconds=1)}, {}, STOCK),
    ("about-to-expire", {}, {}, conf(password={"about_to_expire_threshold": "broken"})),
    ("address", {}, {}, conf(login={"reject_if_not_listed": "broken"})),
    ("must-change", {"must_change": True}, {}, conf(password={"min_length": "0"})),
]


@pytest.mark.parametrize(("name", "account", "client", "given_conf"), OPEN)
def test_gate_is_open(name: str, account: dict[str, Any], client: dict[str, Any], given_conf: Conf) -> None:
    """Settings that can't be read do not close a gate."""
    gate = gates(replace(ACCOUNT, **account), replace(CLIENT, **client), given_conf)[name]

    assert (gate.state, gate.code) == (State.OPEN, None)


def test_unknown_gates_depend_on_what_the_client_sends() -> None:
    """Without a password and without an address, two gates are unknown; no other is."""
    found = gates(client=Client("CRM"))

    unknown = [name for name, gate in found.items() if gate.state is State.UNKNOWN]
    assert unknown == ["password", "metadata"]
    assert not any(gate.needs_warning for gate in found.values())


def test_login_may_succeed_with_a_warning() -> None:
    """The gate is open and has the code of the warning."""
    account = replace(ACCOUNT, expires_at=NOW + timedelta(days=3))
    gate = gates(account, given_conf=conf(password=INFORM))["about-to-expire"]

    assert (gate.state, gate.code) == (State.OPEN, "W003005")
    assert gate.needs_warning


def test_complexity_is_no_rule_of_zato_3_0() -> None:
    """A version without TOTP has no default for it, so a missing password is too short."""
    account = replace(ACCOUNT, is_totp_enabled=None, must_change=True)
    given_conf = conf(password={"min_complexity": None})

    assert gates(account, given_conf=given_conf)["must-change"].code == "E003002"


def test_database_that_breaks_new_passwords_is_mended_first() -> None:
    """The remedy is the statement."""
    gate = gates(replace(ACCOUNT, must_change=True, mending="ALTER DATABASE zato ..."))["must-change"]

    assert gate.remedy == "Run this in the database first: ALTER DATABASE zato ..."


@settings(deadline=None, max_examples=500)
@given(accounts, clients, confs)
def test_first_closed_gate_decides_as_at_a_stock_server(
    account: Account, client: Client, given_conf: Conf
) -> None:
    """Whatever is combined, the code is that of a stock login."""
    found = gates(account, client, given_conf).values()

    closed = [gate for gate in found if gate.state is State.CLOSED]
    warnings = [gate.code for gate in found if gate.state is State.OPEN and gate.code]
    code = closed[0].code if closed else next(iter(warnings), None)
    assert code == stock_login(account, client, given_conf)
