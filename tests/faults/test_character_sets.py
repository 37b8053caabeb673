"""Row 32: usernames outside the database's character set, and a collation without LIKE."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.conftest import RESET, Invoke, assert_new, check_refusal
from tests.support import databases
from tests.support.bulk import OUT, assert_valid, bulk_arguments, listed, names
from tests.support.databases import Database
from tests.support.servers import OLD, Server, insert_users, quick_server
from zato_sso_reset.database.engine import Database as Connector
from zato_sso_reset.database.users import open_users
from zato_sso_reset.server.config import ServerConfig

SMILEY = "smiley\N{GRINNING FACE}"
"""A username that no tested character set has."""

GERMAN = "j\N{LATIN SMALL LETTER U WITH DIAERESIS}rgen"
"""A username that every tested character set has."""


@pytest.fixture(scope="module")
def latin1_database(worker: str) -> Iterator[Database]:
    """A PostgreSQL database in LATIN1."""
    database = databases.postgresql(f"{worker}_latin1")
    admin = replace(database, name="postgres")
    admin.run(f"DROP DATABASE {database.name}", admin=True)
    admin.run(
        f"CREATE DATABASE {database.name} OWNER {database.user} TEMPLATE template0 "
        "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'",
        admin=True,
    )
    yield database
    databases.drop(database)


@pytest.fixture(params=["latin1", "utf8mb3", "LATIN1"])
def narrow_server(request: pytest.FixtureRequest, tmp_path: Path) -> Server:
    """A server whose usernames are in a character set that lacks `SMILEY`."""
    engine = "latin1_database" if request.param == "LATIN1" else "mysql"
    database: Database = request.getfixturevalue(engine)
    databases.make_tables(database)
    if engine == "mysql":
        column = f"username VARCHAR(191) CHARACTER SET {request.param} NOT NULL"
        database.run(f"ALTER TABLE zato_sso_user MODIFY {column}")
    server = quick_server(tmp_path / "server1", database)
    insert_users(server, [GERMAN])
    return server


class TestCharacterSets:
    """Usernames that the column can't hold, so that the database refuses to look for them."""

    def test_user_does_not_exist(self, narrow_server: Server, invoke: Invoke) -> None:
        """Row 32: the username is that of nobody, which is not a fault of the database."""
        done = invoke(*RESET, narrow_server.path, SMILEY)

        check_refusal(done, 22)
        assert f"No such user `{SMILEY}`." in done.stderr
        assert narrow_server.opened_by({"user1": OLD, GERMAN: OLD}) == {"user1", GERMAN}

    def test_others_are_reset(self, narrow_server: Server, invoke: Invoke) -> None:
        """Row 32: --skip-missing leaves the username out, and without it the problem is named."""
        arguments = ("--users-from", listed("user1", SMILEY, GERMAN), "--yes")

        refused = invoke(*bulk_arguments(narrow_server, *arguments))
        done = invoke(*bulk_arguments(narrow_server, *arguments, "--skip-missing"))

        check_refusal(refused, 22)
        assert f"1 user can't be reset: `{SMILEY}` (no such user)" in refused.stderr
        assert done.exit_code == 0, done.stderr
        assert names(done.stdout) == ["user1", GERMAN]
        assert_valid(narrow_server, done.stdout)
        assert not OUT.exists()


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
class TestNondeterministicCollation:
    """A collation that considers different texts equal, for which PostgreSQL refuses LIKE."""

    @pytest.fixture(autouse=True)
    def _collate(self, server: Server) -> None:
        server.database.run("DROP COLLATION IF EXISTS caseless CASCADE")
        server.database.run(
            "CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
        )
        server.database.run("ALTER TABLE zato_sso_user ALTER username TYPE varchar(191) COLLATE caseless")

    def test_unknown_user_is_answered_with_a_suggestion(self, server: Server, invoke: Invoke) -> None:
        """Row 32: the names that end alike are searched with another collation."""
        done = invoke(*RESET, server.path, "MIXEDCASE")

        check_refusal(done, 22)
        assert "Did you mean `MixedCase`?" in done.stderr

    def test_exact_name_is_reset(self, server: Server, invoke: Invoke) -> None:
        """Row 32: the exact name is found, as on any database."""
        done = invoke(*RESET, server.path, "user1")

        assert (done.exit_code, done.stderr) == (0, "")
        assert_new(server, done.stdout)

    def test_usernames_are_completed(self, server: Server) -> None:
        """Row 32: TAB offers the usernames with this prefix, in its case."""
        config = ServerConfig.read(server.path, env={}, stdin=None).database
        with open_users(Connector(config), read_only=True) as users:
            assert users.usernames("Mix") == ["MixedCase"]
            assert users.usernames("mix") == []
