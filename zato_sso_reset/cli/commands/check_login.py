"""`zato sso check-login`."""

import os
import sys
from ipaddress import ip_address
from pathlib import Path

import click

from zato_sso_reset.cli import options
from zato_sso_reset.cli.command import Command
from zato_sso_reset.cli.completion import complete_app, complete_username

REFUSED = 24  # exit code


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise click.BadParameter("It is not an IP address.") from None


@click.command(
    "check-login",
    cls=Command,
    exit_codes=(REFUSED, 23, 73, 74, 75, 77, 78),
    examples={
        "Find out what keeps a user out": "{} ~/env/qs-1/server1 user1",
        "Check a login to a certain application": "{} ~/env/qs-1/server1 user1 --app CRM",
        "Get the verdict for a program": "{} ~/env/qs-1/server1 user1 -o json",
    },
)
@options.path_argument
@click.argument("username", type=options.username_type, shell_complete=complete_username)
@click.option(
    "--app",
    metavar="APP",
    shell_complete=complete_app,
    help="The application to log in to. [default: the server's [apps] default]",
)
@click.option(
    "--address", type=_address, metavar="IP", help="The address of the user, if the client sends it."
)
@click.option("--password-stdin", is_flag=True, help="Check the password on the next line of stdin.")
@click.option("--totp-code-stdin", is_flag=True, help="Check the TOTP code on the next line of stdin.")
@options.output_option("text", "json")
@options.verbose_option
@options.store_log_option
def check_login(
    path: Path,
    username: str,
    *,
    app: str | None,
    address: str | None,
    password_stdin: bool,
    totp_code_stdin: bool,
    output: str,
    store_log: bool,
    verbose: bool,  # noqa: ARG001 the base class reads it
) -> None:
    """Check whether the server would let a user log in, and if not, why.

    PATH is the directory of a Zato server, which may be running or not. Each gate of a login is shown as
    open, closed or unknown, in the order in which a server checks them; the first closed one determines the
    answer to the client. Nothing is changed, and nobody is logged in.
    """
    from zato_sso_reset.cli.delivery import Stdout

    stdout = Stdout(sys.stdout)
    from logging import getLogger

    from zato_sso_reset.cli.report import execution_log
    from zato_sso_reset.cli.verdict import Verdict
    from zato_sso_reset.server.config import ServerConfig
    from zato_sso_reset.services.passwords import utc_now

    with execution_log(utc_now() if store_log else None):
        server = ServerConfig.read(path, env=os.environ, stdin=sys.stdin)
        from zato_sso_reset.database.engine import Database
        from zato_sso_reset.services.check import Input
        from zato_sso_reset.services.check import check_login as gates_of

        given = Input(
            app=app,
            password=options.read_line(sys.stdin) if password_stdin else None,
            totp_code=options.read_line(sys.stdin) if totp_code_stdin else None,
            sends_metadata=True if address else None,
        )
        database = Database(server.database)
        getLogger(__name__).info("Database: %s.", database.name)
        verdict = Verdict(username, gates_of(server, database, username, given))
        stdout.stream(verdict.as_json() if output == "json" else verdict.as_text())
    if verdict.closed:
        raise click.exceptions.Exit(REFUSED)
