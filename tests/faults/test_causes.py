"""Messages that led astray: each names the cause now."""

import os
import resource
from pathlib import Path

import pytest

from tests.faults.conftest import RESET, Invoke, Refuse, assert_old, check_refusal, one_line
from tests.support import processes
from tests.support.bulk import RESET as BULK_RESET
from tests.support.bulk import bulk_arguments
from tests.support.processes import AS_NOBODY
from tests.support.servers import Server
from tests.support.tls import make_certificate, tls_server

Certificate = tuple[Path, Path]


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    """A self-signed certificate for another host, and its key."""
    return make_certificate(tmp_path)


class TestPostgreSQLCertificate:
    """`sslmode=verify-full`; the root certificate and the server's certificate are at fault."""

    @pytest.mark.parametrize(
        ("root", "problem", "hint"),
        [
            ("", "its root certificate is missing", "Correct sslrootcert"),
            ("missing", "its root certificate is missing", "Correct sslrootcert"),
            ("system", "has a certificate that can't be trusted", "sslrootcert (PostgreSQL)"),
            ("own", "has a certificate that can't be trusted", "Correct the host"),
        ],
    )
    def test_certificate_is_the_cause(
        self,
        sqlite_server: Server,
        refuse: Refuse,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        certificate: Certificate,
        *,
        root: str,
        problem: str,
        hint: str,
    ) -> None:
        """A missing root certificate is not a missing database; `own` is that of another host."""
        monkeypatch.setenv("HOME", str(tmp_path))  # which has no .postgresql/root.crt
        files = {"missing": str(tmp_path / "missing"), "own": str(certificate[0])}
        option = f"&sslrootcert={files.get(root, root)}" if root else ""
        with tls_server(*certificate) as port:
            url = f"postgresql://u@127.0.0.1:{port}/x?sslmode=verify-full{option}"
            sqlite_server.override(f'[sql]\nurl = "{url}"\n')
            message = refuse(sqlite_server, 69)

        assert f"PostgreSQL database `x` at `127.0.0.1:{port}`" in message
        assert problem in message
        assert hint in message


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
class TestRowLevelSecurity:
    """A policy that shows a user, but not to a statement that locks it."""

    @pytest.fixture(autouse=True)
    def _hide(self, server: Server) -> None:
        """Hide every user from SELECT ... FOR UPDATE, and `MixedCase` from SELECT too."""
        for each in ("ENABLE", "FORCE"):
            server.database.run(f"ALTER TABLE zato_sso_user {each} ROW LEVEL SECURITY")
        condition = "username <> 'MixedCase'"
        server.database.run(f"CREATE POLICY shown ON zato_sso_user FOR SELECT USING ({condition})")

    def test_hidden_user_may_exist(self, server: Server, refuse: Refuse) -> None:
        """The message suggests the policies, not the username that was given."""
        message = refuse(server, 22)

        assert "No such user `user1`." in message
        assert "Row-level security may hide users" in message
        assert "Did you mean" not in message

    def test_hidden_user_of_a_list_may_exist(self, server: Server, invoke: Invoke) -> None:
        """The same in a list."""
        Path("users").write_text("MixedCase\n")

        done = invoke(*bulk_arguments(server, "--users-from", "users", "--yes"))

        check_refusal(done, 22)
        assert "`MixedCase` (no such user, or hidden by row-level security)" in done.stderr

    def test_user_hidden_from_changes_may_exist(self, server: Server, invoke: Invoke) -> None:
        """The list is read without locks, which the policy allows."""
        Path("users").write_text("user1\n")

        done = invoke(*bulk_arguments(server, "--users-from", "users", "--yes"))

        check_refusal(done, 22)
        assert "User `user1` no longer exists, or is no longer approved." in done.stderr
        assert "Row-level security may hide users" in done.stderr


class TestResources:
    """Neither the settings of the database nor a bug are to blame for a lack of threads or memory."""

    MESSAGE = "Error: The system has no thread or memory left for this command."

    @pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to run as another user")
    def test_no_more_threads(self, open_server: Server) -> None:
        """The thread that hashes can't be started."""

        def limit() -> None:
            resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))

        process = processes.start([*AS_NOBODY, *RESET, open_server.path, "user1"], preexec_fn=limit)
        stdout, stderr = process.communicate(timeout=60)

        assert process.returncode == 69, stderr
        assert stderr.startswith(self.MESSAGE)
        assert one_line(stderr)
        assert_old(open_server, stdout)

    @pytest.mark.parametrize("server", ["postgresql", "mysql"], indirect=True)
    @pytest.mark.parametrize(
        "error",
        [
            RuntimeError("can't start new thread"),
            MemoryError(),
            ImportError("x.so: failed to map segment from shared object"),
            OSError(12, "Cannot allocate memory"),
        ],
        ids=repr,
    )
    def test_connection_without_resources(
        self, server: Server, refuse: Refuse, monkeypatch: pytest.MonkeyPatch, error: Exception
    ) -> None:
        """The errors of Python are those that were seen under limits of threads and memory."""

        def fail(_: object) -> None:
            raise error

        monkeypatch.setattr("zato_sso_reset.database.watchdog.Timer.start", fail)

        assert refuse(server, 69).startswith(self.MESSAGE)


class TestOutputFile:
    """An output file that SQLite would read and remove."""

    @pytest.mark.parametrize("end", ["-wal", "-journal", "-shm"])
    @pytest.mark.parametrize("command", [RESET, (*BULK_RESET, "--all", "--yes")])
    def test_file_of_the_database_is_refused(
        self, sqlite_server: Server, invoke: Invoke, command: tuple[str, ...], end: str
    ) -> None:
        """No file is left behind; a link leads to the same folder."""
        Path("link").symlink_to(sqlite_server.path)
        output = f"link/zato.db{end}"
        names = ("user1",) if command == RESET else ()

        done = invoke(*command, "--output-file", output, sqlite_server.path, *names)

        check_refusal(done, 73)
        assert f"`{output}` belongs to the server's SQLite database." in done.stderr
        assert_old(sqlite_server)
        assert not Path(output).exists()

    def test_database_is_not_resumed(self, sqlite_server: Server, invoke: Invoke) -> None:
        """The database itself exists, as does the file of an interrupted run."""
        output = sqlite_server.database.name
        before = Path(output).read_bytes()

        done = invoke(*bulk_arguments(sqlite_server, "--all", "--yes", "--resume", output=output))

        check_refusal(done, 73)
        assert "belongs to the server's SQLite database." in done.stderr
        assert Path(output).read_bytes() == before
