"""`zato sso reset-user-passwords`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zato_sso_reset.cli import options
from zato_sso_reset.cli.command import AuditedCommand
from zato_sso_reset.cli.completion import complete_username
from zato_sso_reset.cli.users_file import UsersFile

if TYPE_CHECKING:
    from zato_sso_reset.audit.trail import Trail


@click.command(
    "reset-user-passwords",
    cls=AuditedCommand,
    exit_codes=(1, 21, 22, 23, 73, 74, 75, 76, 77, 78, 79),
    examples={
        "Reset all users except one": "{} ~/env/qs-1/server1 --all --exclude admin1 --output-file new.jsonl",
        "Reset the users in a list": "{} ~/env/qs-1/server1 --users-from users.txt --output-file new.jsonl",
        "Continue after an interruption": "{} ~/env/qs-1/server1 --all --output-file new.jsonl --resume",
    },
)
@options.path_argument
@click.option("--all", "all_users", is_flag=True, help="Reset all approved users.")
@click.option(
    "--exclude",
    type=options.username_type,
    metavar="USERNAME",
    multiple=True,
    shell_complete=complete_username,
    help="With --all, leave out a user. May be given more than once.",
)
@click.option(
    "--users-from",
    type=UsersFile("rb"),
    metavar="FILE",
    help="Reset the users in FILE, one username per line; `-` is stdin.",
)
@click.option(
    "--output-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    required=True,
    help="Write the passwords to a new file, in JSON Lines; `-` is stdout.",
)
@options.deliver_to_option
@options.expiry_option
@options.must_change_option
@options.unlock_option
@options.disable_totp_option
@options.revoke_access_option
@click.option(
    "-n", "--dry-run", is_flag=True, help="Look up all users and try the first one, but change nothing."
)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.option("--resume", is_flag=True, help="Continue --output-file after an interrupted run.")
@click.option(
    "--skip-missing",
    is_flag=True,
    help="Leave out users that do not exist, are not approved, or are listed more than once.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 1024),
    metavar="N",
    help="The number of threads that hash. [default: the number of cores that this process may use]",
)
@click.option("-q", "--no-progress", is_flag=True, help="Do not show the progress on a terminal.")
@options.verbose_option
@options.store_log_option
@click.pass_obj
def reset_user_passwords(trail: "Trail", /, **given: Any) -> None:
    """Reset many users' passwords to generated ones.

    PATH is the directory of a Zato server, which may be running or not. The output has a line
    for each user, with username, password, password_expiry and must_change. The passwords of each batch are
    written out before they are stored. With --deliver-to, COMMAND reads these lines, one batch at a time, and
    the lines in --output-file have no passwords.
    """
    from zato_sso_reset.cli.bulk_request import BulkRequest
    from zato_sso_reset.cli.many_users import reset_passwords

    reset_passwords(BulkRequest(**given), trail)
