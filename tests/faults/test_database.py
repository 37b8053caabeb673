"""Rows 15 to 23, 29, 30: a database that is locked, full, read-only, silent, absent, or changed meanwhile."""

import os
import resource
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import ZATO
from tests.faults.conftest import (
    RESET,
    Invoke,
    Refuse,
    assert_new,
    assert_old,
    check_refusal,
    finish_unknown,
    one_line,
    printed,
    rarely,
    start_struck,
)
from tests.support import databases, processes
from tests.support.bulk import APPROVED, bulk_arguments, records
from tests.support.databases import Database, run
from tests.support.processes import AS_NOBODY, STRUCK, environment
from tests.support.servers import OLD, Server, quick_server
from tests.support.tls import make_certificate

NO_REPLICA = (
    "SET GLOBAL rpl_semi_sync_master_wait_point = 'AFTER_SYNC', rpl_semi_sync_master_timeout = 4294967295, "
    "rpl_semi_sync_master_enabled = 1"
)
"""Semi-synchronous replication, to nobody."""


def start(server: Server, *program: str, **options: object) -> "subprocess.Popen[str]":
    """Start a reset of `user1`."""
    return processes.start([*(program or [ZATO]), *RESET, server.path, "user1"], **options)


def start_hurried(server: Server) -> "subprocess.Popen[str]":
    """Start a reset of `user1` with short time limits."""
    return start(server, *STRUCK, env=environment(HURRIED="1"))


def refused(server: Server, exit_code: int, process: "subprocess.Popen[str]") -> str:
    """Check that a reset ends with an exit code and one line, and changes nothing; return the line."""
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == exit_code, stderr
    assert one_line(stderr)
    assert_old(server, stdout)
    return stderr


def wait_for_waiter(database: Database) -> None:
    """Wait until a session of the database waits for a lock."""
    waiting = {
        "postgresql": "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() "
        "AND wait_event_type = 'Lock'",
        "mysql": "SELECT 1 FROM information_schema.innodb_trx t JOIN information_schema.processlist p "
        "ON p.id = t.trx_mysql_thread_id WHERE p.db = DATABASE() AND t.trx_state = 'LOCK WAIT'",
    }[database.engine]
    for _ in range(25):
        if database.run(waiting, admin=True):
            return
        time.sleep(0.2)  # MariaDB refreshes innodb_trx only if nobody has read it for 0.1 s
    pytest.fail("no session waits for a lock")


def add_trigger(server: Server, statement: str) -> None:
    """Run a statement before each UPDATE of a user."""
    trigger = "CREATE TRIGGER fault BEFORE UPDATE ON zato_sso_user FOR EACH ROW"
    if server.database.engine == "postgresql":
        server.database.run(
            "CREATE OR REPLACE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {statement}; RETURN new; END $$"
        )
        statement = "EXECUTE FUNCTION fault()"
    server.database.run(f"{trigger} {statement}", admin=server.database.engine == "mysql")


