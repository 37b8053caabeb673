"""`--output-file`."""

import os
import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import RESET, Invoke, delivered_password, error_line, shell, tables
from tests.support.limits import without_privileges
from tests.support.servers import OLD, Server, insert_user

OUT = Path("out")


class TestOutputFile:
    """`--output-file`."""

    @pytest.mark.parametrize("umask", [0, 0o077])
    def test_only_the_owner_can_read_it(self, sqlite_server: Server, invoke: Invoke, umask: int) -> None:
        """The mode does not depend on the umask; stdout stays empty."""
        before = os.umask(umask)
        try:
            done = invoke(*RESET, "--output-file", OUT, sqlite_server.path, "user1")
        finally:
            os.umask(before)

        assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
        assert stat.S_IMODE(OUT.stat().st_mode) == 0o600
        assert sqlite_server.opens("user1", delivered_password(OUT.read_text()))
        assert list(Path.cwd().iterdir()) == [OUT.absolute()]

    @pytest.mark.parametrize(
        ("output", "pattern"),
        [
            ("text", r"Password for user `al\u00edce` reset to `(.{32})`\n"),
            ("json", r'\{"username": "al\\u00edce", "password": "(.{32})", .*\}\n'),
            ("password", "(.{32})\n"),
        ],
    )
    def test_has_the_same_line_as_stdout(
        self, sqlite_server: Server, invoke: Invoke, output: str, pattern: str
    ) -> None:
        """Each format is the same in both."""
        insert_user(sqlite_server, 9, "al\u00edce", {})
        argv = [*RESET, "--output", output, sqlite_server.path, "al\u00edce"]
        printed = invoke(*argv).stdout
        assert invoke(*argv, "--output-file", OUT).exit_code == 0

        assert re.fullmatch(pattern, printed)
        match = re.fullmatch(pattern, OUT.read_text("utf-8"))
        assert match
        assert sqlite_server.opens("al\u00edce", match[1])

    @pytest.mark.parametrize(
        ("kind", "reason"),
        [
            ("file", "already exists"),
            ("symlink", "already exists"),
            ("dangling", "already exists"),
            ("folder", "already exists"),
            ("/dev/full", "already exists"),
            ("no-such/out", "its folder is missing"),
            ("other/out", "its folder is missing"),
            ("", "already exists"),
        ],
    )
    @pytest.mark.parametrize("dry_run", [(), ("--dry-run",)])
    def test_existing_or_impossible_path_is_an_error(
        self, sqlite_server: Server, invoke: Invoke, kind: str, reason: str, dry_run: tuple[str, ...]
    ) -> None:
        """An existing file is neither written to nor followed, and nothing is changed."""
        other, path = Path("other"), kind
        other.write_text("precious")
        create: dict[str, Callable[[], object]] = {
            "file": lambda: OUT.write_text("precious"),
            "symlink": lambda: OUT.symlink_to(other),
            "dangling": lambda: OUT.symlink_to("nowhere"),
            "folder": OUT.mkdir,
        }
        if kind in create:
            path = str(OUT)
            create[kind]()
        before, files = tables(sqlite_server), sorted(Path.cwd().iterdir())
        done = invoke(*RESET, *dry_run, f"--output-file={path}", sqlite_server.path, "user1")

        assert re.fullmatch(f"Error: `.+` .*{reason}.+\n", error_line(done, 73))
        assert tables(sqlite_server) == before
        assert sorted(Path.cwd().iterdir()) == files
        assert other.read_text() == "precious"

    def test_name_that_is_too_long_is_an_error(self, sqlite_server: Server, invoke: Invoke) -> None:
        """An error of the creation itself comes before the change."""
        done = invoke(*RESET, "--output-file", "x" * 300, sqlite_server.path, "user1")

        assert "` can't be created: File name too long." in error_line(done, 73)
        assert sqlite_server.opens("user1", OLD)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user without rights")
    def test_unwritable_folder_is_an_error(self, invoke: Invoke) -> None:
        """The folder is checked before the server is read."""
        with without_privileges():
            done = invoke(*RESET, "--output-file", "/etc/out", "no-such-path", "user1")

        assert "may not be written to" in error_line(done, 73)

    def test_closed_stdout_is_not_needed(self, sqlite_server: Server) -> None:
        """No connection gets its number."""
        done = shell('zato sso reset-user-password "$1" user1 --output-file out <&- >&-', sqlite_server.path)

        assert (done.returncode, done.stderr) == (0, "")
        assert sqlite_server.opens("user1", delivered_password(OUT.read_text()))

    def test_hyphen_is_stdout(self, sqlite_server: Server, invoke: Invoke) -> None:
        """`-` creates no file of that name."""
        done = invoke(*RESET, "--output-file", "-", sqlite_server.path, "user1")

        assert delivered_password(done.stdout)
        assert list(Path.cwd().iterdir()) == []

    def test_error_leaves_no_file(self, sqlite_server: Server, invoke: Invoke) -> None:
        """A refused reset creates none."""
        error_line(invoke(*RESET, "--output-file", OUT, sqlite_server.path, "nobody"), 22)

        assert not OUT.exists()
