"""Which tables and columns there are, on each database."""

import re
from collections.abc import Callable

from click.testing import Result

from tests.support.databases import SCHEMA, make_3_0
from tests.support.servers import Server
from zato_sso_reset.database.engine import ODB
from zato_sso_reset.database.schema import columns_of
from zato_sso_reset.server.config import ServerConfig


def columns(server: Server) -> set[tuple[str, str]]:
    """Return what `columns_of` finds."""
    config = ServerConfig.read(server.path, env={}, stdin=None, warn=print)
    return ODB(config.database).in_transaction(columns_of, reading=True)


def columns_of_3_3() -> set[tuple[str, str]]:
    """Return what the script that makes the tables says."""
    return {
        (table, column)
        for table, body in re.findall(r"CREATE TABLE (\w+) \((.*?)\n\);", SCHEMA.read_text(), re.DOTALL)
        for column in re.findall(r"^    (?!CONSTRAINT)(\w+)", body, re.MULTILINE)
        if not table.endswith("_group")
    }


class TestColumnsOf:
    """The tables of two versions of Zato."""

    def test_finds_all_of_3_3(self, server: Server) -> None:
        """Every column of every SSO table but those of groups, and no other."""
        server.database.run("DROP TABLE IF EXISTS other")
        server.database.run("CREATE TABLE other (id INTEGER)")

        assert columns(server) == columns_of_3_3()

    def test_finds_what_3_0_has(self, server: Server) -> None:
        """What 3.0 has not is not found, though PostgreSQL keeps the names of dropped columns."""
        make_3_0(server.database)
        gone = columns_of_3_3() - columns(server)

        assert columns(server) < columns_of_3_3()
        assert {table for table, _ in gone} == {
            "zato_sso_user",
            "zato_sso_password_reset",
            "zato_sso_linked_auth",
        }
        assert {column for table, column in gone if table == "zato_sso_user"} == {
            "is_totp_enabled",
            "totp_key",
            "totp_label",
        }

    def test_broken_view(self, sqlite_server: Server, invoke: Callable[..., Result]) -> None:
        """A view of somebody's, named as Zato's tables are, whose table went, stands in no reset's way."""
        sqlite_server.database.run("CREATE VIEW zato_sso_mine AS SELECT * FROM gone")

        done = invoke("sso", "reset-user-password", sqlite_server.path, "user1", "--revoke-access")

        assert done.exit_code == 0
