"""The command that resets many users' passwords."""

import gc
import json
import os
import sys
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import ExitStack, closing, redirect_stdout
from dataclasses import dataclass, field
from itertools import islice
from logging import getLogger
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from zato_sso_reset.audit.trail import Trail
from zato_sso_reset.cli.delivery import Delivery, Stdout, check_not_database
from zato_sso_reset.cli.json_lines import JsonLinesFile, check_new
from zato_sso_reset.cli.progress import progress_bar
from zato_sso_reset.cli.report import NOTICE, execution_log
from zato_sso_reset.cli.request import Request
from zato_sso_reset.cli.users_file import read_usernames
from zato_sso_reset.domain.access import describe
from zato_sso_reset.domain.users import NewPassword
from zato_sso_reset.errors import CommitRefusedError, CommitUnknownError, UserNotFoundError, ZatoError
from zato_sso_reset.server.config import ServerConfig
from zato_sso_reset.services.commit import rolled_back_on_error
from zato_sso_reset.services.passwords import utc_now
from zato_sso_reset.signals import deferred_signals
from zato_sso_reset.text import quoted

if TYPE_CHECKING:
    from zato_sso_reset.database.engine import Database
    from zato_sso_reset.services.bulk_reset import Batch
    from zato_sso_reset.services.resume import Delivered
    from zato_sso_reset.services.selection import Selection

logger = getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class BulkRequest(Request):
    """The arguments and options of the command."""

    users_from: BinaryIO | None
    all_users: bool
    exclude: tuple[str, ...]
    output_file: Path
    jobs: int | None
    skip_missing: bool
    yes: bool
    no_progress: bool
    resume: bool

    @property
    def to_stdout(self) -> bool:
        """Whether the passwords go to stdout."""
        return str(self.output_file) == "-"

    @property
    def reset_options(self) -> dict[str, Any]:
        """The options of the service; by default, each core that this process may use has a job."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return {
            "expiry": self.expiry,
            "must_change": self.must_change,
            "access": self.access,
            "jobs": self.jobs or cores,
            "skip_missing": self.skip_missing or self.all_users,
            "dry_run": self.dry_run,
        }

    @property
    def how_to_continue(self) -> str:
        """The hint for an interrupted run."""
        return f"Run the command again {'for the other users' if self.to_stdout else 'with --resume'}."

    def check_usage(self) -> None:
        """Raise UsageError if the options do not go together."""
        if (self.users_from is not None) == self.all_users or (self.exclude and self.users_from):
            message = "Use either --users-from FILE, or --all with any number of --exclude USERNAME."
            raise click.UsageError(message)
        if self.resume and self.to_stdout:
            raise click.UsageError("--resume continues a file, but --output-file is stdout.")
        if not (self.yes or self.dry_run or (sys.stdin and sys.stdin.isatty())):
            raise click.UsageError("There is no terminal to ask on. Add --yes.")


@dataclass
class Tally:
    """The number of users reset so far, of those that no longer existed, and the other changes."""

    total: int
    reset: int = 0
    missing: int = 0
    changed: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        return f"{self.done} of {self.total} users are done."

    @property
    def done(self) -> int:
        """The number of users that a --resume need not look at."""
        return self.reset + self.missing

    def add(self, batch: "Batch") -> None:
        """Count a batch."""
        self.reset += len(batch.new)
        self.missing += batch.missing
        self.changed.update(batch.changed)


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

        gc.freeze()
        gc.enable()  # unlike a single reset, this takes long enough to need it
        database = Database(server.database)
        logger.info("Database: %s.", database.name)
        delivered = Delivered(utc_now())
        if request.resume:
            file = stack.enter_context(closing(JsonLinesFile(request.output_file, resume=True)))
            delivered = without_void_lines(file.read(), server, database)
        with rolled_back_on_error():
            selection = _select(request, database, delivered.usernames)
        users = f"{selection.total} user(s), {selection.super_users} of them super-user(s)"
        if request.dry_run:
            options = {"deliver": lambda _: None, "stop": lambda: False, **request.reset_options}
            list(reset_user_passwords(server, database, islice(selection.usernames(), 1), **options))
            logger.log(NOTICE, "Would reset the passwords of %s. Nothing was changed.", users)
            return
        if selection.total and not request.yes:
            with redirect_stdout(sys.stderr):  # Click writes more than the question
                click.confirm(f"Reset the passwords of {users}?", abort=True, err=True)
        delivery: Delivery
        if stdout:
            delivery = stdout
        elif request.resume:
            _cut_void_lines(file, delivered)
            delivery = file
        else:
            delivery = stack.enter_context(closing(JsonLinesFile(request.output_file, resume=False)))
        stack.callback(delivery.warn_of_readers)
        _reset(
            request, trail, server, database, selection=selection, delivery=delivery, earlier=delivered.marks
        )


def _select(request: BulkRequest, database: "Database", already_reset: Collection[str]) -> "Selection":
    from zato_sso_reset.services.selection import select_all, select_listed

    if request.users_from:
        selection = select_listed(database, read_usernames(request.users_from), already_reset)
    else:
        selection = select_all(database, request.exclude, already_reset)
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
        copied = "" if delivered.usernames else f" They are kept in {quoted(file.copy())}."
        logger.warning("The last %s line(s) were never stored, and are replaced.%s", delivered.void, copied)
    file.cut(delivered.end)


def _reset(
    request: BulkRequest,
    trail: Trail,
    server: ServerConfig,
    database: "Database",
    *,
    selection: "Selection",
    delivery: Delivery,
    earlier: Sequence[str],
) -> None:
    """Reset users batch by batch, and record each in the audit trail."""
    from zato_sso_reset.services.bulk_reset import reset_user_passwords

    changes = request.describe_changes()
    tally = Tally(selection.total)

    def deliver(new: Sequence[NewPassword]) -> None:
        delivery.write_line("\n".join(json.dumps(each.record()) for each in new))

    hidden = request.no_progress or request.verbose
    with progress_bar(tally.total, hidden=hidden) as advance, deferred_signals() as signals:
        try:
            options = {"deliver": deliver, "stop": lambda: bool(signals), **request.reset_options}
            for batch in reset_user_passwords(
                server, database, selection.usernames(), earlier=earlier, **options
            ):
                for new in batch.new:
                    trail.changed(changes, new.user.username)
                tally.add(batch)
                logger.info("%s", tally)
                advance(len(batch.new) + batch.missing)
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
            if tally.done:
                error.hint = f"{error.hint} {tally} {request.how_to_continue}".lstrip()
            raise
    if signals and tally.done < tally.total:
        stopped = ZatoError(f"Stopped. {tally}", request.how_to_continue)
        stopped.exit_code = 128 + signals[-1]
        raise stopped
    _report(tally)


def _report(tally: Tally) -> None:
    if tally.missing:
        message = "%s user(s) no longer exist or are no longer approved. They were left out."
        logger.warning(message, tally.missing)
    logger.log(NOTICE, "Reset the passwords of %s user(s).", tally.reset)
    if changed := describe(tally.changed):
        logger.log(NOTICE, "Also changed: %s.", changed)
