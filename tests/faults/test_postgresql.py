"""Rows 26, 28 and 30: deferred triggers, PgBouncer in front of PostgreSQL, and an absent standby."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.faults.conftest import (
    RESET,
    Invoke,
    Refuse,
    assert_new,
    assert_old,
    check_refusal,
    finish_unknown,
    start_struck,
)
from tests.support import databases
from tests.support.bulk import APPROVED, assert_all_old, assert_valid, bulk_arguments, names
from tests.support.databases import PASSWORD
from tests.support.limits import NOBODY
from tests.support.servers import OLD, Server, insert_users, quick_server

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


@pytest.fixture(params=["transaction", "session"])
def pgbouncer_port(request: pytest.FixtureRequest, postgresql: databases.Database) -> Iterator[int]:
    """The port of a PgBouncer in front of PostgreSQL, in each of two modes."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if not program:
        databases.unreachable("pgbouncer on PATH", FileNotFoundError())
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    with tempfile.TemporaryDirectory() as folder:
        users, settings = Path(folder, "users.txt"), Path(folder, "pgbouncer.ini")
        users.write_text(f'"{postgresql.user}" "{PASSWORD}"\n')
        settings.write_text(
            f"[databases]\n* = host={postgresql.host} port={postgresql.port}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
            f"auth_type = trust\nauth_file = {users}\npool_mode = {request.param}\n"
        )
        Path(folder).chmod(0o755)
        user = NOBODY if os.geteuid() == 0 else None  # PgBouncer refuses to run as root
        process = subprocess.Popen([str(program), str(settings)], stderr=subprocess.DEVNULL, user=user)
        for _ in range(200):
            with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        yield port
        process.terminate()
        process.wait(30)


class TestPgBouncer:
    """Connections to PostgreSQL that several clients share."""

    @pytest.mark.parametrize("server", ["postgresql"], indirect=True)
    def test_all_users_are_reset(self, server: Server, pgbouncer_port: int, invoke: Invoke) -> None:
        """Row 28: a statement prepared on one connection would already exist on the next."""
        added = [f"added{number}" for number in range(250)]
        insert_users(server, added)
        server.edit("server.conf", "odb", port=str(pgbouncer_port))

        done = invoke(*bulk_arguments(server, "--all", "--yes"))

        assert (done.exit_code, "Error" in done.stderr) == (0, False), done.stderr
        assert set(names(done.stdout)) == APPROVED | set(added)
        assert_valid(server, done.stdout)


@pytest.fixture
def without_standby(tmp_path: Path) -> Iterator[Server]:
    """A server on a PostgreSQL of its own, where each COMMIT waits for a standby that is absent."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))  # Debian has only clients on PATH
    if not programs:
        databases.unreachable("initdb in /usr/lib/postgresql", FileNotFoundError())
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    with tempfile.TemporaryDirectory() as folder:
        user = NOBODY if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
        Path(folder).chmod(0o777)
        initdb = [str(programs[-1]), "--no-sync", "--auth=trust", "--username=postgres", f"{folder}/data"]
        subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, user=user, cwd=folder)
        address = [f"--port={port}", "--listen-addresses=127.0.0.1", "--unix-socket-directories="]
        waiting = ["--synchronous-standby-names=absent", "--synchronous-commit=local"]
        postgres = [str(programs[-1].with_name("postgres")), "-D", f"{folder}/data", *address, *waiting]
        process = subprocess.Popen(postgres, stderr=subprocess.DEVNULL, user=user, cwd=folder)
        for _ in range(200):
            with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        database = databases.postgresql("own", port)
        databases.make_tables(database)
        server = quick_server(tmp_path / "server1", database)
        database.run(f"ALTER ROLE {database.user} SET synchronous_commit = 'on'", admin=True)
        yield server
        process.send_signal(signal.SIGQUIT)
        process.wait(30)


@pytest.mark.exhaustive
def test_commit_waits_for_a_standby(without_standby: Server) -> None:
    """Row 30: the COMMIT is done, but is not visible until a standby has it."""
    running = start_struck((*RESET, without_standby.path, "user1"), "after-line:SIGSTOP")
    running.wait_until_stopped()
    stdout = finish_unknown(running)
    assert_old(without_standby)
    ended = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    assert without_standby.database.run(ended, admin=True) == [(True,)]
    while without_standby.opens("user1", OLD):
        time.sleep(0.05)

    assert_new(without_standby, stdout)
