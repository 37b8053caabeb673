"""Account access beyond the password: lock, TOTP, sessions, reset links."""

from collections.abc import Mapping
from dataclasses import dataclass

from zato_sso_reset.text import plural


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
            sessions = plural(self.open_sessions, "session stays", "sessions stay")
            found.append(f"{sessions} open. Use --revoke-access to end all sessions.")
        if self.pending_links and not changes.revoke_access:
            links = plural(
                self.pending_links, "password-reset link still works", "password-reset links still work"
            )
            found.append(f"{links}. Use --revoke-access to invalidate all links.")
        if self.linked_accounts:
            accounts = plural(self.linked_accounts, "linked account", "linked accounts")
            found.append(f"{accounts} can log in without this password.")
        return found


def describe(changed: Mapping[str, int]) -> str:
    """Return what was changed, as text."""
    return ", ".join(f"{what}: {count}" for what, count in changed.items())
