"""`zato sso quickstart`: a server directory to try things out."""

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from tests.support.servers import LINE

Invoke = Callable[..., Result]

QUICKSTART = ("sso", "quickstart")


def files_below(folder: Path) -> dict[Path, bytes | None]:
    """Return everything in a folder, files with what they hold."""
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


class TestQuickstart:
    """The command makes a directory, and prints what to run next."""

    @pytest.mark.parametrize("username", ["user1", "o'neil & co", "-bob", "~", "al\u00edce"])
    def test_printed_command_works(self, invoke: Invoke, username: str) -> None:
        """What stdout gets is one command, which resets the password of the user that was made."""
        made = invoke(*QUICKSTART, "my server", f"--username={username}")
        program, *arguments = shlex.split(made.stdout)
        done = invoke(*arguments)

        assert (made.exit_code, program) == (0, "zato")
        assert made.stdout.count("\n") == 1
        assert (done.exit_code, done.stderr) == (0, "")
        match = LINE.fullmatch(done.stdout)
        assert match
        assert match["username"] == username

    def test_prints_nothing_else(self, invoke: Invoke) -> None:
        """All that stdout gets is the next command, with an absolute path and the default user."""
        done = invoke(*QUICKSTART, "server1")

        assert done.exit_code == 0
        assert done.stdout == f"zato sso reset-user-password {Path('server1').absolute()} user1\n"
        assert "`user1`" in done.stderr

    @pytest.mark.parametrize("path", ["server1", "a/b/server1", "empty", "empty/"])
    def test_path_may_be_absent_or_empty(self, invoke: Invoke, path: str) -> None:
        """The directory and those above it are made, and an empty one is filled."""
        Path("empty").mkdir()

        assert invoke(*QUICKSTART, path).exit_code == 0
        assert Path(path, "config", "repo", "secrets.conf").is_file()

    @pytest.mark.parametrize("kind", ["server", "folder", "file"])
    def test_path_is_there_already(self, invoke: Invoke, kind: str) -> None:
        """Nothing that is there is written over."""
        path = Path("there")
        if kind == "server":
            assert invoke(*QUICKSTART, path).exit_code == 0
        elif kind == "folder":
            path.mkdir()
            (path / "mine").write_text("text")
        else:
            path.write_text("text")
        before = files_below(Path.cwd())
        done = invoke(*QUICKSTART, path)

        assert (done.exit_code, done.stdout) == (20, "")
        assert done.stderr.startswith(f"Error: `{path.absolute()}` already exists")
        assert done.stderr.count("\n") == 1
        assert files_below(Path.cwd()) == before

    @pytest.mark.parametrize(
        ("arguments", "code"),
        [
            (("",), 2),
            (("server1", "--username", ""), 2),
            (("server1", "--username", "a\x1bb"), 2),
            (("server1", "--username", "a" * 192), 2),
            (("a\nb",), 73),
            (("file/server1",), 73),
        ],
    )
    def test_wrong_argument_makes_nothing(
        self, invoke: Invoke, arguments: tuple[str, ...], code: int
    ) -> None:
        """A path or name that can't be is refused in one line."""
        Path("file").touch()
        done = invoke(*QUICKSTART, *arguments)

        assert (done.exit_code, done.stdout) == (code, "")
        assert done.stderr[:-1].isprintable()
        assert list(files_below(Path.cwd())) == [Path("file").absolute()]
