"""`zato sso password-status`."""

import os
import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click

from zato_sso_reset.cli import options
from zato_sso_reset.cli.command import Command
from zato_sso_reset.cli.completion import complete_username
from zato_sso_reset.cli.process import collect_garbage
from zato_sso_reset.domain.users import STATES
from zato_sso_reset.host.messages import has_colour
from zato_sso_reset.text import did_you_mean, quoted


def _states(text: str) -> Sequence[str]:
    states = text.split(",") if text else []
    for state in states:
        if state not in STATES:
            near = did_you_mean(state, dict(zip(STATES, STATES, strict=True)))
            raise click.BadParameter(f"{quoted(state, 40)} is not a state. {near}".rstrip())
    return states


def _complete_states(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    given, comma, start = incomplete.rpartition(",")
    return [given + comma + state for state in STATES if state.startswith(start)]


@click.command(
    "password-status",
    cls=Command,
    exit_codes=(22, 23, 73, 74, 75, 77, 78),
    examples={
        "List all users": "{} ~/env/qs-1/server1",
        "Show one user": "{} ~/env/qs-1/server1 user1",
        "List the passwords that expire within a month, for a spreadsheet": (
            "{} ~/env/qs-1/server1 --within 30 -o csv"
        ),
        "List the names of locked users": "{} ~/env/qs-1/server1 --state locked -o names",
    },
)
@options.path_argument
@click.argument("username", type=options.username_type, required=False, shell_complete=complete_username)
@click.option(
    "--within",
    type=options.days_or_0,
    metavar="DAYS",
    help="Show only passwords that are expired, or expire within this many days. [default: all]",
)
@click.option(
    "--state",
    "states",
    type=_states,
    default="",
    metavar="STATE[,STATE]...",
    shell_complete=_complete_states,
    help=f"Show only users in one of these states: {', '.join(STATES)}. [default: all]",
)
@options.output_option("table", "json", "csv", "names")
@options.verbose_option
@options.store_log_option
def password_status(
    path: Path,
    username: str | None,
    *,
    within: int | None,
    states: Sequence[str],
    output: str,
    store_log: bool,
    verbose: bool,  # noqa: ARG001 the base class reads it
) -> None:
    """Show the state of users' passwords and accounts.

    PATH is the directory of a Zato server, which may be running or not. Users are listed by expiry; with
    USERNAME, only that user is shown. Nothing is changed.
    """
    from zato_sso_reset.cli.delivery import Stdout

    stdout = Stdout(sys.stdout)
    from logging import getLogger

    from zato_sso_reset.cli.report import NOTICE, execution_log
    from zato_sso_reset.server.config import ServerConfig
    from zato_sso_reset.services.passwords import utc_now

    now = utc_now()
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    with execution_log(now if store_log else None):
        server = ServerConfig.read(path, env=os.environ, stdin=sys.stdin)
        from zato_sso_reset.cli.formats import counted, summary, to_csv, to_json, to_names, to_table
        from zato_sso_reset.database.engine import Database
        from zato_sso_reset.services.status import password_statuses

        collect_garbage()
        database = Database(server.database)
        logger = getLogger(__name__)
        logger.info("Database: %s.", database.name)
        pages = password_statuses(server, database, username=username, within=within, states=states, now=now)
        formats = {
            "table": lambda pages: to_table(pages, width, states, colour=has_colour(sys.stdout)),
            "json": to_json,
            "csv": to_csv,
            "names": to_names,
        }
        counts = Counter[str]()
        for text in formats[output](counted(pages, counts)):
            stdout.stream(text)
        if output in {"table", "names"} and not username:
            logger.log(NOTICE, "%s", summary(counts))
