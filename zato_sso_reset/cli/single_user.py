"""The commands that set one user's password."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from logging import getLogger
from pathlib import Path
from types import MappingProxyType

from zato_sso_reset.audit.trail import Trail
from zato_sso_reset.cli.delivery import Delivery, OutputFile, Stdout, check_not_database
from zato_sso_reset.cli.report import NOTICE, execution_log, store_arguments
from zato_sso_reset.cli.request import Request
from zato_sso_reset.domain.access import describe
from zato_sso_reset.errors import CommitRefusedError, CommitUnknownError
from zato_sso_reset.server.config import ServerConfig
from zato_sso_reset.services.passwords import utc_now
from zato_sso_reset.services.reset import Outcome, reset_user_password
from zato_sso_reset.signals import ignore_signals
from zato_sso_reset.text import quoted

logger = getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class SingleUserRequest(Request):
    """The arguments and options of `options.single_user`."""

    username: str
    store_config: bool
    output: str
    output_file: Path | None
    deliver_to: str | None = None


def set_password(
    request: SingleUserRequest,
    trail: Trail,
    *,
    verb: str,
    formats: Mapping[str, Callable[[Outcome], str]],
    choose: Callable[[ServerConfig], str] | None = None,
    to_store: Mapping[str, object] = MappingProxyType({}),
) -> None:
    """Set the password that `choose` returns, or a generated one, and deliver it in one of `formats`.

    `to_store` are additional arguments for --store-config.
    """
    delivery = _delivery(request)

    def deliver(outcome: Outcome) -> None:
        line = formats[request.output](outcome)
        if request.deliver_to:  # until the program has ended, a signal ends it and this process
            delivery.write_line(line)
            ignore_signals()
            trail.delivered = "program"
        else:
            ignore_signals()
            delivery.write_line(line)

    now = utc_now()
    with execution_log(now if request.store_log else None):
        if request.store_config:
            store_arguments(f"sso_{verb}_user_password", {**_given(request), **to_store}, now=now)
        server = request.read_server(trail)
        if request.output_file:
            check_not_database(request.output_file, server.database)
        with _withdrawn_if_refused(delivery, to_program=request.deliver_to is not None):
            outcome = reset_user_password(
                server,
                request.username,
                chosen=choose(server) if choose else None,
                expiry=request.expiry,
                must_change=request.must_change,
                access=request.access,
                dry_run=request.dry_run,
                deliver=deliver,
            )
        if not request.dry_run:
            trail.changed(request.describe_changes())
        elif request.output == "json":
            Stdout(sys.stdout).write_line(outcome_as_json(outcome, with_password=False))
        _report(request, outcome, verb)
        if not (choose or request.dry_run):
            delivery.warn_of_readers()
        for warning in outcome.warnings:
            logger.warning("%s", warning)


def outcome_as_json(outcome: Outcome, *, with_password: bool = True) -> str:
    """Return an outcome as a JSON object."""
    record = {**outcome.new.record(), "is_locked": outcome.is_locked, "warnings": list(outcome.warnings)}
    if not with_password:
        del record["password"]
    return json.dumps(record)


def _delivery(request: SingleUserRequest) -> Delivery:
    if request.deliver_to:
        from zato_sso_reset.cli.deliver_to import Program

        return Program(request.deliver_to, request.username)
    return OutputFile(request.output_file) if request.output_file else Stdout(sys.stdout)


@contextmanager
def _withdrawn_if_refused(delivery: Delivery, *, to_program: bool) -> Iterator[None]:
    """Withdraw a line whose commit was refused; say what becomes of what a program has read."""
    try:
        yield
    except CommitRefusedError as error:
        delivery.withdraw()
        if to_program:
            error.hint = "Discard what the program of --deliver-to took, and run the command again."
        raise
    except CommitUnknownError as error:
        if to_program:
            error.hint = "Run the command again: what the program of --deliver-to then takes counts."
        raise


def _report(request: SingleUserRequest, outcome: Outcome, verb: str) -> None:
    changed = describe(outcome.changed)
    if not request.dry_run:
        logger.info("User `%s` has the new password.", request.username)
        if request.output_file:
            logger.log(NOTICE, "The result is in %s.", quoted(request.output_file))
        if changed:
            logger.log(NOTICE, "Also changed: %s.", changed)
        return
    record = outcome.new.record()
    logger.log(
        NOTICE,
        "Would %s the password of user `%s`: it expires at %s, and %s be changed at the next login. "
        "Nothing was changed.",
        verb,
        request.username,
        record["password_expiry"],
        "must" if record["must_change"] else "need not",
    )
    if changed:
        logger.log(NOTICE, "Would also change: %s.", changed)


def _given(request: SingleUserRequest) -> dict[str, object]:
    """Return the arguments that were given."""
    return {
        name: value
        for name, value in asdict(request).items()
        if name == "must_change" or (value is not False and (name, value) != ("output", "text"))
    }
