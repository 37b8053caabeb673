"""`zato sso reset-user-password`."""

from typing import TYPE_CHECKING, Any

import click

from zato_sso_reset.cli import options
from zato_sso_reset.cli.command import STOCK_USAGE, AuditedCommand

if TYPE_CHECKING:
    from zato_sso_reset.audit.trail import Trail


@click.command(
    "reset-user-password",
    cls=AuditedCommand,
    exit_codes=(21, 22, 23, 73, 74, 75, 76, 77, 78, 79),
    usage=STOCK_USAGE,
    examples={
        "Print a new password": "{} ~/env/qs-1/server1 user1",
        "Let a user in again, until tomorrow": "{} ~/env/qs-1/server1 user1 --unlock --expiry 1",
        "Write the password to a file": "{} ~/env/qs-1/server1 user1 -o password --output-file user1.txt",
    },
)
@options.single_user("text", "json", "password", destinations=[options.deliver_to_option])
@click.pass_obj
def reset_user_password(trail: "Trail", /, **given: Any) -> None:
    """Reset a user's password to a generated one.

    PATH is the directory of a Zato server, which may be running or not. The password of USERNAME is
    replaced by one with 192 random bits, which is printed once and cannot be recovered.
    """
    if given["deliver_to"] and given["output_file"]:
        raise click.UsageError("Use either --deliver-to or --output-file.")
    from zato_sso_reset.cli.single_user import SingleUserRequest, outcome_as_json, set_password

    set_password(
        SingleUserRequest(**given),
        trail,
        verb="reset",
        formats={
            "text": lambda outcome: (
                f"Password for user `{outcome.new.user.username}` reset to `{outcome.new.password}`"
            ),
            "json": outcome_as_json,
            "password": lambda outcome: outcome.new.password,
        },
    )
