"""Where a run of many resets that did not end is gone on with."""

from functools import partial
from typing import TYPE_CHECKING

from zato_sso_reset.cli.json_lines import Delivered, LinesFile
from zato_sso_reset.cli.report import Report
from zato_sso_reset.errors import ConfigError, printable

if TYPE_CHECKING:
    from zato_sso_reset.database.engine import ODB
    from zato_sso_reset.server.config import ServerConfig


def taken(delivered: Delivered, server: "ServerConfig", odb: "ODB") -> Delivered:
    """Leave out a last batch that the database did not take."""
    from zato_sso_reset.services.bulk_reset import took_place

    last, previous = delivered.last, delivered.previous
    stored = partial(took_place, server, odb, written_at=delivered.written_at)
    if not last.passwords or stored(last.passwords):
        return delivered
    if previous.passwords and not stored(previous.passwords):
        raise ConfigError(
            "The last passwords of --output-file are not this server's. Give the PATH of theirs."
        )
    left = delivered.usernames - last.passwords.keys()
    return Delivered(delivered.written_at, left, end=last.offset, void=len(last.passwords))


def cut(lines: LinesFile, delivered: Delivered, report: Report) -> None:
    """Cut off what the database did not take; where that is all there is, it is kept beside the file."""
    if delivered.void:
        kept = ""
        if not delivered.usernames:  # nothing shows that the file is not another server's
            kept = f" They are kept in `{printable(str(lines.keep()))}`."
        report.warn(f"The last {delivered.void} line(s) were never stored, and are replaced.{kept}")
    lines.cut(delivered.end)
