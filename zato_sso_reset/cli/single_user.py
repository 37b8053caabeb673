"""The commands that set one user's password."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from logging import getLogger
from pathlib import Path
from types import MappingProxyType

from zato_sso_reset.audit.trail import Trail
from zato_sso_reset.cli.delivery import Delivery, OutputFile, Stdout, check_not_database
from zato_sso_reset.cli.report import NOTICE, execution_log, store_arguments
from zato_sso_reset.cli.request import Request
from zato_sso_reset.domain.access import describe
from zato_sso_reset.errors import CommitRefusedError
from zato_sso_reset.services.passwords import utc_now
from zato_sso_reset.services.reset import Outcome, reset_user_password

logger = getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class SingleUserRequest(Request):
    """The arguments and options of `options.single_user`."""

    username: str
    store_config: bool
    output: str
    output_file: Path | None


def set_password(
    request: SingleUserRequest,
    trail: Trail,
    *,
    verb: str,
    formats: Mapping[str, Callable[[Outcome], str]],
    choose: Callable[[], str] | None = None,
    to_store: Mapping[str, object] = MappingProxyType({}),
) -> None:
    """Set the password that `choose` returns, or a generated one, and deliver it in one of `formats`.

    `to_store` are additional arguments for --store-config.
    """
    delivery: Delivery = OutputFile(request.output_file) if request.output_file else Stdout(sys.stdout)
    now = utc_now()
    with execution_log(now if request.store_log else None):
        if request.store_config:
            store_arguments(f"sso_{verb}_user_password", {**_given(request), **to_store}, now=now)
        server = request.read_server(trail)
        if request.output_file:
            check_not_database(request.output_file, server.database)
        try:
            outcome = reset_user_password(
                server,
                request.username,
                chosen=choose() if choose else None,
                expiry=request.expiry,
                must_change=request.must_change,
                access=request.access,
                dry_run=request.dry_run,
                deliver=lambda outcome: delivery.write_line(formats[request.output](outcome)),
            )
        except CommitRefusedError:
            delivery.withdraw()
            raise
        if not request.dry_run:
            trail.changed(request.describe_changes())
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


def _report(request: SingleUserRequest, outcome: Outcome, verb: str) -> None:
    changed = describe(outcome.changed)
    if not request.dry_run:
        logger.info("User `%s` has the new password.", request.username)
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
