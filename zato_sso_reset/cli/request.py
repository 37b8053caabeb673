"""The options that single and bulk resets share."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from zato_sso_reset.audit.operator import user_at_host
from zato_sso_reset.audit.trail import Trail
from zato_sso_reset.domain.access import AccessChanges
from zato_sso_reset.server.config import ServerConfig


@dataclass(frozen=True, kw_only=True)
class Request:
    """Options, named as in `options`."""

    path: Path
    expiry: int | None
    must_change: bool | None
    dry_run: bool
    unlock: bool
    disable_totp: bool
    revoke_access: bool
    store_log: bool
    verbose: bool

    @property
    def access(self) -> AccessChanges:
        """The changes to make besides the password."""
        return AccessChanges(self.unlock, self.disable_totp, self.revoke_access, user_at_host())

    def describe_changes(self) -> str:
        """Return what the command changes, for the audit trail."""
        changes = ["password", "password_expiry"]
        if self.must_change is not None:
            changes.append(f"must_change={str(self.must_change).lower()}")
        changes += [name for name in ("unlock", "disable_totp", "revoke_access") if getattr(self, name)]
        return ", ".join(changes)

    def read_server(self, trail: Trail) -> ServerConfig:
        """Open the audit trail and read the server; errors as `Trail.open` and `ServerConfig.read`."""
        trail.open()
        server = ServerConfig.read(self.path, env=os.environ, stdin=sys.stdin)
        trail.database = server.database.name
        return server