class TestLocks:
    """Other sessions that lock or change the same rows."""

    @pytest.mark.parametrize("server", ["postgresql", "mysql"], indirect=True)
    def test_deadlock(self, server: Server) -> None:
        """Row 15: if the database ends our transaction, nothing is changed."""
        server.database.run("DROP TABLE IF EXISTS other")
        server.database.run("CREATE TABLE other (id INTEGER PRIMARY KEY, n INTEGER)")
        server.database.run("INSERT INTO other VALUES (1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (6, 0)")
        add_trigger(server, "UPDATE other SET n = n + 1 WHERE id = 1")
        with server.database.connect() as connection:
            run(connection, "BEGIN")
            run(connection, "UPDATE other SET n = n + 1")
            process = start(server)
            wait_for_waiter(server.database)
            with suppress(Exception):
                run(connection, "UPDATE zato_sso_user SET display_name = 'x' WHERE username = 'user1'")
            message = refused(server, 75, process)
            run(connection, "ROLLBACK")

        assert "Try again." in message
        assert "40P01" in message or "1213" in message

    @pytest.mark.parametrize("server", ["postgresql"], indirect=True)
    def test_serialization_failure(self, server: Server) -> None:
        """Row 15: at READ COMMITTED, only a trigger's own statements can cause one."""
        add_trigger(server, "RAISE EXCEPTION 'could not serialize' USING ERRCODE = '40001'")

        assert "40001" in refused(server, 75, start(server))

    @pytest.mark.parametrize("statement", ["BEGIN IMMEDIATE", "BEGIN; SELECT * FROM zato_sso_user"])
    def test_sqlite_file_in_use(self, sqlite_server: Server, statement: str) -> None:
        """Rows 16 and 17: the wait ends after the busy timeout, before the line."""
        with sqlite_server.database.connect() as connection:
            for each in statement.split("; "):
                run(connection, each)
            begun = time.monotonic()
            message = refused(sqlite_server, 75, start_hurried(sqlite_server))
            assert 0.9 < time.monotonic() - begun < 15

        assert "Try again." in message

    @pytest.mark.parametrize(
        ("server", "change"),
        [
            ("sqlite", "DELETE FROM zato_sso_user"),
            ("postgresql", "UPDATE zato_sso_user SET username = 'renamed'"),
            pytest.param("postgresql", "DELETE FROM zato_sso_user", marks=rarely),
            pytest.param("mysql", "DELETE FROM zato_sso_user", marks=rarely),
            ("mysql", "UPDATE zato_sso_user SET username = 'renamed'"),
        ],
        indirect=["server"],
    )
    def test_user_changed_meanwhile(self, server: Server, change: str) -> None:
        """Row 23: a change that another session commits while we wait for the row is respected."""
        with server.database.connect() as connection:
            run(connection, "BEGIN")
            run(connection, f"{change} WHERE username = 'user1'")
            process = start(server)
            time.sleep(1) if server.database.engine == "sqlite" else wait_for_waiter(server.database)
            run(connection, "COMMIT")
        stdout, stderr = process.communicate(timeout=60)

        assert (process.returncode, stdout) == (22, "")
        assert one_line(stderr)


class TestDisk:
    """A disk that is full or read-only."""

    @pytest.mark.parametrize("limit", [0, 512, 4096])
    def test_full(self, sqlite_server: Server, limit: int) -> None:
        """Row 18: a full disk while the journal is written changes and damages nothing."""
        process = start(
            sqlite_server, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        )

        message = refused(sqlite_server, 69, process)

        assert "disk is full or fails" in message
        assert sqlite_server.database.run("PRAGMA integrity_check") == [("ok",)]

    @pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to run as another user")
    @pytest.mark.parametrize(("file", "folder"), [(0o644, 0o777), (0o666, 0o755), (0o600, 0o755)])
    def test_read_only(self, open_server: Server, file: int, folder: int) -> None:
        """Row 19: a file that this user may not write to or read, or a read-only directory."""
        Path(open_server.database.name).chmod(file)
        open_server.path.chmod(folder)

        assert "zato.db" in refused(open_server, 77, start(open_server, *AS_NOBODY))


