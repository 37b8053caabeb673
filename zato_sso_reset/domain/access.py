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
    """The ways into an account besides a login; what the database lacks or hides counts as absent."""

    open_sessions: int
    pending_links: int
    linked_accounts: int

    def warnings(self, changes: AccessChanges) -> list[str]:
        """Return what still lets others in after `changes`."""
        found = []
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
