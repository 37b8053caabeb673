"""`zato sso reset-user-password`."""

from typing import TYPE_CHECKING, Any

import click

from zato_sso_reset.cli import options
from zato_sso_reset.cli.audited import AuditedCommand

if TYPE_CHECKING:
    from zato_sso_reset.audit.trail import Audit


@click.command("reset-user-password", cls=AuditedCommand)
@options.one_user("text", "json", "password")
@click.pass_obj
def reset_user_password(audit: "Audit", /, **given: Any) -> None:
    """Change a user's password to a generated one.

    PATH is the directory of a Zato server, which may be running or not. The password of USERNAME is
    replaced by one of 192 random bits, which is printed to stdout once and can't be had again.
    """
    from zato_sso_reset.cli import set_password as one_user

    one_user.set_password(
        one_user.Request(**given),
        audit,
        verb="reset",
        formats={
            "text": lambda done: (
                f"Password for user `{done.new.user.username}` reset to `{done.new.password}`"
            ),
            "json": one_user.as_json,
            "password": lambda done: done.new.password,
        },
    )
