"""Database connections and transactions."""

import socket
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from tests.support import databases
from tests.support.limits import without_privileges
from tests.support.servers import Server
from zato_sso_reset.database.engine import Database
from zato_sso_reset.errors import DatabaseDeniedError, DatabaseUnavailableError
from zato_sso_reset.server.config import ServerConfig
from zato_sso_reset.server.database import DatabaseConfig

CHANGE = text("UPDATE zato_sso_user SET locked_by = 'changed'")


def config_of(server: Server) -> DatabaseConfig:
    """Return the location of a server's SSO tables."""
    return ServerConfig.read(server.path, env={}, stdin=None).database


def assert_unavailable(config: DatabaseConfig, problem: str) -> None:
    """Check that a transaction can't be opened, and that the error keeps no exception of SQLAlchemy."""
    with pytest.raises(DatabaseUnavailableError, match=problem) as caught, Database(config).transaction():
        pytest.fail("The transaction was opened.")
    assert caught.value.exit_code == 69
    assert not isinstance(caught.value.__context__, SQLAlchemyError)


class TestTransaction:
    """`Database.transaction`."""

    @pytest.mark.parametrize("is_committed", [True, False])
    def test_change_is_rolled_back_unless_committed(self, server: Server, is_committed: bool) -> None:  # noqa: FBT001
        """An independent connection sees only what was committed."""
        with Database(config_of(server)).transaction() as connection:
            connection.execute(CHANGE)
            if is_committed:
                connection.commit()

        assert (server.database.row("user1")["locked_by"] == "changed") is is_committed

    def test_exception_rolls_back_and_passes_through(self, server: Server) -> None:
        """The lock is released too: another connection can change the row."""
        with pytest.raises(KeyError), Database(config_of(server)).transaction() as connection:
            raise KeyError(connection.execute(CHANGE).rowcount)

        assert server.database.row("user1")["locked_by"] is None
        server.database.run("UPDATE zato_sso_user SET locked_by = 'other' WHERE username = 'user1'")

    def test_error_does_not_keep_the_drivers(self, server: Server) -> None:
        """The exceptions of SQLAlchemy and of the driver hold the parameters of the statement."""
        with (
            pytest.raises(DatabaseUnavailableError, match="has no zato_sso_user table") as caught,
            Database(config_of(server)).transaction() as connection,
        ):
            connection.execute(text("UPDATE missing SET password = :value"), {"value": "S3cr3t"})

        assert (caught.value.__context__, caught.value.__cause__) == (None, None)
        assert "S3cr3t" not in str(caught.value)


class TestMySQLSocket:
    """The socket that is opened for PyMySQL."""

    @pytest.mark.parametrize("server", ["mysql"], indirect=True)
    @pytest.mark.parametrize("kind", ["TCP", "Unix"])
    def test_both_kinds_of_socket_connect(self, server: Server, kind: str) -> None:
        """The server sees a port only for TCP."""
        config = config_of(server)
        if kind == "Unix":
            [(path,)] = server.database.run("SELECT @@socket")
            if not Path(path).exists():
                databases.unreachable(f"socket {path} of MariaDB", FileNotFoundError())
            config = replace(config, host=None, port=None, options={"unix_socket": [path]})

        with Database(config).transaction(read_only=True) as connection:
            query = text("SELECT host FROM information_schema.processlist WHERE id = CONNECTION_ID()")
            assert (":" in connection.execute(query).scalar_one()) is (kind == "TCP")

    @pytest.mark.parametrize("code", [2003, 2013])
    @pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
    def test_absent_or_silent_server_is_unavailable(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, family: int, code: int
    ) -> None:
        """Rows 20 and 21: the watchdog ends the wait for a greeting, and does not outlive the connection."""
        monkeypatch.setattr("zato_sso_reset.database.watchdog.TRANSACTION_TIMEOUT", 0.2)
        threads = threading.active_count()
        with socket.socket(family) as server:
            server.bind(("127.0.0.1", 0) if family == socket.AF_INET else str(tmp_path / "socket"))
            address = server.getsockname()
            if code == 2013:
                server.listen()
            config = DatabaseConfig("mysql", "x", options={"unix_socket": [address]})
            if family == socket.AF_INET:
                config = DatabaseConfig("mysql", "x", *address)

            assert_unavailable(config, rf"can't be reached \({code}\)")
        assert threading.active_count() == threads


class TestSQLiteFile:
    """The checks of a SQLite file; SQLite's own errors say less."""

    @pytest.fixture
    def folder(self) -> Iterator[Path]:
        """A folder that every user can read, unlike pytest's own."""
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o755)
            yield Path(folder)

    @pytest.mark.parametrize(
        ("name", "problem"),
        [("x" * 300, "File name too long"), ("a\0b", "invalid file name"), ("zato.db/below", "is missing")],
    )
    def test_impossible_name_is_an_unavailable_database(self, folder: Path, name: str, problem: str) -> None:
        """It is not a question of permissions."""
        (folder / "zato.db").touch()

        assert_unavailable(DatabaseConfig("sqlite", f"{folder}/{name}"), problem)

    @pytest.mark.parametrize(
        ("mode", "folder_mode", "problem"),
        [
            (0o666, 0o600, "may not be accessed"),
            (0o444, 0o755, "may not be changed"),
            (0o222, 0o755, "may not be read"),
        ],
    )
    def test_file_without_permission_is_denied(
        self, folder: Path, mode: int, folder_mode: int, problem: str
    ) -> None:
        """A file that may not be accessed is another user's."""
        file = folder / "inside" / "zato.db"
        file.parent.mkdir()
        file.touch()
        file.chmod(mode)
        file.parent.chmod(folder_mode)
        transaction = Database(DatabaseConfig("sqlite", str(file))).transaction(read_only="read" in problem)
        try:
            with without_privileges(), pytest.raises(DatabaseDeniedError, match=problem), transaction:
                pytest.fail("The transaction was opened.")
        finally:
            file.parent.chmod(0o700)
