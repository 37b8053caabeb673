"""The database that a configuration leads to."""

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.limits import without_privileges
from zato_sso_reset.database.engine import ODB
from zato_sso_reset.errors import DatabaseDeniedError, DatabaseUnavailableError
from zato_sso_reset.server.config import DatabaseConfig


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody can look into, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


class TestSQLiteFile:
    """What is seen of a SQLite file before SQLite, whose errors tell less, opens it."""

    @pytest.mark.parametrize("name", ["x" * 300, "a\0b", "zato.db/below"])
    def test_that_can_not_be(self, folder: Path, name: str) -> None:
        """A name that no file can have, or that leads through a file, is no question of rights."""
        (folder / "zato.db").touch()
        odb = ODB(DatabaseConfig(engine="sqlite", database=f"{folder}/{name}"))

        with pytest.raises(DatabaseUnavailableError):
            odb.in_transaction(lambda _: None)

    @pytest.mark.parametrize(
        ("file", "inside", "told"), [(0o666, 0o700, "looked at"), (0o444, 0o755, "changed")]
    )
    def test_without_permission(self, folder: Path, file: int, inside: int, told: str) -> None:
        """A file that may not be written to, or that is in a closed folder, is another user's."""
        database = folder / "inside" / "zato.db"
        database.parent.mkdir()
        database.touch()
        database.chmod(file)
        database.parent.chmod(inside & ~stat.S_IXUSR if os.geteuid() else inside)
        odb = ODB(DatabaseConfig(engine="sqlite", database=str(database)))

        try:
            with without_privileges(), pytest.raises(DatabaseDeniedError, match=told):
                odb.in_transaction(lambda _: None)
        finally:
            database.parent.chmod(0o700)


class TestURL:
    """The `[sql] url` of `sso.toml`."""

    @pytest.mark.parametrize("url", ["sqlite:///a%20b", "postgresql://user@host/a%20b?sslmode=require"])
    def test_name_is_decoded(self, url: str) -> None:
        """What is special in a URL is percent-encoded, in the database's name too."""
        assert "`a b`" in ODB(DatabaseConfig(url=url)).name
