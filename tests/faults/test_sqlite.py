"""Row 35: statements on SQLite that never end."""

import time
from collections.abc import Callable

import pytest

from tests.faults.conftest import Refuse, assert_old
from tests.support.servers import Server
from zato_sso_reset.database import watchdog

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"


def endless_view(server: Server) -> None:
    """Replace the table of sessions, which a reset counts, with a view."""
    server.database.run("DROP TABLE zato_sso_session")
    server.database.run(
        "CREATE VIEW zato_sso_session AS "
        f"SELECT 'x' ust, 1 user_id, '2036-01-01' expiration_time WHERE ({ENDLESS})"
    )


def endless_trigger(server: Server) -> None:
    """Add a trigger that an UPDATE of a user fires."""
    server.database.run("CREATE TABLE counted (n INTEGER)")
    server.database.run(
        "CREATE TRIGGER endless AFTER UPDATE ON zato_sso_user "
        f"BEGIN INSERT INTO counted SELECT * FROM ({ENDLESS}); END"
    )


@pytest.mark.parametrize("fault", [endless_view, endless_trigger], ids=["view", "trigger"])
def test_endless_statement_is_interrupted(
    sqlite_server: Server, refuse: Refuse, monkeypatch: pytest.MonkeyPatch, fault: Callable[[Server], None]
) -> None:
    """Row 35: the statement ends after TRANSACTION_TIMEOUT, and nothing was changed."""
    monkeypatch.setattr(watchdog, "TRANSACTION_TIMEOUT", 0.5)
    fault(sqlite_server)
    begun = time.monotonic()

    message = refuse(sqlite_server, 69)

    assert time.monotonic() - begun < 5
    assert "takes too long" in message
    assert "Nothing was changed." in message
    assert_old(sqlite_server)
