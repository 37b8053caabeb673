"""What the commands that set one user's password share."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from zato_sso_reset.audit.operator import user_at_host
from zato_sso_reset.cli import command
from zato_sso_reset.cli.audited import changes
from zato_sso_reset.cli.delivery import Result, ResultFile
from zato_sso_reset.cli.report import Report, read_server, reporting, store_arguments
from zato_sso_reset.domain.access import AccessChanges
from zato_sso_reset.errors import CommitRefusedError, FileNotMadeError

if TYPE_CHECKING:
    from zato_sso_reset.audit.trail import Audit
    from zato_sso_reset.services.reset import Outcome


@dataclass(frozen=True)
class Request:
    """What was asked for on the command line, under the names of `options.one_user`."""

    path: Path
    username: str
    store_log: bool
    verbose: bool
    store_config: bool
    expiry: int | None
    must_change: bool | None
    output: str
    output_file: Path | None
    dry_run: bool
    unlock: bool
    disable_totp: bool
    revoke_access: bool

    @property
    def access(self) -> AccessChanges:
        """What to change beside the password."""
        return AccessChanges(self.unlock, self.disable_totp, self.revoke_access, user_at_host())


def set_password(
    request: Request,
    audit: "Audit",
    *,
    verb: str,
    formats: Mapping[str, Callable[["Outcome"], str]],
    choose: Callable[[Report], str] | None = None,
    to_store: Mapping[str, object] = MappingProxyType({}),
) -> None:
    """Set the password that `choose` returns, or a generated one, and deliver it in one of `formats`.

    `to_store` is what --store-config keeps beside the request.
    """
    result: Result | ResultFile
    if request.output_file is None:
        result = Result(sys.stdout, otherwise="Nothing was changed.")
    else:
        result = ResultFile(request.output_file)
    command.leave_no_core_dump()
    # Imported after stdout was seen to: from here on, files are opened.
    from zato_sso_reset.services import reset

    now = reset.utc_now()
    outcome: Outcome

    def deliver(delivered: "Outcome") -> None:
        nonlocal outcome
        outcome = delivered
        if request.dry_run:
            raise reset.DryRun
        result.write_line(formats[request.output](outcome))

    with reporting(verbose=request.verbose, store_log=request.store_log, now=now) as report:
        if request.store_config:
            store_arguments(f"sso_{verb}_user_password", {**_given(request), **to_store}, now=now)
        server = read_server(request.path, report, audit)
        try:
            reset.reset_user_password(
                server,
                request.username,
                chosen=choose(report) if choose else None,
                expiry=request.expiry,
                must_change=request.must_change,
                access=request.access,
                deliver=deliver,
                note=report.note,
            )
        except reset.DryRun:
            what = f"{verb} the password of user `{request.username}`: {_describe(outcome)}"
            report.tell(f"Would {what} Nothing was changed.")
        except CommitRefusedError:
            result.take_back()
            raise
        else:
            audit.changed(changes(must_change=request.must_change, access=request.access))
            report.note(f"User `{request.username}` has the new password.")
            if not choose:
                result.warn_of_readers(report)
        report.tell_beside(outcome.changed.describe(request.access), dry_run=request.dry_run)
        for warning in outcome.warnings:
            report.warn(warning)


def _describe(outcome: "Outcome") -> str:
    record = outcome.new.record()
    must_change = "must be changed" if record["must_change"] else "need not be changed"
    return f"it expires at {record['password_expiry']}, and {must_change} at the next login."


def as_json(outcome: "Outcome", *, with_password: bool = True) -> str:
    """Return an outcome as an object."""
    record = {**outcome.new.record(), "is_locked": outcome.is_locked, "warnings": list(outcome.warnings)}
    if not with_password:
        del record["password"]
    return json.dumps(record)


def _given(request: Request) -> dict[str, object]:
    """Return the arguments that were given."""
    given: dict[str, object] = {}
    for name, value in asdict(request).items():
        if isinstance(value, Path):
            given[name] = _absolute(value)
        elif name == "must_change" or (value is not False and (name, value) != ("output", "text")):
            given[name] = value
    return given


def _absolute(path: Path) -> Path:
    try:
        return path.absolute()
    except OSError as error:
        raise FileNotMadeError(f"The current directory can't be told: {error.strerror}.") from None
