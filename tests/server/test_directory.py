"""A server's directory, and the directories that are mistaken for one."""

import os
from pathlib import Path

import pytest

from tests.support.limits import without_privileges
from zato_sso_reset.errors import ConfigError, NotAServerError, PermissionDeniedError
from zato_sso_reset.server.directory import MAX_INFO, find_repo
from zato_sso_reset.text import printable


def make_component(path: Path, info: str | None = '{"component": "SERVER"}') -> Path:
    """Create the files of a component's directory that show its kind."""
    (path / "config" / "repo").mkdir(parents=True)
    (path / "config" / "repo" / "secrets.conf").touch()
    if info is not None:
        (path / ".zato-info").write_text(info)
    return path


def error_for(path: Path) -> str:
    """Return the hint of the error for a path that is not a server's directory."""
    with pytest.raises(NotAServerError) as caught:
        find_repo(path)
    assert caught.value.message == f"No server found at `{printable(str(path))}`."
    assert caught.value.hint.isprintable()
    return caught.value.hint


class TestFindRepo:
    """`find_repo`."""

    @pytest.mark.parametrize(
        "info",
        [
            '{"component": "SERVER", "version": "Zato 3.3"}',
            *(None, "", "not JSON", "[]", "{}", "1", '"SERVER"', "\0"),
        ],
    )
    def test_directory_with_secrets_is_a_server(self, tmp_path: Path, info: str | None) -> None:
        """It is one unless `.zato-info` can be read and names another component."""
        path = make_component(tmp_path / "server1", info)

        assert find_repo(path) == path / "config" / "repo"

    @pytest.mark.parametrize("info", ["[" * 60_000, " " * (MAX_INFO + 1)], ids=["nested", "large"])
    def test_hostile_info_is_an_error(self, tmp_path: Path, info: str) -> None:
        """`.zato-info` is nested too deeply or too large; a server beside it is not named."""
        path = make_component(tmp_path / "server1", info)
        with pytest.raises(ConfigError) as caught:
            find_repo(path)

        assert str(caught.value) == (
            f"`{path}/.zato-info` is too large, or nested too deeply. Restore the file."
        )
        assert error_for(tmp_path) == "It has no `config/repo/secrets.conf`."

    def test_fifo_does_not_block(self, tmp_path: Path) -> None:
        """Nobody writes to a `.zato-info` that is a FIFO."""
        path = make_component(tmp_path / "server1", None)
        os.mkfifo(path / ".zato-info")

        assert find_repo(path) == path / "config" / "repo"

    def test_servers_inside_are_named(self, tmp_path: Path) -> None:
        """Other folders are not."""
        env = tmp_path / "env"
        make_component(env / "server2")
        make_component(env / "ser\x1b", None)
        make_component(env / "scheduler", '{"component": "SCHEDULER"}')
        (env / "load-balancer").mkdir()

        assert error_for(env) == r"There are servers inside: `ser\x1b`, `server2`."

    @pytest.mark.parametrize("inside", ["config/repo", "config", "logs"])
    def test_server_around_is_named(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: str
    ) -> None:
        """The path may be relative."""
        path = make_component(tmp_path / "server1")
        (path / "logs").mkdir()
        monkeypatch.chdir(path / inside)

        for given_path in (path / inside, Path()):
            assert error_for(given_path) == f"Did you mean `{path}`?"

    @pytest.mark.parametrize(
        ("component", "shown"),
        [("SCHEDULER", "scheduler"), ("\\u001b[31m", r"\x1b[31m"), ("A" * 41, "a" * 40 + "...")],
    )
    def test_other_component_is_named(self, tmp_path: Path, component: str, shown: str) -> None:
        """A scheduler's directory has secrets too; a folder inside of it is not a server's."""
        path = make_component(tmp_path / "scheduler", f'{{"component": "{component}"}}')

        assert error_for(path) == f"It is a component of another kind: {shown}."
        assert error_for(path / "config") == "It has no `config/repo/secrets.conf`."

    def test_file_is_not_a_directory(self, tmp_path: Path) -> None:
        """Not even a server's own file."""
        path = make_component(tmp_path / "server1") / "config" / "repo" / "secrets.conf"

        assert error_for(path) == "It is a file; use the server's directory."

    @pytest.mark.parametrize(
        ("name", "hint"),
        [
            ("missing", "There is no such directory."),
            ("a\x1b", "There is no such directory."),
            ("a\0", "There is no such directory."),
            ("server", "There is no such directory. Did you mean `{}`?"),
            ("x" * 300, "File name too long."),
            ("loop", "Too many levels of symbolic links."),
        ],
    )
    def test_missing_directory_has_a_suggestion(self, tmp_path: Path, name: str, hint: str) -> None:
        """The suggestion is a server beside it with a similar name."""
        make_component(tmp_path / "server1")
        (tmp_path / "loop").symlink_to("loop")

        assert error_for(tmp_path / name) == hint.format(tmp_path / "server1")

    @pytest.mark.parametrize(
        ("forbidden", "given"), [("out\x1ber", ""), ("out\x1ber/server1/config", "/logs")]
    )
    def test_forbidden_directory_is_an_error(self, tmp_path: Path, forbidden: str, given: str) -> None:
        """It may be a server's, or be inside of one."""
        path = make_component(tmp_path / "out\x1ber" / "server1")
        (path / "logs").mkdir()
        (tmp_path / forbidden).chmod(0o000)
        try:
            with without_privileges(), pytest.raises(PermissionDeniedError) as caught:
                find_repo(Path(f"{path}{given}"))
        finally:
            (tmp_path / forbidden).chmod(0o700)
        shown = f"`{tmp_path}/out\\x1ber/server1{given}`"
        assert str(caught.value) == f"{shown} may not be read. Run as the server's own user."
