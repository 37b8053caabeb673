"""The preparation of a driver's new connections."""

from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any

from zato_sso_reset.database import watchdog

if TYPE_CHECKING:
    import sqlite3

_INSTRUCTIONS = 100_000  # of SQLite between two looks at the clock, some milliseconds; a COMMIT has fewer


def _limit_statements(connection: "sqlite3.Connection", _record: object) -> None:
    """Interrupt statements of SQLite after `TRANSACTION_TIMEOUT`: a view or a trigger may never end."""
    end = monotonic() + watchdog.TRANSACTION_TIMEOUT
    connection.set_progress_handler(lambda: monotonic() > end, _INSTRUCTIONS)


def _accept_any_text(connection: "sqlite3.Connection", _record: object) -> None:
    """Replace bytes of SQLite's texts that are not UTF-8."""
    connection.text_factory = lambda data: data.decode("utf-8", "replace")


def _accept_any_time(connection: Any, _record: object) -> None:
    """Load PostgreSQL's times that Python has no value for, such as `infinity`, as text."""
    from psycopg import DataError
    from psycopg.types.datetime import TimestampLoader

    class Loader(TimestampLoader):
        def load(self, data: Any) -> Any:
            try:
                return super().load(data)
            except DataError:
                return bytes(data).decode()

    connection.adapters.register_loader("timestamp", Loader)


def _isolate(connection: Any, _record: object) -> None:
    """Use READ COMMITTED on MySQL, unless InnoDB refuses it because the binary log holds statements."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW VARIABLES WHERE variable_name = 'binlog_format' AND value = 'STATEMENT'")
        level = "REPEATABLE READ" if cursor.fetchone() else "READ COMMITTED"
        cursor.execute(f"SET SESSION TRANSACTION ISOLATION LEVEL {level}")


ON_CONNECT: Mapping[str, Sequence[Callable[[Any, object], None]]] = {
    "sqlite": (_limit_statements, _accept_any_text),
    "postgresql": (_accept_any_time,),
    "mysql": (_isolate,),
}
