"""`zato sso reset-user-passwords`."""

import os
import sys
from contextlib import ExitStack, closing, redirect_stdout, suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NoReturn

import click

from zato_sso_reset.audit.operator import user_at_host
from zato_sso_reset.cli import command, options
from zato_sso_reset.cli.audited import AuditedCommand, changes
from zato_sso_reset.cli.delivery import Result, open_standard_streams
from zato_sso_reset.cli.json_lines import Delivered, Lines, LinesFile, LinesStdout, already_there
from zato_sso_reset.cli.progress import progress_bar, so_far
from zato_sso_reset.cli.report import Report, read_server, reporting
from zato_sso_reset.cli.resume import cut, taken
from zato_sso_reset.cli.users_file import UsersFile, usernames_of
from zato_sso_reset.domain.access import AccessChanged, AccessChanges
from zato_sso_reset.errors import (
    CommitRefusedError,
    CommitUnknownError,
    FileNotMadeError,
    UserNotFoundError,
    ZatoError,
)
from zato_sso_reset.host.program import say
from zato_sso_reset.signals import signals_noted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from click._termui_impl import ProgressBar

    from zato_sso_reset.audit.trail import Audit
    from zato_sso_reset.database.engine import ODB
    from zato_sso_reset.domain.users import NewPassword
    from zato_sso_reset.services.selection import Selection, Usernames


@click.command("reset-user-passwords", cls=AuditedCommand)
@options.path_argument
@click.option(
    "--users-from",
    type=UsersFile("rb"),
    metavar="FILE",
    help="A file of usernames, one a line; `-` is stdin.",
)
@click.option("--all", "all_users", is_flag=True, help="All approved users.")
@click.option(
    "--exclude",
    type=options.username_type,
    metavar="USERNAME",
    multiple=True,
    shell_complete=options.complete_username,
    help="With --all, a user to leave out. May be given more than once.",
)
@click.option(
    "--output-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    required=True,
    help="A new file for the passwords, in JSON Lines; `-` is stdout.",
)
@options.expiry_option
@options.must_change_option
@click.option(
    "--jobs",
    type=click.IntRange(1, 1024),
    metavar="JOBS",
    help="Threads that hash. Without it, one for each core that this process may use.",
)
@click.option(
    "--skip-missing",
    is_flag=True,
    help="Leave out users that are not there, not approved, or listed twice.",
)
@click.option("--yes", is_flag=True, help="Do not ask before anything is changed.")
@click.option("--dry-run", is_flag=True, help="Look up all users, try the first, change nothing.")
@click.option(
    "--resume",
    is_flag=True,
    help="Go on with --output-file after a run that did not end.",
)
@options.unlock_option
@options.disable_totp_option
@options.revoke_access_option
@options.store_log_option
@options.verbose_option
@click.pass_obj
def reset_user_passwords(
    audit: "Audit",
    path: Path,
    *,
    users_from: BinaryIO | None,
    all_users: bool,
    exclude: tuple[str, ...],
    output_file: Path,
    expiry: int | None,
    must_change: bool | None,
    jobs: int | None,
    skip_missing: bool,
    yes: bool,
    dry_run: bool,
    resume: bool,
    unlock: bool,
    disable_totp: bool,
    revoke_access: bool,
    store_log: bool,
    verbose: bool,
) -> None:
    """Change many users' passwords to generated ones.

    PATH is the directory of a Zato server, which may be running or not. Each user gets a line of
    username, password, password_expiry and must_change, as for reset-user-password: batch by batch,
    passwords are written out before they are stored.
    """
    to_stdout = str(output_file) == "-"
    if (users_from is not None) == all_users or (exclude and users_from):
        raise click.UsageError(
            "Give either --users-from FILE, or --all with any number of --exclude USERNAME."
        )
    _check_usage(must_ask=not (yes or dry_run), resume_stdout=resume and to_stdout)
    result = Result(sys.stdout, otherwise="What there is of the last lines is void.") if to_stdout else None
    open_standard_streams(0, 1, 2)
    command.leave_no_core_dump()
    access = AccessChanges(unlock, disable_totp, revoke_access, user_at_host())
    from zato_sso_reset.database.engine import ODB
    from zato_sso_reset.services import bulk_reset as bulk
    from zato_sso_reset.services import reset

    with reporting(verbose=verbose, store_log=store_log, now=reset.utc_now()) as report, ExitStack() as stack:
        lines: Lines | None = LinesStdout(result) if result else None
        if not result and not resume and os.path.lexists(output_file):
            raise FileNotMadeError(already_there(output_file))
        server = read_server(path, report, audit)
        odb = ODB(server.database)
        report.note(f"Database: {odb.name}.")
        delivered = Delivered(reset.utc_now())
        if resume:
            lines = stack.enter_context(closing(LinesFile(output_file, resume=True)))
            delivered = taken(lines.delivered(), server, odb)
        selection = _select(odb, users_from, exclude, delivered)
        _check(selection, report, skip_missing=skip_missing)
        total = len(selection.usernames)
        users = f"{total} user(s), {selection.super_users} of them super-user(s)"
        if not total and not resume:
            raise UserNotFoundError("There is no user to reset.")
        if total and not yes and not dry_run:
            with redirect_stdout(sys.stderr):  # whatever Click writes beside the question
                click.confirm(f"Reset the passwords of {users}?", abort=True, err=True)

        change = partial(
            bulk.reset_user_passwords,
            server,
            odb,
            expiry=expiry,
            must_change=must_change,
            access=access,
            jobs=jobs or _cores(),
            skip_missing=skip_missing or all_users,
            note=report.note,
        )
        if dry_run:

            def roll_back(*_: object) -> NoReturn:
                raise reset.DryRun

            with suppress(reset.DryRun):
                change(islice(selection.usernames, 1), deliver=roll_back, done=bool, stop=bool)
            say(f"Would reset the passwords of {users}. Nothing was changed.")
            return
        if isinstance(lines, LinesFile):
            cut(lines, delivered, report)
        lines = lines or stack.enter_context(closing(LinesFile(output_file, resume=False)))
        stack.callback(lines.warn_of_readers, report)
        tell = partial(audit.changed, changes(must_change=must_change, access=access))
        changed = _run(change, selection.usernames, lines, report, tell)
        report.tell_beside(changed.describe(access))


