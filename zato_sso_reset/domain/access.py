"""Account access beyond the password: lock, TOTP, sessions, reset links."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class AccessChanges:
    """The changes to make besides the password; `by` is the operator, as `user@host`."""

    unlock: bool = False
    disable_totp: bool = False
    revoke_access: bool = False
    by: str = ""


NO_CHANGES = AccessChanges()


@dataclass(frozen=True)
class Access:
    """The state of an account; what the database lacks, or does not let us read, counts as absent."""

    is_locked: bool
    is_totp_enabled: bool
    open_sessions: int
    pending_links: int
    linked_accounts: int
    has_totp: bool = True
    """Whether the server's Zato version has TOTP: 3.0 has not."""

    def warnings(self, changes: AccessChanges) -> list[str]:
        """Return what still keeps the owner out, or lets others in, after `changes`."""
        found = []
        if self.is_locked and not changes.unlock:
            found.append("The user is locked and can't log in. Use --unlock to unlock the account.")
        if self.is_totp_enabled and not changes.disable_totp:
            found.append("TOTP is on: the password alone does not log in. Use --disable-totp to turn it off.")
        if self.open_sessions and not changes.revoke_access:
            found.append(f"{self.open_sessions} open session(s) stay open. Use --revoke-access to end them.")
        if self.pending_links and not changes.revoke_access:
            links = f"{self.pending_links} password-reset link(s) still work."
            found.append(f"{links} Use --revoke-access to invalidate them.")
        if self.linked_accounts:
            found.append(f"{self.linked_accounts} linked account(s) can log in without this password.")
        return found


def describe(changed: Mapping[str, int]) -> str:
    """Return what was changed, as text."""
    return ", ".join(f"{what}: {count}" for what, count in changed.items())
