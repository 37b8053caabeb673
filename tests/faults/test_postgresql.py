"""Rows 26 and 28: deferred triggers, and PgBouncer in front of PostgreSQL."""

import pytest

from tests.faults.conftest import Invoke, Refuse, assert_old, check_refusal
from tests.support.bulk import assert_all_old, bulk_arguments
from tests.support.servers import Server

RESTORE = "UPDATE zato_sso_user SET password = old.password WHERE id = old.id"
RAISE = "RAISE EXCEPTION 'row: %', new.password USING DETAIL = new.password"


def add_deferred_trigger(server: Server, statement: str) -> None:
    """Run a statement at the COMMIT of each UPDATE of a user."""
    server.database.run(
        "CREATE OR REPLACE FUNCTION deferred() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN {statement}; RETURN NULL; END $$"
    )
    server.database.run(
        "CREATE CONSTRAINT TRIGGER deferred AFTER UPDATE ON zato_sso_user DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION deferred()"
    )


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    ("statement", "problem"),
    [(RESTORE, "did not keep the new password"), (RAISE, "P0001")],
    ids=["restores", "raises"],
)
class TestDeferredTriggers:
    """Triggers that would change or refuse the reset at COMMIT, after the delivery."""

    def test_one_user_is_refused_before_the_line(
        self, server: Server, refuse: Refuse, statement: str, problem: str
    ) -> None:
        """Row 26: the trigger fires before the row is read back."""
        add_deferred_trigger(server, statement)

        message = refuse(server, 69)

        assert problem in message
        assert "Nothing was changed." in message
        assert_old(server)

    def test_many_users_are_refused_before_the_lines(
        self, server: Server, invoke: Invoke, statement: str, problem: str
    ) -> None:
        """Row 26: the same for a batch."""
        add_deferred_trigger(server, statement)

        done = invoke(*bulk_arguments(server, "--all", "--yes"))

        check_refusal(done, 69)
        assert problem in done.stderr
        assert_all_old(server)
