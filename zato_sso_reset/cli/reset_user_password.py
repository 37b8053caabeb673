"""`zato sso reset-user-password`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zato_sso_reset.cli import command, options
from zato_sso_reset.cli.audited import AuditedCommand, changes
from zato_sso_reset.cli.output import read_server, reporting, store_arguments
from zato_sso_reset.cli.result import Result
from zato_sso_reset.errors import FileNotMadeError

if TYPE_CHECKING:
    from zato_sso_reset.audit import Audit


@click.command("reset-user-password", cls=AuditedCommand)
@options.path_argument
@options.username_argument
@options.store_log_option
@options.verbose_option
@options.store_config_option
@options.expiry_option
@options.must_change_option
@click.pass_obj
def reset_user_password(
    audit: "Audit",
    path: Path,
    username: str,
    *,
    store_log: bool,
    verbose: bool,
    store_config: bool,
    expiry: int | None,
    must_change: bool | None,
) -> None:
    """Change a user's password to a generated one.

    PATH is the directory of a Zato server, which may be running or not. The password of USERNAME is
    replaced by one of 192 random bits, which is printed to stdout once and can't be had again.
    """
    result = Result(sys.stdout, otherwise="Nothing was changed.")
    command.leave_no_core_dump()
    # Imported after stdout was seen to: from here on, files are opened.
    from zato_sso_reset import reset

    now = reset.utc_now()
    with reporting(verbose=verbose, store_log=store_log, now=now) as report:
        if store_config:
            flags = {"store_log": store_log, "verbose": verbose, "store_config": store_config}
            arguments: dict[str, object] = {"path": _absolute(path), "username": username}
            arguments |= {"expiry": expiry, "must_change": must_change}
            arguments |= {name: True for name, given in flags.items() if given}
            store_arguments("sso_reset_user_password", arguments, now=now)
        server = read_server(path, report, audit)
        reset.reset_user_password(
            server,
            username,
            expiry=expiry,
            must_change=must_change,
            deliver=lambda new: result.write_line(
                f"Password for user `{username}` reset to `{new.password}`"
            ),
            note=report.note,
        )
        audit.changed(changes(must_change=must_change))
        report.note(f"The password of user `{username}` was reset.")
        result.warn_of_readers(report)


def _absolute(path: Path) -> Path:
    try:
        return path.absolute()
    except OSError as error:
        raise FileNotMadeError(f"The current directory can't be told: {error.strerror}.") from None
