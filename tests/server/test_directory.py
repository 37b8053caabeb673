"""A server's directory, told from others."""

import os
from pathlib import Path

import pytest

from tests.support.limits import without_privileges
from zato_sso_reset.errors import NotAServerError, PermissionDeniedError
from zato_sso_reset.files import MAX_SIZE
from zato_sso_reset.server.config import find_repo


def make_component(path: Path, info: str | None = '{"component": "SERVER"}') -> Path:
    """Make as much of a component's directory as tells its kind."""
    (path / "config" / "repo").mkdir(parents=True)
    (path / "config" / "repo" / "secrets.conf").touch()
    if info is not None:
        (path / ".zato-info").write_text(info)
    return path


class TestFindRepo:
    """`find_repo`, which tells a server's directory from others."""

    @pytest.mark.parametrize(
        "info",
        [
            '{"component": "SERVER", "version": "Zato 3.3"}',
            None,
            "",
            "not JSON",
            "[]",
            "{}",
            "1",
            '"SERVER"',
            "\0",
            pytest.param("[" * 100_000, id="nested"),
            pytest.param(" " * (MAX_SIZE + 1), id="large"),
        ],
    )
    def test_takes_a_directory_with_secrets(self, tmp_path: Path, info: str | None) -> None:
        """Secrets make a server, unless `.zato-info` can be read and says otherwise."""
        path = make_component(tmp_path / "server1", info)

        assert find_repo(path) == path / "config" / "repo"

    def test_is_not_held_up_by_a_fifo(self, tmp_path: Path) -> None:
        """A `.zato-info` that nobody writes to is not waited on."""
        path = make_component(tmp_path / "server1", None)
        os.mkfifo(path / ".zato-info")

        assert find_repo(path) == path / "config" / "repo"

    def test_names_the_servers_inside(self, tmp_path: Path) -> None:
        """The parent of servers has them named, and none of what is beside them."""
        env = tmp_path / "env"
        make_component(env / "server2")
        make_component(env / "server1", None)
        make_component(env / "scheduler", '{"component": "SCHEDULER"}')
        (env / "load-balancer").mkdir()

        with pytest.raises(NotAServerError) as caught:
            find_repo(env)
        message = f"No server found at `{env}`. There are servers inside: `server1`, `server2`."
        assert str(caught.value) == message

    @pytest.mark.parametrize("inside", ["config/repo", "config", "logs"])
    def test_names_the_server_around(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: str
    ) -> None:
        """A folder of a server has the server's own directory named, for a relative path too."""
        path = make_component(tmp_path / "server1")
        (path / "logs").mkdir()
        monkeypatch.chdir(path / inside)

        for given_path in (path / inside, Path()):
            with pytest.raises(NotAServerError, match=f"Did you mean `{path}`\\?"):
                find_repo(given_path)

    @pytest.mark.parametrize(
        ("component", "shown"),
        [("SCHEDULER", "scheduler"), ("WEB_ADMIN", "web_admin"), ("\\u001b[31m", r"\\x1b\[31m")],
    )
    def test_names_a_component_of_another_kind(self, tmp_path: Path, component: str, shown: str) -> None:
        """A scheduler's directory has secrets too, and is named as what it is."""
        path = make_component(tmp_path / "scheduler", f'{{"component": "{component}"}}')

        with pytest.raises(NotAServerError, match=f"It is a component of another kind: {shown}\\."):
            find_repo(path)

    def test_says_that_there_is_nothing_of_a_server(self, tmp_path: Path) -> None:
        """A directory without secrets is told what it lacks."""
        (tmp_path / "scheduler" / "config" / "repo").mkdir(parents=True)

        with pytest.raises(NotAServerError, match=r"It has no `config/repo/secrets.conf`"):
            find_repo(tmp_path / "scheduler")

    def test_says_that_it_is_a_file(self, tmp_path: Path) -> None:
        """A file, even a server's own, is no directory."""
        path = make_component(tmp_path / "server1") / "config" / "repo" / "secrets.conf"

        with pytest.raises(
            NotAServerError, match=r"secrets.conf`. It is a file; give the server's directory"
        ):
            find_repo(path)

    @pytest.mark.parametrize(
        ("name", "hint"),
        [("missing", "There is no such directory"), ("x" * 300, "File name too long"), ("a\x1b", "no such")],
        ids=["missing", "too long", "control characters"],
    )
    def test_says_that_it_is_not_there(self, tmp_path: Path, name: str, hint: str) -> None:
        """A path that leads nowhere is told, in printable characters."""
        with pytest.raises(NotAServerError, match=hint) as caught:
            find_repo(tmp_path / name)
        assert str(caught.value).isprintable()

    def test_says_that_it_may_not_look(self, tmp_path: Path) -> None:
        """A directory of somebody else may well be a server's."""
        outer = tmp_path / "outer"
        path = make_component(outer / "server1")
        outer.chmod(0o000)
        try:
            with without_privileges(), pytest.raises(PermissionDeniedError, match="may not be looked into"):
                find_repo(path)
        finally:
            outer.chmod(0o700)
