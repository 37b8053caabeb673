"""`zato sso password-status`."""

import os
import shutil
import sys
from pathlib import Path

import click

from zato_sso_reset.cli import options
from zato_sso_reset.cli.command import Command
from zato_sso_reset.cli.completion import complete_username
from zato_sso_reset.host.messages import has_colour


@click.command(
    "password-status",
    cls=Command,
    exit_codes=(22, 23, 73, 74, 75, 77, 78),
    examples={
        "List all users": "{} ~/env/qs-1/server1",
        "Show one user": "{} ~/env/qs-1/server1 user1",
        "List whose password expires within a month, for a spreadsheet": (
            "{} ~/env/qs-1/server1 --within 30 -o csv"
        ),
    },
)
@options.path_argument
@click.argument("username", type=options.username_type, required=False, shell_complete=complete_username)
@click.option(
    "--within",
    type=options.days_or_0,
    metavar="DAYS",
    help="Show only passwords that are expired, or expire within so many days. [default: all]",
)
@options.output_option("table", "json", "csv")
@options.verbose_option
@options.store_log_option
def password_status(
    path: Path,
    username: str | None,
    *,
    within: int | None,
    output: str,
    store_log: bool,
    verbose: bool,  # noqa: ARG001 the base class reads it
) -> None:
    """Show the state of users' passwords, by expiry.

    PATH is the directory of a Zato server, which may be running or not. With USERNAME, only that user is
    shown. Nothing is changed.
    """
    from zato_sso_reset.cli.delivery import Stdout

    stdout = Stdout(sys.stdout)
    from logging import getLogger

    from zato_sso_reset.cli.report import execution_log
    from zato_sso_reset.server.config import ServerConfig
    from zato_sso_reset.services.passwords import utc_now

    now = utc_now()
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    with execution_log(now if store_log else None):
        server = ServerConfig.read(path, env=os.environ, stdin=sys.stdin)
        from zato_sso_reset.cli.formats import to_csv, to_json, to_table
        from zato_sso_reset.database.engine import Database
        from zato_sso_reset.services.status import password_statuses

        database = Database(server.database)
        getLogger(__name__).info("Database: %s.", database.name)
        pages = password_statuses(server, database, username=username, within=within, now=now)
        formats = {
            "table": lambda pages: to_table(pages, width, colour=has_colour(sys.stdout)),
            "json": to_json,
            "csv": to_csv,
        }
        for text in formats[output](pages):
            stdout.stream(text)
