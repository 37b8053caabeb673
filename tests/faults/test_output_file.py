"""A file of --output-file, and what becomes of it when something fails."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from tests.faults.conftest import Proxied, Running, assert_old, one_line, printed
from tests.support.databases import run
from tests.support.limits import size_limit
from tests.support.servers import LINE, OLD, Server
from zato_sso_reset.cli import delivery as result

Invoke = Callable[..., Result]
Start = Callable[..., Running]

OUT = Path("folder", "out")

RESET = ("sso", "reset-user-password", "--output-file", OUT)


@pytest.fixture(autouse=True)
def _folder() -> None:
    """Make the folder of the file."""
    OUT.parent.mkdir()


@pytest.fixture
def after_the_line(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Have harm done once the file is made."""

    def arm(harm: Callable[[], object]) -> None:
        written = result.ResultFile.write_line

        def write_line(self: result.ResultFile, line: str) -> None:
            written(self, line)
            harm()

        monkeypatch.setattr(result.ResultFile, "write_line", write_line)

    return arm


Arm = Callable[[Callable[[], object]], None]


class TestWriting:
    """A file that can't be written whole is not left there."""

    # On SQLite, that limit ends the journal first.
    @pytest.mark.parametrize("server", ["postgresql", "mysql"], indirect=True)
    def test_disk_is_full(self, server: Server, invoke: Invoke) -> None:
        """A file that takes ten bytes is removed, and the old password stays."""
        with size_limit(10):
            done = invoke(*RESET, server.path, "user1")

        assert done.exit_code == 74
        assert done.stderr == f"Error: `{OUT}` can't be written to: File too large. Nothing was changed.\n"
        assert_old(server, done.stdout)
        assert list(OUT.parent.iterdir()) == []

    @pytest.mark.parametrize("server", ["postgresql"], indirect=True)
    def test_is_on_the_disk_before_the_commit(
        self, server: Server, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """File, then folder, are synced while the database has the old password yet."""
        synced, fsync = [], os.fsync

        def note(fd: int) -> None:
            fsync(fd)
            path = Path(f"/proc/self/fd/{fd}").readlink()
            synced.append((path, OUT.read_text(), server.opens("user1", OLD)))

        monkeypatch.setattr(os, "fsync", note)
        done = invoke(*RESET, server.path, "user1")

        assert done.exit_code == 0
        line = OUT.read_text()
        assert synced == [(path.absolute(), line, True) for path in (OUT, OUT.parent)]
        assert server.opens("user1", printed(line))

    @pytest.mark.parametrize("server", ["postgresql"], indirect=True)
    def test_disk_fails(self, server: Server, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file that can't be synced, and then not be removed either, is told of all the same."""

        def fail(_fd: int) -> None:
            OUT.parent.rename("elsewhere")
            OUT.parent.touch()
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(os, "fsync", fail)
        done = invoke(*RESET, server.path, "user1")

        assert done.exit_code == 74
        assert "Input/output error" in done.stderr
        assert_old(server, done.stdout)


class TestCommit:
    """What the database did not take is removed; what it may have taken stays."""

    def test_is_refused(self, proxied: Proxied, invoke: Invoke, after_the_line: Arm) -> None:
        """A connection that ends before the COMMIT leaves the old password, and no file."""
        after_the_line(proxied.end_connections)
        done = invoke(*RESET, proxied.server.path, "user1")

        assert done.exit_code == 79
        assert one_line(done.stderr)
        assert_old(proxied.server, done.stdout)
        assert list(OUT.parent.iterdir()) == []

    @pytest.mark.parametrize("proxied", ["postgresql"], indirect=True)
    def test_is_refused_and_the_file_can_not_be_removed(
        self, proxied: Proxied, invoke: Invoke, after_the_line: Arm
    ) -> None:
        """That it is void matters more."""

        def harm() -> None:
            proxied.end_connections()
            OUT.unlink()
            OUT.mkdir()

        after_the_line(harm)
        done = invoke(*RESET, proxied.server.path, "user1")

        assert done.exit_code == 79
        assert "is void" in done.stderr
        assert_old(proxied.server, done.stdout)

    @pytest.mark.parametrize("proxied", ["postgresql"], indirect=True)
    def test_is_refused_and_somebody_else_has_put_a_file_there(
        self, proxied: Proxied, invoke: Invoke, after_the_line: Arm
    ) -> None:
        """What is there by then is not removed: it is not ours."""

        def harm() -> None:
            proxied.end_connections()
            OUT.rename("elsewhere")
            OUT.write_text("theirs")

        after_the_line(harm)
        done = invoke(*RESET, proxied.server.path, "user1")

        assert done.exit_code == 79
        assert OUT.read_text() == "theirs"

    def test_is_unknown(self, proxied: Proxied, invoke: Invoke, after_the_line: Arm) -> None:
        """Where nobody can tell, the password may be needed: the file stays."""

        def harm() -> None:
            with proxied.server.database.connect() as connection:
                proxied.end_other_connections(connection)
                run(connection, "UPDATE zato_sso_user SET password = 'third' WHERE username = 'user1'")

        after_the_line(harm)
        done = invoke(*RESET, proxied.server.path, "user1")

        assert (done.exit_code, done.stdout) == (76, "")
        assert one_line(done.stderr)
        assert LINE.fullmatch(OUT.read_text())

    def test_answer_is_lost(self, proxied: Proxied, invoke: Invoke, after_the_line: Arm) -> None:
        """A new password that is found on looking again is the file's."""
        after_the_line(lambda: proxied.proxy.arm("lose-answer"))
        done = invoke(*RESET, proxied.server.path, "user1")

        assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
        assert proxied.server.opens("user1", printed(OUT.read_text()))


class TestSignals:
    """A process that is struck."""

    def test_before_the_line(self, sqlite_server: Server, start: Start) -> None:
        """Asked to end, it leaves no file."""
        running = start(sqlite_server, "after-update:SIGTERM", "", "--output-file", OUT)

        assert running.go_on() == (-15, "", "")
        assert_old(sqlite_server)
        assert list(OUT.parent.iterdir()) == []

    def test_after_the_line(self, sqlite_server: Server, start: Start) -> None:
        """From there it goes on to the end."""
        running = start(sqlite_server, "after-line:SIGTERM", "", "--output-file", OUT)

        assert running.go_on() == (0, "", "")
        assert sqlite_server.opens("user1", printed(OUT.read_text()))

    def test_killed_between_line_and_commit(self, sqlite_server: Server, start: Start) -> None:
        """No code of ours runs any more: the file stays, its password is void, the old one holds."""
        running = start(sqlite_server, "after-line:SIGKILL", "", "--output-file", OUT)

        assert running.go_on() == (-9, "", "")
        assert printed(OUT.read_text()) != OLD
        assert_old(sqlite_server)
