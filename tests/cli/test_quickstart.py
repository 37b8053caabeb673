"""`zato sso quickstart`: arguments and output."""

import shlex
from pathlib import Path

import pytest

from tests.cli.conftest import Invoke, delivered_password, error_line
from zato_sso_reset.host.program import zato

QUICKSTART = ("sso", "quickstart")


def files_below(folder: Path) -> dict[Path, bytes | None]:
    """Return everything in a folder, with the content of files."""
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


class TestQuickstart:
    """The command creates a directory, and prints the next command."""

    @pytest.mark.parametrize("username", ["user1", "o'neil & co", "-bob", "~", "al\u00edce"])
    def test_printed_command_works(self, invoke: Invoke, username: str) -> None:
        """It resets the password of the created user."""
        created = invoke(*QUICKSTART, "my server", f"--username={username}")
        program, *arguments = shlex.split(created.stdout)
        done = invoke(*arguments)

        assert (created.exit_code, program) == (0, "zato")
        assert created.stdout.count("\n") == 1
        assert (done.exit_code, done.stderr) == (0, "")
        assert delivered_password(done.stdout, username)

    def test_stdout_has_only_the_next_command(self, invoke: Invoke) -> None:
        """Its path is absolute; the default user is on stderr."""
        done = invoke(*QUICKSTART, "server1")

        assert done.exit_code == 0
        assert done.stdout == f"zato sso reset-user-password {Path('server1').absolute()} user1\n"
        assert "`user1`" in done.stderr

    @pytest.mark.parametrize("path", ["server1", "a/b/server1", "empty", "empty/"])
    def test_missing_or_empty_directory_is_filled(self, invoke: Invoke, path: str) -> None:
        """Parent directories are created."""
        Path("empty").mkdir()

        assert invoke(*QUICKSTART, path).exit_code == 0
        assert Path(path, "config", "repo", "secrets.conf").is_file()

    @pytest.mark.parametrize("kind", ["server", "folder", "file"])
    def test_existing_path_is_an_error(self, invoke: Invoke, kind: str) -> None:
        """Nothing is overwritten."""
        path = Path("existing")
        if kind == "server":
            assert invoke(*QUICKSTART, path).exit_code == 0
        elif kind == "folder":
            path.mkdir()
            (path / "mine").write_text("text")
        else:
            path.write_text("text")
        before = files_below(Path.cwd())
        error = error_line(invoke(*QUICKSTART, path), 20)

        assert error.startswith(f"Error: `{path.absolute()}` already exists")
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
    def test_invalid_argument_is_an_error(
        self, invoke: Invoke, arguments: tuple[str, ...], code: int
    ) -> None:
        """Nothing is created."""
        Path("file").touch()
        error_line(invoke(*QUICKSTART, *arguments), code)

        assert list(files_below(Path.cwd())) == [Path("file").absolute()]

    def test_full_stdout_is_an_error_that_names_the_next_command(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The directory exists all the same."""
        with Path("/dev/full").open("w") as full, monkeypatch.context() as context:
            context.setattr("sys.stdout", full)
            with pytest.raises(SystemExit) as caught:
                zato.main([*QUICKSTART, "server1"], prog_name="zato")

        assert caught.value.code == 74
        assert (
            f"Run `zato sso reset-user-password {Path('server1').absolute()} user1`"
            in capsys.readouterr().err
        )
        assert Path("server1/config/repo/secrets.conf").is_file()
