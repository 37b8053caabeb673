"""A second description of a stock server's login, and random logins."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from hypothesis import strategies as st

from tests.support.settings import Conf
from zato_sso_reset.domain.login import Account, Client

NOW = datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001 Zato's times are naive UTC


LOGIN_KEYS = (
    *("inform_if_locked", "inform_if_not_confirmed", "inform_if_totp_missing"),
    "reject_if_not_listed",
)


def stock_login(account: Account, client: Client, given_conf: Conf) -> str | None:  # noqa: C901, PLR0911, PLR0912
    """Return the status code of a stock server's answer, step by step; None for success."""
    apps, login, password = (given_conf[name] for name in ("apps", "login", "password"))

    def listed(value: object) -> list[object]:
        return value if isinstance(value, list) else [value]

    def is_on(section: Mapping[str, object], key: str) -> bool:
        return section.get(key) == "True"

    if account.approval_status != "approved" or not client.is_password_right:
        return "E005001"
    if account.is_totp_enabled and client.is_code_right is None:
        return "E005008" if is_on(login, "inform_if_totp_missing") else "E005001"
    if account.is_totp_enabled and not client.is_code_right:
        return "E005001"
    if client.app not in listed(apps["login_allowed"]):
        return "E004001" if is_on(apps, "inform_if_app_invalid") else "E005001"
    if client.app not in listed(apps["all"]):
        return "E004001"
    if "user1" in given_conf["user_address_list"] or is_on(login, "reject_if_not_listed"):
        return "E005001"
    if account.is_locked:
        return "E005002" if is_on(login, "inform_if_locked") else "E005001"
    if account.sign_up_status != "final":
        return "E005003" if is_on(login, "inform_if_not_confirmed") else "E005001"
    assert account.expires_at
    if account.expires_at < NOW:
        return "E003004" if is_on(password, "inform_if_expired") else "E005001"
    if client.sends_metadata and client.app not in apps["login_metadata_allowed"]:  # type: ignore[operator]
        return "E006001"
    warning = None
    if account.expires_at - timedelta(days=30) <= NOW:
        if not is_on(password, "inform_if_about_to_expire"):
            return "E003006"
        warning = "W003005"
    if account.must_change:
        return "E003007" if is_on(password, "inform_if_must_be_changed") else "E003002"
    return warning


true_or_false = st.sampled_from(["True", "False"])

some_apps = st.sampled_from(["CRM", "", "CRM2", ["CRM", "ERP"], ["ERP", "CRM2"]])

confs = st.fixed_dictionaries(
    {
        "apps": st.fixed_dictionaries(
            {
                **dict.fromkeys(("all", "login_allowed", "login_metadata_allowed"), some_apps),
                "inform_if_app_invalid": true_or_false,
            }
        ),
        "login": st.fixed_dictionaries(dict.fromkeys(LOGIN_KEYS, true_or_false)),
        "password": st.fixed_dictionaries(
            {
                **dict.fromkeys(
                    ("inform_if_expired", "inform_if_about_to_expire", "inform_if_must_be_changed"),
                    true_or_false,
                ),
                "about_to_expire_threshold": st.just("30"),
                "min_complexity": st.just("0"),
                "min_length": st.just("8"),
            }
        ),
        "user_address_list": st.sampled_from([{}, {}, {"user1": ""}, {"user1": "*"}, {"user2": "*"}]),
    }
)

accounts = st.builds(
    Account,
    username=st.just("user1"),
    approval_status=st.sampled_from(["approved", "approved", "approved", "rejected"]),
    is_locked=st.booleans(),
    is_totp_enabled=st.sampled_from([False, None, True]),
    sign_up_status=st.sampled_from(["final", "before_confirmation"]),
    expires_at=st.integers(-2, 60).map(lambda days: NOW + timedelta(days=days, hours=12)),
    must_change=st.booleans(),
)

clients = st.builds(
    Client,
    app=st.sampled_from(["CRM", "ERP", "CRM2"]),
    is_password_right=st.sampled_from([True, True, True, False]),
    is_code_right=st.sampled_from([None, True, False]),
    sends_metadata=st.booleans(),
)
