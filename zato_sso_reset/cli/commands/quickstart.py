"""`zato sso quickstart`."""

import shlex
import sys
from pathlib import Path

import click

from zato_sso_reset.cli import options
from zato_sso_reset.cli.command import Command
from zato_sso_reset.errors import OutputError
from zato_sso_reset.host.messages import print_line


@click.command(
    "quickstart",
    cls=Command,
    exit_codes=(20, 73, 74),
    examples={"Create a server with the user `user1`": "{} ~/env/qs-1/server1"},
)
@options.path_argument
@click.option(
    "--username",
    type=options.username_type,
    metavar="USERNAME",
    default="user1",
    show_default=True,
    help="The user to create.",
)
@click.pass_context
def quickstart(ctx: click.Context, path: Path, username: str) -> None:
    """Create a server directory with a SQLite database and a user, for trials.

    PATH must not exist, or must be an empty directory. The next command to run is printed to stdout.
    """
    from zato_sso_reset.cli.delivery import Stdout

    stdout = Stdout(sys.stdout)
    from zato_sso_reset.services.quickstart import create_server

    created = create_server(path, username)
    separator = ["--"] if username.startswith("-") else []
    group = ctx.command_path.split()[:-1]  # the names by which this command was called
    command = shlex.join([*group, "reset-user-password", *separator, str(created), username])
    done = f"Created a server directory with the user `{username}`, who has a random password."
    print_line(f"{done} Next, run:")
    try:
        stdout.write_line(command)
    except OutputError as error:
        error.hint = f"The server directory was created. Run `{command}`."
        raise
