"""`zato sso password-status`."""

import shutil
import sys
from pathlib import Path

import click

from zato_sso_reset.cli import command, options
from zato_sso_reset.cli.delivery import Result
from zato_sso_reset.cli.report import read_server, reporting


@click.command("password-status", cls=command.Command)
@options.path_argument
@click.argument(
    "username", type=options.username_type, required=False, shell_complete=options.complete_username
)
@click.option(
    "--within",
    type=options.days_or_0,
    metavar="DAYS",
    help="Only passwords that are expired, or expire within so many days.",
)
@options.output_option("table", "json", "csv")
@options.store_log_option
@options.verbose_option
def password_status(
    path: Path,
    username: str | None,
    *,
    within: int | None,
    output: str,
    store_log: bool,
    verbose: bool,
) -> None:
    """Show the state of users' passwords, by expiry.

    PATH is the directory of a Zato server, which may be running or not. With USERNAME, it tells of that
    user alone. Nothing is changed.
    """
    result = Result(sys.stdout, otherwise="Run the command again.")
    command.leave_no_core_dump()
    from zato_sso_reset.cli import formats
    from zato_sso_reset.database.engine import ODB
    from zato_sso_reset.services.reset import utc_now
    from zato_sso_reset.services.status import password_statuses

    now = utc_now()
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    with reporting(verbose=verbose, store_log=store_log, now=now) as report:
        server = read_server(path, report)
        odb = ODB(server.database)
        report.note(f"Database: {odb.name}.")
        pages = password_statuses(server, odb, username=username, within=within, now=now)
        if output == "json":
            texts = formats.to_json(pages)
        elif output == "csv":
            texts = formats.to_csv(pages)
        else:
            texts = formats.to_table(pages, width)
        for text in texts:
            result.stream(text)
