"""The gates of a stock server's login, in the order in which a login reaches them.

They come from the source code of Zato 3.3 and were compared with a stock server. The first closed gate
determines the answer to the client.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from zato_sso_reset.domain.login import HIDDEN, Account, Client, LoginSettings
from zato_sso_reset.domain.policy import STOCK_MIN_COMPLEXITY
from zato_sso_reset.domain.users import APPROVED
from zato_sso_reset.text import plural, quoted

FINAL = "final"  # the sign_up_status of a confirmed sign-up


class State(str, Enum):
    """Whether a gate lets a login pass, or depends on something unknown."""

    OPEN = "open"
    CLOSED = "closed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Gate:
    """A gate; `code` is the status code that the client gets, None for an error of the server.

    An open gate has a `code` if the server warns at each login. `option` says how a reset opens the gate.
    """

    name: str
    state: State
    reason: str
    code: str | None = None
    remedy: str = ""
    option: str = ""

    @property
    def needs_warning(self) -> bool:
        """Whether a reset warns of the gate."""
        return self.state is State.CLOSED or self.code is not None

    @property
    def warning(self) -> str:
        """The warning of a reset that leaves the gate as it is."""
        return f"{self.reason} {self.option or self.remedy}"


@dataclass(frozen=True)
class Login:
    """A login at `now`, naive UTC."""

    account: Account
    client: Client
    settings: LoginSettings
    now: datetime

    def gates(self) -> Sequence[Gate]:
        """Return all gates, including those after the first closed one."""
        return [
            *(self._user(), self._password(), self._totp()),
            *(self._app_allowed(), self._app_known(), self._address()),
            *(self._lock(), self._sign_up(), self._expiry()),
            *(self._metadata(), self._about_to_expire(), self._must_change()),
        ]

    def _user(self) -> Gate:
        name, status = quoted(self.account.username), self.account.approval_status
        if status == APPROVED:
            return _open("user", f"{name} is approved.")
        return _closed("user", f"{name} is not approved, but {quoted(status)}.", HIDDEN, "Approve the user.")

    def _password(self) -> Gate:
        name, reset = "password", "Reset the password."
        if self.account.password_problem:
            return _closed(name, self.account.password_problem, None, reset)
        if self.client.is_password_right is None:
            return Gate(name, State.UNKNOWN, "The password was not checked.", remedy="Use --password-stdin.")
        if self.client.is_password_right:
            return _open(name, "The password is right.")
        return _closed(name, "The password is wrong.", HIDDEN, reset)

    def _totp(self) -> Gate:
        name = "totp"
        if not self.account.is_totp_enabled:
            return _open(name, "TOTP is off.")
        if self.client.is_code_right:
            return _open(name, "The TOTP code is right.")
        if self.client.is_code_right is False:
            remedy = "Check the clocks of the server and of the user's device."
            return _closed(name, "The TOTP code is wrong.", HIDDEN, remedy)
        return _closed(
            name,
            "TOTP is on: the password alone is not enough to log in.",
            self.settings.code("login", "inform_if_totp_missing", "E005008"),
            "Send a TOTP code, or turn TOTP off with `reset-user-password --disable-totp`.",
            "Use --disable-totp to turn it off.",
        )

    def _app_allowed(self) -> Gate:
        code = self.settings.code("apps", "inform_if_app_invalid", "E004001")
        return self._listed_app("app-allowed", "login_allowed", code)

    def _app_known(self) -> Gate:
        return self._listed_app("app-exists", "all", "E004001")

    def _listed_app(self, name: str, key: str, code: str) -> Gate:
        app = self.settings.shown_app(self.client.app)
        if self.client.app in (self.settings.names("apps", key) or []):
            return _open(name, f"The application {app} is in [apps] {key}.")
        reason = f"The application {app} is not in [apps] {key}."
        return _closed(name, reason, code, f"Add it to [apps] {key} in sso.conf, and restart the server.")

    def _address(self) -> Gate:
        name, section = "address", "user_address_list"
        listed = self.settings.names(section, self.account.username)
        if listed is None:
            if not self.settings.is_on("login", "reject_if_not_listed"):
                return _open(name, "Addresses are not restricted.")
            reason = f"[login] reject_if_not_listed is on, and the user is not in [{section}]."
            remedy = "Turn reject_if_not_listed off in sso.conf, and restart the server."
            return _closed(name, reason, HIDDEN, remedy)
        remedy = f"Remove the user from [{section}] in sso.conf, and restart the server."
        if set(listed) <= {"", "*"}:
            return _closed(name, f"[{section}] lists the user without an address.", HIDDEN, remedy)
        reason = f"[{section}] lists the user with an address: a stock Zato 3.3 does not start with that."
        return _closed(name, reason, None, remedy)

    def _lock(self) -> Gate:
        if not self.account.is_locked:
            return _open("lock", "The user is not locked.")
        return _closed(
            "lock",
            "The user is locked and can't log in.",
            self.settings.code("login", "inform_if_locked", "E005002"),
            "Use the stock `unlock-user`, or `reset-user-password --unlock`.",
            "Use --unlock to unlock the account.",
        )

    def _sign_up(self) -> Gate:
        status = self.account.sign_up_status
        if status == FINAL:
            return _open("sign-up", "The sign-up is confirmed.")
        return _closed(
            "sign-up",
            f"The sign-up is not confirmed, but {quoted(status)}.",
            self.settings.code("login", "inform_if_not_confirmed", "E005003"),
            "Confirm it with the user's sign-up token, through Zato's API.",
        )

    def _expiry(self) -> Gate:
        expires_at = self.account.expires_at
        if expires_at is None:
            reason = "The time of the password's expiry can't be read."
            return _closed("expiry", reason, None, "Reset the password.")
        day = expires_at.date().isoformat()
        if self.now <= expires_at:
            return _open("expiry", f"The password expires on {day}.")
        code = self.settings.code("password", "inform_if_expired", "E003004")
        return _closed("expiry", f"The password expired on {day}.", code, "Reset the password.")

    def _metadata(self) -> Gate:
        name, app = "metadata", self.settings.shown_app(self.client.app)
        allowed = self.settings.names("apps", "login_metadata_allowed") or []
        # Zato reads a single name as a text, and looks for the application in it.
        if self.client.app in (allowed[0] if len(allowed) == 1 else allowed):
            return _open(name, f"The application {app} is allowed to send the user's address and browser.")
        if self.client.sends_metadata is False:
            return _open(name, f"The application {app} does not send the user's address or browser.")
        remedy = "Add it to [apps] login_metadata_allowed in sso.conf, and restart the server."
        if self.client.sends_metadata is None:
            reason = f"The application {app} is not allowed to send the user's address or browser."
            return Gate(name, State.UNKNOWN, reason, remedy=remedy)
        reason = f"The application {app} sends the user's address, but is not allowed to."
        return _closed(name, reason, "E006001", remedy)

    def _about_to_expire(self) -> Gate:
        name, expires_at = "about-to-expire", self.account.expires_at
        if expires_at is None or not self.settings.is_about_to_expire(expires_at, self.now):
            return _open(name, "The password is not about to expire.")
        days = max((expires_at - self.now).days, 0)
        soon = f"The password expires in {plural(days, 'day', 'days')}"
        soon += f", and about_to_expire_threshold is {self.settings.expiry_threshold}"
        option, remedy = "Use a longer --expiry.", "Reset the password."
        if self.settings.is_on("password", "inform_if_about_to_expire"):
            reason = f"{soon}: the server warns at each login."
            return Gate(name, State.OPEN, reason, "W003005", remedy, option)
        return _closed(name, f"{soon}: the server refuses the login.", "E003006", remedy, option)

    def _must_change(self) -> Gate:
        name, code = "must-change", self._must_change_code()
        if not self.account.must_change or code is None:
            return _open(name, "The user does not have to change the password.")
        reason = "The user must send a new password with the login."
        remedy = "Send `new_password`, or use `reset-user-password --must-change false`."
        option = "Use --must-change false to let the user keep the password."
        if self.account.mending:
            reason = "The user must change the password, and the server would store an unusable one."
            remedy = option = f"Run this in the database first: {self.account.mending}"
        return _closed(name, reason, code, remedy, option)

    def _must_change_code(self) -> str | None:
        """Return the code for a missing new password, None if the server accepts the empty one."""
        if self.settings.is_on("password", "inform_if_must_be_changed"):
            return "E003007"
        complexity = self.settings.number("password", "min_complexity")
        if complexity is None:  # Zato 3.0, which has no TOTP, has no such rule either
            complexity = 0 if self.account.is_totp_enabled is None else STOCK_MIN_COMPLEXITY
        if complexity:
            return "E003008"
        return "E003002" if self.settings.number("password", "min_length") else None


def _open(name: str, reason: str) -> Gate:
    return Gate(name, State.OPEN, reason)


def _closed(name: str, reason: str, code: str | None, remedy: str, option: str = "") -> Gate:
    return Gate(name, State.CLOSED, reason, code, remedy, option)