class TestServers:
    """Database servers that are read-only, silent or misused by the environment."""

    @pytest.mark.parametrize("server", ["postgresql"], indirect=True)
    def test_postgresql_read_only(self, server: Server) -> None:
        """Row 19: `default_transaction_read_only`."""
        database = server.database
        server.database.run(f"ALTER ROLE {database.user} SET default_transaction_read_only = on")
        process = start(server)
        process.wait(60)
        server.database.run("SET default_transaction_read_only = off", admin=True)
        admin = Database("postgresql", "postgres", database.host, database.port)
        admin.run(f"ALTER ROLE {database.user} RESET default_transaction_read_only", admin=True)

        assert "25006" in refused(server, 77, process)

    @pytest.mark.parametrize("server", ["postgresql", "mysql"], indirect=True)
    def test_no_privilege(self, server: Server) -> None:
        """Row 19: the UPDATE privilege was revoked."""
        database = server.database
        if database.engine == "postgresql":
            database.run(f"REVOKE UPDATE ON zato_sso_user FROM {database.user}")
            message = refused(server, 77, start(server))
        else:
            users = f"{database.user}@127.0.0.1, {database.user}@localhost"
            database.run(f"REVOKE UPDATE ON {database.name}.* FROM {users}", admin=True)
            process = start(server)
            process.wait(60)
            database.run(f"GRANT ALL ON {database.name}.* TO {users}", admin=True)
            message = refused(server, 77, process)

        assert "42501" in message or "1142" in message

    @pytest.mark.parametrize("server", ["mysql"], indirect=True)
    @pytest.mark.parametrize("options", [(), ("--unlock",), ("--unlock", "--dry-run")])
    def test_table_without_transactions(
        self, server: Server, invoke: Invoke, options: tuple[str, ...]
    ) -> None:
        """A MyISAM table is refused before anything is written, which could not be rolled back."""
        server.database.run("DROP TABLE zato_sso_attr, zato_sso_linked_auth, zato_sso_password_reset")
        server.database.run("DROP TABLE zato_sso_session, zato_sso_user_group")
        server.database.run("ALTER TABLE zato_sso_user ENGINE=MyISAM")
        before = server.database.dump("zato_sso_user")

        done = invoke(*RESET, server.path, "locked1", *options)

        check_refusal(done, 69)
        assert "The table zato_sso_user is not transactional" in done.stderr
        assert server.database.dump("zato_sso_user") == before

    @pytest.mark.parametrize("server", ["mysql"], indirect=True)
    def test_other_table_without_transactions(self, server: Server, invoke: Invoke) -> None:
        """A MyISAM table of sessions is refused only if sessions should be removed."""
        server.database.run("DROP TABLE zato_sso_attr")
        server.database.run("ALTER TABLE zato_sso_session DROP FOREIGN KEY zato_sso_session_ibfk_1")
        server.database.run("ALTER TABLE zato_sso_session ENGINE=MyISAM")
        before = server.database.dump("zato_sso_session")
        reset = (*RESET, server.path, "MixedCase")

        for options in (("--revoke-access",), ("--revoke-access", "--dry-run")):
            done = invoke(*reset, *options)
            check_refusal(done, 69)
            assert "The table zato_sso_session is not transactional" in done.stderr
            assert server.opens("MixedCase", OLD)

        assert invoke(*reset).exit_code == 0
        assert server.database.dump("zato_sso_session") == before

    @pytest.mark.parametrize("server", ["postgresql"], indirect=True)
    @pytest.mark.parametrize(
        ("name", "value"),
        [("PGOPTIONS", "-c search_path=other"), ("PGHOSTADDR", "127.0.0.9"), ("PGPORT", "1")],
    )
    def test_environment_of_libpq(
        self, server: Server, name: str, value: str, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The server's configuration counts, not the PG* variables that psql would use."""
        server.database.run("CREATE SCHEMA IF NOT EXISTS other")
        server.database.run("DROP TABLE IF EXISTS other.zato_sso_user")
        server.database.run("CREATE TABLE other.zato_sso_user AS SELECT * FROM zato_sso_user")
        if server.database.port == 5432:
            server.edit("server.conf", "odb", port="")
        with monkeypatch.context() as shell:
            shell.setenv(name, value)
            done = invoke(*RESET, server.path, "user1")

        assert (done.exit_code, done.stderr) == (0, "")
        assert_new(server, done.stdout)

    @pytest.mark.parametrize("engine", ["postgresql", "mysql"])
    def test_silent(self, sqlite_server: Server, engine: str) -> None:
        """Row 20: the wait for a server that accepts and never answers ends after the connect timeout."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = str(listener.getsockname()[1])
            sqlite_server.edit("server.conf", "odb", engine=engine, host="127.0.0.1", port=port, username="u")
            begun = time.monotonic()
            message = refused(sqlite_server, 69, start_hurried(sqlite_server))

        assert "can't be reached" in message
        assert time.monotonic() - begun < 20


@pytest.fixture(scope="module")
def own_mariadb() -> Iterator[Database]:
    """A MariaDB server that only these tests use, so that its settings can be changed."""
    if not (shutil.which("mariadbd") and shutil.which("mariadb-install-db")):
        databases.unreachable("mariadbd on PATH", FileNotFoundError())
    base = Path(tempfile.mkdtemp())
    base.chmod(0o755)
    shutil.chown(base, "mysql") if os.geteuid() == 0 else None
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    user = ["--user=mysql"] if os.geteuid() == 0 else []
    common = ["--no-defaults", f"--datadir={base}/data", *user]
    address = [
        f"--port={port}",
        "--bind-address=127.0.0.1",
        f"--socket={base}/socket",
        f"--pid-file={base}/pid",
    ]
    certificate, key = make_certificate(base)
    tls = [f"--ssl-cert={certificate}", f"--ssl-key={key}"]
    log = (base / "log").open("w")
    install = ["mariadb-install-db", *common, "--auth-root-authentication-method=normal"]
    subprocess.run(install, check=True, stdout=log, stderr=log)
    mariadbd = ["mariadbd", *common, *address, *tls, "--sql-mode=", "--skip-name-resolve", "--log-bin=binlog"]
    process = subprocess.Popen(mariadbd, stdout=log, stderr=log)
    admin = Database("mysql", "mysql", "127.0.0.1", port)
    for _ in range(200):
        with suppress(Exception):
            admin.run("SELECT 1", admin=True)
            break
        time.sleep(0.05)
    yield databases.mysql("own", port)
    process.terminate()
    process.wait(30)
    log.close()
    shutil.rmtree(base)


class TestOwnMariaDB:
    """Settings of a whole server."""

    @pytest.fixture
    def server(self, own_mariadb: Database, tmp_path: Path) -> Server:
        """A Zato server on that MariaDB."""
        databases.make_tables(own_mariadb)
        return quick_server(tmp_path / "server1", own_mariadb)

    def test_read_only(self, server: Server) -> None:
        """Row 19: `read_only`."""
        server.database.run("SET GLOBAL read_only = 1", admin=True)
        process = start(server)
        process.wait(60)
        server.database.run("SET GLOBAL read_only = 0", admin=True)

        assert "1290" in refused(server, 77, process)

    def test_certificate_is_not_trusted(self, server: Server, refuse: Refuse, tmp_path: Path) -> None:
        """The server can be reached, but its certificate is not one of this machine's."""
        database = server.database
        url = f"mysql://{database.user}:z%40to%2Fp%3Aw@127.0.0.1:{database.port}/{database.name}"
        server.override(f'[sql]\nurl = "{url}?ssl_ca={make_certificate(tmp_path)[0]}"\n')

        assert "has a certificate that can't be trusted" in refuse(server, 69)

    def test_client_certificate_is_required(self, server: Server) -> None:
        """The server's error is that of a wrong password."""
        user = f"{server.database.user}@127.0.0.1"
        server.database.run(f"ALTER USER {user} REQUIRE X509", admin=True)
        process = start(server)
        process.wait(60)
        server.database.run(f"ALTER USER {user} REQUIRE NONE", admin=True)

        message = refused(server, 77, process)
        assert "refuses the user or password, or requires a client certificate (1045)" in message

    def test_stored_value_is_truncated(self, server: Server) -> None:
        """Row 22: a column that is too short, with a `sql_mode` that truncates without an error."""
        server.database.run("ALTER TABLE zato_sso_user MODIFY password VARCHAR(450) NOT NULL")
        server.edit("sso.conf", "hash_secret", salt_size="512")

        assert "did not keep" in refused(server, 69, start(server))

    def test_binary_log_of_statements(self, server: Server, invoke: Invoke) -> None:
        """Row 29: with READ COMMITTED, InnoDB would refuse to change a row (1665)."""
        server.database.run("SET GLOBAL binlog_format = 'STATEMENT'", admin=True)
        try:
            done = invoke(*RESET, server.path, "user1")
            many = invoke(*bulk_arguments(server, "--all", "--exclude", "user1", "--yes", "--revoke-access"))
        finally:
            server.database.run("SET GLOBAL binlog_format = 'MIXED'", admin=True)

        assert (done.exit_code, done.stderr) == (0, "")
        assert_new(server, done.stdout)
        assert many.exit_code == 0, many.stderr
        found = {record.username: record.password for record in records(many.stdout)}
        assert found.keys() == APPROVED - {"user1"}
        assert server.opened_by(found) == found.keys()

    @pytest.mark.exhaustive
    @pytest.mark.parametrize(
        ("hold", "release", "is_lost"),
        [
            ("FLUSH TABLES WITH READ LOCK", "UNLOCK TABLES", True),
            (NO_REPLICA, "SET GLOBAL rpl_semi_sync_master_enabled = 0", False),
        ],
        ids=["read lock", "no replica"],
    )
    def test_commit_waits(self, server: Server, hold: str, release: str, *, is_lost: bool) -> None:
        """Row 30: the read lock makes the COMMIT fail in the end; the absent replica only delays it."""
        running = start_struck((*RESET, server.path, "user1"), "after-line:SIGSTOP")
        running.wait_until_stopped()
        with server.database.connect(admin=True) as connection:
            run(connection, hold)
            stdout = finish_unknown(running)
            run(connection, release)
        server.settle()

        assert server.opens("user1", OLD if is_lost else printed(stdout))
