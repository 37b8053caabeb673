"""The command that resets many users' passwords."""

import json
import sys
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack, closing, redirect_stdout
from itertools import islice
from logging import getLogger
from typing import TYPE_CHECKING

import click

from zato_sso_reset.audit.trail import Trail
from zato_sso_reset.cli.bulk_request import BulkRequest
from zato_sso_reset.cli.delivery import Delivery, Stdout, check_not_database
from zato_sso_reset.cli.json_lines import JsonLinesFile, check_new
from zato_sso_reset.cli.process import collect_garbage
from zato_sso_reset.cli.progress import Progress, Tally
from zato_sso_reset.cli.report import NOTICE, execution_log
from zato_sso_reset.cli.users_file import read_usernames
from zato_sso_reset.domain.access import describe
from zato_sso_reset.domain.users import NewPassword
from zato_sso_reset.errors import (
    CommitRefusedError,
    CommitUnknownError,
    OutputError,
    UserNotFoundError,
    ZatoError,
)
from zato_sso_reset.server.config import ServerConfig
from zato_sso_reset.services.commit import rolled_back_on_error
from zato_sso_reset.services.passwords import utc_now
from zato_sso_reset.signals import deferred_signals
from zato_sso_reset.text import plural, quoted

if TYPE_CHECKING:
    from zato_sso_reset.database.engine import Database
    from zato_sso_reset.services.resume import Delivered
    from zato_sso_reset.services.selection import Selection

logger = getLogger(__name__)


def reset_passwords(request: BulkRequest, trail: Trail) -> None:
    """Reset the requested users' passwords.

    After a ZatoError, the current batch is unchanged, unless it is a `CommitUnknownError`.
    """
    request.check_usage()
    stdout = Stdout(sys.stdout) if request.to_stdout else None
    with execution_log(utc_now() if request.store_log else None), ExitStack() as stack:
        if not (request.resume or stdout):
            check_new(request.output_file)
        server = request.read_server(trail)
        if not stdout:
            check_not_database(request.output_file, server.database)
        from zato_sso_reset.database.engine import Database
        from zato_sso_reset.services.bulk_reset import reset_user_passwords
        from zato_sso_reset.services.resume import Delivered, without_void_lines

        collect_garbage()
        database = Database(server.database)
        logger.info("Database: %s.", database.name)
        delivered = Delivered(utc_now())
        if request.resume:
            file = stack.enter_context(closing(JsonLinesFile(request.output_file, resume=True)))
            delivered = without_void_lines(
                file.read(is_record=request.deliver_to is not None), server, database
            )
        with rolled_back_on_error():
            selection = _select(request, server, database, delivered.usernames)
        super_users = plural(selection.super_users, "super-user", "super-users")
        users = f"{plural(selection.total, 'user', 'users')} ({super_users})"
        if request.dry_run:
            options = {"deliver": lambda _: None, "stop": lambda: False, **request.reset_options}
            list(reset_user_passwords(server, database, islice(selection.usernames(), 1), **options))
            for username in selection.usernames():
                logger.info("Would reset the password of %s.", quoted(username))
            logger.log(NOTICE, "Would reset the passwords of %s. Nothing was changed.", users)
            _warn(selection)
            return
        if selection.total and not request.yes:
            earlier = plural(len(delivered.usernames), "user was", "users were")
            before = f"{earlier} reset earlier. " if delivered.usernames else ""
            _confirm(f"{before}Reset the passwords of {users}?")
        delivery: Delivery
        if stdout:
            delivery = stdout
        elif request.resume:
            _cut_void_lines(file, delivered)
            delivery = file
        else:
            delivery = stack.enter_context(closing(JsonLinesFile(request.output_file, resume=False)))
        stack.callback(delivery.warn_of_readers)
        _reset(request, trail, server, database, selection=selection, delivery=delivery, delivered=delivered)


def _select(
    request: BulkRequest, server: ServerConfig, database: "Database", already_reset: Collection[str]
) -> "Selection":
    from zato_sso_reset.services.selection import closed_gates, select_all, select_listed

    closed = closed_gates(
        server,
        database,
        expiry=request.expiry,
        must_change=request.must_change,
        access=request.access,
    )
    if request.users_from:
        selection = select_listed(database, read_usernames(request.users_from), closed, already_reset)
    else:
        selection = select_all(database, request.exclude, closed, already_reset)
    if selection.problems:
        problems = selection.describe_problems()
        if request.users_from and not request.skip_missing:
            raise UserNotFoundError(f"{problems}.", "Correct the list, or add --skip-missing.")
        logger.warning("%s. They are left out; a user listed more than once is reset once.", problems)
    if not (selection.total or request.resume):
        raise UserNotFoundError("There is no user to reset.")
    return selection


