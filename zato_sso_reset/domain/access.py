"""What, beside the password, keeps an account's owner out or lets others in."""

from dataclasses import dataclass


@dataclass(frozen=True)
class AccessChanges:
    """What to change beside the password; `by` is who does, as `user@host`."""

    unlock: bool = False
    disable_totp: bool = False
    revoke_access: bool = False
    by: str = ""


NO_CHANGES = AccessChanges()


@dataclass(frozen=True)
class Access:
    """How an account stands; what the database has no table or column for, or does not show, is none."""

    is_locked: bool
    is_totp_enabled: bool
    open_sessions: int
    pending_links: int
    linked_accounts: int

    def warnings(self, changes: AccessChanges) -> list[str]:
        """Return what stands in the owner's way, or open to others, after `changes`."""
        found = []
        if self.is_locked and not changes.unlock:
            found.append("The user is locked, so can't log in. --unlock mends that.")
        if self.is_totp_enabled and not changes.disable_totp:
            found.append("TOTP is on, so the password alone does not log in. --disable-totp turns it off.")
        if not changes.revoke_access:
            if self.open_sessions:
                found.append(f"{self.open_sessions} open session(s) go on. --revoke-access ends them.")
            if self.pending_links:
                found.append(
                    f"{self.pending_links} password-reset link(s) still work. --revoke-access voids them."
                )
        if self.linked_accounts:
            found.append(f"{self.linked_accounts} linked account(s) log in without this password.")
        return found


@dataclass(frozen=True)
class AccessChanged:
    """What was changed beside passwords: users unlocked, users without TOTP now, sessions, links."""

    unlocked: int = 0
    totp_disabled: int = 0
    sessions_ended: int = 0
    links_voided: int = 0

    def __add__(self, other: "AccessChanged") -> "AccessChanged":
        return AccessChanged(
            self.unlocked + other.unlocked,
            self.totp_disabled + other.totp_disabled,
            self.sessions_ended + other.sessions_ended,
            self.links_voided + other.links_voided,
        )

    def describe(self, changes: AccessChanges) -> str:
        """Return how much of each of `changes` there was, or nothing where none was asked for."""
        counts = {
            "users unlocked": self.unlocked if changes.unlock else None,
            "TOTP turned off": self.totp_disabled if changes.disable_totp else None,
            "sessions removed": self.sessions_ended if changes.revoke_access else None,
            "password-reset links voided": self.links_voided if changes.revoke_access else None,
        }
        return ", ".join(f"{what}: {count}" for what, count in counts.items() if count is not None)
