"""Warnings about what keeps users out after a reset."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from zato_sso_reset.domain.access import AccessChanges
from zato_sso_reset.domain.gates import FINAL, Gate, Login
from zato_sso_reset.domain.login import Account, Client, LoginSettings
from zato_sso_reset.domain.users import User

_COUNTED: Mapping[str, tuple[str, str, str]] = {
    # gate: one user, several users, option of a reset
    "totp": ("has TOTP on", "have TOTP on", " (--disable-totp)"),
    "address": ("may not log in from any address", "may not log in from any address", ""),
    "lock": ("is still locked", "are still locked", " (--unlock)"),
    "sign-up": ("has not confirmed the sign-up", "have not confirmed the sign-up", ""),
    "must-change": ("must change the password", "must change the password", " (--must-change false)"),
}
"""The gates that differ between users; all others depend on the settings alone."""


@dataclass(frozen=True)
class Reset:
    """The effect of a reset at `set_at` on accounts; times are naive UTC.

    `must_change` is None if it leaves the flag unchanged, `mending` is that of `Account`.
    """

    set_at: datetime
    expires_at: datetime
    must_change: bool | None
    access: AccessChanges
    mending: str = ""

    def closed_gates(self, user: User, settings: LoginSettings) -> list[Gate]:
        """Return the gates of the default application's login to warn of after the reset.

        A new password that the reset itself demands is no reason to warn, unless the server would break it.
        """
        account = replace(
            Account.of(user, mending=self.mending),
            is_locked=user.is_locked and not self.access.unlock,
            is_totp_enabled=user.is_totp_enabled and not self.access.disable_totp,
            expires_at=self.expires_at,
            must_change=user.must_change if self.must_change is None else self.must_change,
        )
        client = Client(settings.default_app, is_password_right=True)
        demanded = "must-change" if self.must_change and not self.mending else None
        gates = Login(account, client, settings, self.set_at).gates()
        return [gate for gate in gates if gate.needs_warning and gate.name != demanded]


@dataclass
class ClosedGates:
    """The gates that resets of many users leave closed, and the number of users by gate."""

    reset: Reset
    settings: LoginSettings
    _gates: dict[str, Gate] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)
    _known: dict[tuple[object, ...], list[Gate]] = field(default_factory=dict)

    def add(self, users: Iterable[User]) -> None:
        """Count the closed gates of users."""
        for user in users:
            addresses = self.settings.names("user_address_list", user.username)
            is_final = user.sign_up_status == FINAL
            state = user.is_locked, user.is_totp_enabled, user.must_change, is_final, str(addresses)
            if state not in self._known:  # the same few states, for any number of users
                self._known[state] = self.reset.closed_gates(user, self.settings)
            for gate in self._known[state]:
                self._gates.setdefault(gate.name, gate)
                self._counts[gate.name] = self._counts.get(gate.name, 0) + 1

    def warnings(self) -> Sequence[str]:
        """Return one warning with all numbers, and those that hold for all users."""
        numbers: list[str] = []
        others: list[str] = []
        for name, gate in self._gates.items():
            if name in _COUNTED:
                one, several, option = _COUNTED[name]
                count = self._counts[name]
                noun = "" if numbers else "user " if count == 1 else "users "
                numbers.append(f"{count} {noun}{one if count == 1 else several}{option}")
            if name not in _COUNTED or (name == "must-change" and self.reset.mending):
                others.append(gate.warning)
        return [f"{', '.join(numbers)}.", *others] if numbers else others