def _check_usage(*, must_ask: bool, resume_stdout: bool) -> None:
    if resume_stdout:
        raise click.UsageError("--resume goes on with a file, and --output-file is stdout.")
    if must_ask and not (sys.stdin and sys.stdin.isatty()):
        raise click.UsageError("There is no terminal to ask on. Add --yes.")


def _run(
    change: "Callable[..., None]",
    usernames: "Usernames",
    lines: Lines,
    report: Report,
    tell: "Callable[..., None]",
) -> AccessChanged:
    """Reset them, tell the audit trail of each, and all of how far that went."""
    batch: Sequence[NewPassword] = ()
    changed = changed_in_all = AccessChanged()

    def deliver(new: "Sequence[NewPassword]", beside: AccessChanged) -> None:
        nonlocal batch, changed
        lines.write(new)
        batch, changed = new, beside

    def done(count: int) -> None:
        nonlocal batch, changed, changed_in_all
        for new in batch:
            tell(new.user.username)
        changed_in_all += changed
        batch, changed = (), AccessChanged()
        bar.update(count)

    with progress_bar(len(usernames)) as bar, signals_noted() as stopped:
        try:
            change(usernames, deliver=deliver, done=done, stop=stopped)
        except ZatoError as error:
            if isinstance(error, CommitUnknownError):
                for new in batch:
                    tell(new.user.username, outcome="unknown")
            raise _explained(error, lines, bar) from None
        number = stopped()
    if number and bar.pos < len(usernames):
        message = f"Stopped. {so_far(bar)} {lines.how_to_go_on}"
        report.error(message)
        raise command.Failure(message, 128 + number)
    if left_out := bar.pos - lines.total:
        report.warn(f"{left_out} user(s) went meanwhile, or are not approved any more. They are left out.")
    report.note(so_far(bar))
    say(f"Reset the passwords of {lines.total} user(s).")
    return changed_in_all


def _cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _select(
    odb: "ODB", users_from: BinaryIO | None, exclude: tuple[str, ...], delivered: Delivered
) -> "Selection":
    from zato_sso_reset.services.selection import select_all, select_listed

    if users_from:
        return select_listed(odb, usernames_of(users_from), delivered.usernames)
    return select_all(odb, exclude, delivered.usernames)


def _check(selection: "Selection", report: Report, *, skip_missing: bool) -> None:
    """See that all users can be reset, or are to be left out."""
    if selection.problems:
        problems = selection.describe_problems()
        if not skip_missing:
            raise UserNotFoundError(f"{problems}. Correct the list, or add --skip-missing.")
        report.warn(f"{problems}. They are left out; a user who is there twice is reset once.")


def _explained(error: ZatoError, lines: Lines, bar: "ProgressBar[int]") -> ZatoError:
    """Return an error that tells what became of the batch at hand, and how to go on."""
    message = str(error)
    if isinstance(error, CommitRefusedError):
        lines.take_back()
        message = (
            f"The database refused the commit of {lines.count} user(s): their old passwords stay, and "
            f"their lines {lines.if_refused}."
        )
    if isinstance(error, CommitUnknownError):
        message = f"It is unknown whether the passwords of the last {lines.count} user(s) were stored."
    elif not bar.pos:
        return type(error)(message)
    return type(error)(f"{message} So far, {so_far(bar)} {lines.how_to_go_on}")
