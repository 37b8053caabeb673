"""Introspection of the SSO tables."""

import re
from collections.abc import Callable

from click.testing import Result

from tests.support.databases import SCHEMA, make_3_0
from tests.support.servers import Server
from zato_sso_reset.database.engine import Database
from zato_sso_reset.database.schema import columns_of
from zato_sso_reset.server.config import ServerConfig

COLUMNS_OF_3_3 = {
    (table, column)
    for table, body in re.findall(r"CREATE TABLE (\w+) \((.*?)\n\);", SCHEMA.read_text(), re.DOTALL)
    for column in re.findall(r"^    (?!CONSTRAINT)(\w+)", body, re.MULTILINE)
    if not table.endswith("_group")
}
"""The columns in the script that creates the tables."""


def columns(server: Server) -> set[tuple[str, str]]:
    """Return the columns that `columns_of` finds."""
    config = ServerConfig.read(server.path, env={}, stdin=None)
    with Database(config.database).transaction(read_only=True) as connection:
        return columns_of(connection)


class TestColumnsOf:
    """`columns_of`, for two versions of Zato."""

    def test_tables_of_3_3_are_found(self, server: Server) -> None:
        """All columns of the SSO tables are found, except for those of groups, and no other table."""
        server.database.run("DROP TABLE IF EXISTS other")
        server.database.run("CREATE TABLE other (id INTEGER)")

        assert columns(server) == COLUMNS_OF_3_3

    def test_missing_columns_of_3_0_are_not_found(self, server: Server) -> None:
        """PostgreSQL keeps the names of dropped columns."""
        make_3_0(server.database)
        assert columns(server) == {
            (table, column)
            for table, column in COLUMNS_OF_3_3
            if table not in {"zato_sso_password_reset", "zato_sso_linked_auth"}
            and (table != "zato_sso_user" or not column.startswith(("is_totp", "totp")))
        }

    def test_broken_view_does_not_prevent_a_reset(
        self, sqlite_server: Server, invoke: Callable[..., Result]
    ) -> None:
        """Its name begins like those of Zato's tables, and the table that it shows does not exist."""
        sqlite_server.database.run("CREATE VIEW zato_sso_mine AS SELECT * FROM missing")

        done = invoke("sso", "reset-user-password", sqlite_server.path, "user1", "--revoke-access")

        assert done.exit_code == 0