def _cut_void_lines(file: JsonLinesFile, delivered: "Delivered") -> None:
    """Cut off lines that were not stored; copy them if nothing shows that the file is this server's."""
    if delivered.void:
        where = "that the program may have" if delivered.is_record else "at the end of the file"
        void = plural(delivered.void, f"password {where} was", f"passwords {where} were")
        copied = "" if delivered.usernames else f" The lines are kept in {quoted(file.copy())}."
        logger.warning("%s not committed, and will be replaced.%s", void, copied)
    file.cut(delivered.end)


def _deliverer(
    request: BulkRequest, trail: Trail, delivery: Delivery
) -> Callable[[Sequence[NewPassword]], None]:
    """Return a function that delivers a batch, to a program and as a record if one is requested."""
    if not request.deliver_to:
        return lambda new: delivery.write_line(_lines(new))
    from zato_sso_reset.cli.deliver_to import Program

    program = Program(request.deliver_to)

    def deliver(new: Sequence[NewPassword]) -> None:
        # The record comes first: after a crash, it shows which passwords the program may have.
        delivery.write_line(_lines(new, with_passwords=False))
        program.write_line(_lines(new))
        trail.delivered = "program"

    return deliver


def _lines(new: Sequence[NewPassword], *, with_passwords: bool = True) -> str:
    return "\n".join(json.dumps(each.record(with_password=with_passwords)) for each in new)


def _reset(
    request: BulkRequest,
    trail: Trail,
    server: ServerConfig,
    database: "Database",
    *,
    selection: "Selection",
    delivery: Delivery,
    delivered: "Delivered",
) -> None:
    """Reset users batch by batch, and record each in the audit trail."""
    from zato_sso_reset.services.bulk_reset import reset_user_passwords

    changes = request.describe_changes()
    tally = Tally(selection.total)
    deliver = _deliverer(request, trail, delivery)
    progress = Progress(tally.total, hidden=request.no_progress or request.verbose)
    with closing(progress), deferred_signals(progress.stop) as signals:
        try:
            options = {
                "earlier": delivered.marks,
                "stop": lambda: bool(signals),
                "hashed": progress.advance,
                **request.reset_options,
            }
            for batch in reset_user_passwords(
                server, database, selection.usernames(), deliver=deliver, **options
            ):
                for new in batch.new:
                    trail.changed(changes, new.user.username)
                tally.add(batch)
                logger.info("%s", tally)
        except CommitRefusedError as error:
            delivery.withdraw()
            error.hint = f"{tally} {request.how_to_continue}"
            raise
        except CommitUnknownError as error:
            for username in error.usernames:
                trail.changed(changes, username, outcome="unknown")
            error.hint = f"{tally} {request.how_to_continue}"
            raise
        except ZatoError as error:
            if isinstance(error, OutputError):
                delivery.withdraw()
            if tally.done:
                error.hint = f"{error.hint} {tally} {request.how_to_continue}".lstrip()
            raise
    if signals and tally.done < tally.total:
        stopped = ZatoError(f"Stopped. {tally}", request.how_to_continue)
        stopped.exit_code = 128 + signals[-1]
        raise stopped
    _report(request, tally, earlier=len(delivered.usernames))
    _warn(selection)


def _confirm(question: str) -> None:
    try:
        with redirect_stdout(sys.stderr):  # Click writes more than the question
            click.confirm(question, abort=True, err=True)
    except click.Abort as abort:
        abort.args = ("Nothing was changed.",)
        raise


def _report(request: BulkRequest, tally: Tally, *, earlier: int) -> None:
    if tally.missing:
        users = plural(tally.missing, "user was", "users were")
        logger.warning("%s left out, because they no longer exist or are no longer approved.", users)
    file = quoted(request.output_file)
    where = f" The passwords are in {file}: hand them out, then remove the file."
    if request.deliver_to:
        where = f" The record without passwords is in {file}."
    before = f" ({earlier} earlier)" if earlier else ""
    end = "" if request.to_stdout else where
    logger.log(NOTICE, "Done: %s reset%s.%s", plural(tally.reset, "password", "passwords"), before, end)
    if changed := describe(tally.changed):
        logger.log(NOTICE, "Also changed: %s.", changed)


def _warn(selection: "Selection") -> None:
    for warning in selection.closed.warnings():
        logger.warning("%s", warning)
