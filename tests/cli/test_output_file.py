"""`--output-file`."""

import os
import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from tests.cli.conftest import shell, tables
from tests.support.limits import without_privileges
from tests.support.servers import LINE, OLD, Server, insert_user

Invoke = Callable[..., Result]

RESET = ("sso", "reset-user-password")

OUT = Path("out")


class TestOutputFile:
    """`--output-file`."""

    @pytest.mark.parametrize("umask", [0, 0o077])
    def test_belongs_to_its_owner(self, sqlite_server: Server, invoke: Invoke, umask: int) -> None:
        """Whatever the umask, nobody else can read it; stdout has nothing."""
        before = os.umask(umask)
        try:
            done = invoke(*RESET, "--output-file", OUT, sqlite_server.path, "user1")
        finally:
            os.umask(before)

        assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
        match = LINE.fullmatch(OUT.read_text())
        assert stat.S_IMODE(OUT.stat().st_mode) == 0o600
        assert match
        assert sqlite_server.opens("user1", match["password"])
        assert list(Path.cwd().iterdir()) == [OUT.absolute()]

    @pytest.mark.parametrize(
        ("output", "pattern"),
        [
            ("text", r"Password for user `al\u00edce` reset to `(.{32})`\n"),
            ("json", r'\{"username": "al\\u00edce", "password": "(.{32})", .*\}\n'),
            ("password", "(.{32})\n"),
        ],
    )
    def test_has_what_stdout_would_have(
        self, sqlite_server: Server, invoke: Invoke, output: str, pattern: str
    ) -> None:
        """In each format the file has the very line."""
        insert_user(sqlite_server, 9, "al\u00edce", {})
        argv = [*RESET, "--output", output, sqlite_server.path, "al\u00edce"]
        there = invoke(*argv).stdout
        assert invoke(*argv, "--output-file", OUT).exit_code == 0
        here = OUT.read_text("utf-8")

        assert re.fullmatch(pattern, there)
        match = re.fullmatch(pattern, here)
        assert match
        assert sqlite_server.opens("al\u00edce", match[1])

    @pytest.mark.parametrize(
        ("kind", "reason"),
        [
            ("file", "already exists"),
            ("symlink", "already exists"),
            ("dangling", "already exists"),
            ("folder", "already exists"),
            ("device", "already exists"),
            ("missing", "its folder is missing"),
            ("under a file", "its folder is missing"),
            ("empty", "already exists"),
        ],
    )
    @pytest.mark.parametrize("dry_run", [(), ("--dry-run",)])
    def test_is_never_another_one(
        self, sqlite_server: Server, invoke: Invoke, kind: str, reason: str, dry_run: tuple[str, ...]
    ) -> None:
        """What is there is not written to or followed; without a place for it, nothing is changed."""
        other, path = Path("other"), str(OUT)
        other.write_text("precious")
        if kind == "file":
            OUT.write_text("precious")
        elif kind == "symlink":
            OUT.symlink_to(other)
        elif kind == "dangling":
            OUT.symlink_to("nowhere")
        elif kind == "folder":
            OUT.mkdir()
        path = {
            "device": "/dev/full",
            "missing": "no-such/out",
            "under a file": "other/out",
            "empty": "",
        }.get(kind, path)
        before, there = tables(sqlite_server), sorted(Path.cwd().iterdir())
        done = invoke(*RESET, *dry_run, f"--output-file={path}", sqlite_server.path, "user1")

        assert (done.exit_code, done.stdout) == (73, "")
        assert re.fullmatch(f"Error: `.+` .*{reason}.+\n", done.stderr)
        assert tables(sqlite_server) == before
        assert sorted(Path.cwd().iterdir()) == there
        assert other.read_text() == "precious"

    def test_can_not_be_made(self, sqlite_server: Server, invoke: Invoke) -> None:
        """What only the making of it shows comes late, but not too late."""
        done = invoke(*RESET, "--output-file", "x" * 300, sqlite_server.path, "user1")

        assert (done.exit_code, done.stdout) == (73, "")
        assert done.stderr.endswith("` can't be created: File name too long.\n")
        assert sqlite_server.opens("user1", OLD)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user who may not write")
    def test_folder_may_not_be_written_to(self, invoke: Invoke) -> None:
        """It is seen before any server is looked for."""
        with without_privileges():
            done = invoke(*RESET, "--output-file", "/etc/out", "no-such-path", "user1")

        assert (done.exit_code, done.stdout) == (73, "")
        assert "may not be written to" in done.stderr

    def test_is_made_although_stdout_is_closed(self, sqlite_server: Server) -> None:
        """Nothing goes there, so nothing is wrong; no database gets its number."""
        done = shell('zato sso reset-user-password "$0" user1 --output-file out <&- >&-', sqlite_server)

        assert (done.returncode, done.stderr) == (0, "")
        match = LINE.fullmatch(OUT.read_text())
        assert match
        assert sqlite_server.opens("user1", match["password"])

    def test_hyphen_is_stdout(self, sqlite_server: Server, invoke: Invoke) -> None:
        """As for other commands."""
        done = invoke(*RESET, "--output-file", "-", sqlite_server.path, "user1")

        assert LINE.fullmatch(done.stdout)
        assert list(Path.cwd().iterdir()) == []

    def test_is_not_made_where_nothing_is_changed(self, sqlite_server: Server, invoke: Invoke) -> None:
        """An error leaves none."""
        assert invoke(*RESET, "--output-file", OUT, sqlite_server.path, "nobody").exit_code == 22
        assert not OUT.exists()
