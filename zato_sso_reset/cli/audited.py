"""Commands that change users, and tell syslog so."""

import os
from typing import TYPE_CHECKING, Any

import click

from zato_sso_reset.cli.command import Command
from zato_sso_reset.cli.delivery import open_standard_streams
from zato_sso_reset.cli.report import Report

if TYPE_CHECKING:
    from zato_sso_reset.domain.access import AccessChanges


class AuditedCommand(Command):
    """A command whose object (`click.pass_obj`) is its audit trail, which is told of how it fails."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        from zato_sso_reset.audit.trail import Audit

        path, username = ctx.params["path"], ctx.params.get("username")
        warn = Report(verbose=False, log=None).warn
        ctx.obj = audit = Audit(str(self.name), path, username, env=os.environ, warn=warn)
        try:
            return super().invoke(ctx)
        except click.ClickException as error:  # a mistake that the parser could not see, too
            if not ctx.params["dry_run"]:
                open_standard_streams(0, 1, 2)
                audit.refused(error.format_message(), error.exit_code)
            raise


def changes(*, must_change: bool | None, access: "AccessChanges") -> str:
    """Return the words for what of a user was changed."""
    told = ["password", "password_expiry"]
    if must_change is not None:
        told.append(f"must_change={str(must_change).lower()}")
    told += [name for name in ("unlock", "disable_totp", "revoke_access") if getattr(access, name)]
    return ", ".join(told)
