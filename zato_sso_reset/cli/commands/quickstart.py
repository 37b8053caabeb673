"""`zato sso quickstart`."""

import shlex
import sys
from pathlib import Path

import click

from zato_sso_reset.cli import command, options
from zato_sso_reset.cli.delivery import Result
from zato_sso_reset.host.program import say


@click.command("quickstart", cls=command.Command)
@options.path_argument
@click.option(
    "--username",
    type=options.username_type,
    metavar="USERNAME",
    default="user1",
    show_default=True,
    help="The user to make.",
)
def quickstart(path: Path, username: str) -> None:
    """Make a server directory with a SQLite database and a user, to try things out.

    PATH must not exist, or be an empty directory. The command to run next is printed to stdout.
    """
    result = Result(sys.stdout, otherwise="The server directory was made all the same.")
    from zato_sso_reset.services.quickstart import make_server

    made = make_server(path, username)
    say(f"Made a server directory with the user `{username}`, whose password nobody knows. Next, run:")
    arguments = ["--"] if username.startswith("-") else []
    result.write_line(shlex.join(["zato", "sso", "reset-user-password", *arguments, str(made), username]))
