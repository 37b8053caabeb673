"""Faults while --output-file is written, and before its commit."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.conftest import (
    RESET,
    AfterLine,
    Invoke,
    Proxied,
    Start,
    assert_old,
    check_refusal,
    printed,
    printed_password,
)
from tests.support.limits import size_limit
from tests.support.servers import OLD, Server

OUT = Path("folder", "out")

TO_FILE = (*RESET, "--output-file", OUT)


@pytest.fixture(autouse=True)
def _folder() -> None:
    """Make the folder of the file."""
    OUT.parent.mkdir()


class TestWriting:
    """A file that can't be written completely is removed."""

    # On SQLite, that limit stops the journal first.
    @pytest.mark.parametrize("server", ["postgresql", "mysql"], indirect=True)
    def test_disk_full(self, server: Server, invoke: Invoke) -> None:
        """A file that accepts ten bytes is removed, and the old password stays."""
        with size_limit(10):
            done = invoke(*TO_FILE, server.path, "user1")

        assert done.exit_code == 74
        assert done.stderr == (
            f"Error: `{OUT}` can't be written to: File too large. Nothing was changed. "
            "Use another --output-file.\n"
        )
        assert_old(server, done.stdout)
        assert list(OUT.parent.iterdir()) == []

    @pytest.mark.parametrize("server", ["postgresql"], indirect=True)
    def test_file_is_on_disk_before_the_commit(
        self, server: Server, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """File, then folder, are synced while the database still has the old password."""
        synced, fsync = [], os.fsync

        def record(fd: int) -> None:
            fsync(fd)
            path = Path(f"/proc/self/fd/{fd}").readlink()
            synced.append((path, OUT.read_text(), server.opens("user1", OLD)))

        monkeypatch.setattr(os, "fsync", record)
        done = invoke(*TO_FILE, server.path, "user1")

        assert done.exit_code == 0
        line = OUT.read_text()
        assert synced == [(path.absolute(), line, True) for path in (OUT, OUT.parent)]
        assert server.opens("user1", printed(line))

    @pytest.mark.parametrize("server", ["postgresql"], indirect=True)
    def test_disk_fails(self, server: Server, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file that can be neither synced nor removed is reported all the same."""

        def fail(_fd: int) -> None:
            OUT.parent.rename("elsewhere")
            OUT.parent.touch()
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(os, "fsync", fail)
        done = invoke(*TO_FILE, server.path, "user1")

        assert done.exit_code == 74
        assert "Input/output error" in done.stderr
        assert_old(server, done.stdout)


class TestCommit:
    """The file is removed if the commit is refused, and stays if the outcome is unknown."""

    def test_refused(self, proxied: Proxied, invoke: Invoke, after_line: AfterLine) -> None:
        """A connection that ends before the COMMIT leaves the old password, and no file."""
        after_line(proxied.end_connections)

        check_refusal(invoke(*TO_FILE, proxied.server.path, "user1"), 79)
        assert_old(proxied.server)
        assert list(OUT.parent.iterdir()) == []

    @pytest.mark.parametrize("proxied", ["postgresql"], indirect=True)
    @pytest.mark.parametrize("replace", [OUT.mkdir, OUT.touch], ids=["folder", "file"])
    def test_refused_after_the_file_was_replaced(
        self, proxied: Proxied, invoke: Invoke, after_line: AfterLine, replace: Callable[[], None]
    ) -> None:
        """Another file or folder of that name is not removed, and the password is reported as void."""

        def fault() -> None:
            proxied.end_connections()
            OUT.rename("elsewhere")
            replace()

        after_line(fault)
        done = invoke(*TO_FILE, proxied.server.path, "user1")

        check_refusal(done, 79)
        assert "is void" in done.stderr
        assert_old(proxied.server)
        assert OUT.exists()

    def test_changed_again(self, proxied: Proxied, invoke: Invoke, after_line: AfterLine) -> None:
        """Row 14: a third password does not show whether ours was stored before, so the file stays."""

        def fault() -> None:
            proxied.end_connections()
            proxied.server.database.run("UPDATE zato_sso_user SET password = 'third'")

        after_line(fault)
        done = invoke(*TO_FILE, proxied.server.path, "user1")

        check_refusal(done, 76)
        assert "The password has been changed again since." in done.stderr
        assert printed_password(OUT.read_text())

    def test_answer_lost(self, proxied: Proxied, invoke: Invoke, after_line: AfterLine) -> None:
        """The account has the file's password, which the lookup finds."""
        after_line(lambda: proxied.proxy.arm("lose-answer"))
        done = invoke(*TO_FILE, proxied.server.path, "user1")

        assert (done.exit_code, done.stdout) == (0, "")
        assert done.stderr == f"The result is in `{OUT}`.\n"
        assert proxied.server.opens("user1", printed(OUT.read_text()))


class TestSignals:
    """Signals before the file is written, and before its commit."""

    def test_before_the_line(self, sqlite_server: Server, start: Start) -> None:
        """SIGTERM leaves no file."""
        running = start(sqlite_server, "after-update:SIGTERM", "--output-file", OUT)

        assert running.finish() == (-15, "", "")
        assert_old(sqlite_server)
        assert list(OUT.parent.iterdir()) == []

    def test_killed_between_line_and_commit(self, sqlite_server: Server, start: Start) -> None:
        """SIGKILL leaves the file with a void password, and the old one stays."""
        running = start(sqlite_server, "after-line:SIGKILL", "--output-file", OUT)

        assert running.finish() == (-9, "", "")
        assert printed(OUT.read_text()) != OLD
        assert_old(sqlite_server)
