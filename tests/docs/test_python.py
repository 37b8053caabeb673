"""docs/python.md, docs/plugins.md, and the names and the fixture that they describe."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import zato_sso_reset
from tests.support.servers import LINE
from zato_sso_reset.services.quickstart import create_server

DOCS = Path(__file__).parents[2] / "docs"
PYTHON, PLUGINS = ((DOCS / name).read_text("utf-8") for name in ("python.md", "plugins.md"))

pytest_plugins = ["zato_sso_reset.testing"]


def blocks(page: str) -> list[str]:
    """Return the fenced blocks of Python and TOML."""
    return re.findall(r"^```(?:python|toml)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a server."""
    create_server(tmp_path / "env" / "qs-1" / "server1", "user1")
    return tmp_path


def run_python(home: Path, *arguments: object, path: Path | None = None) -> str:
    """Run Python and return its stdout; `path` is on the path of modules."""
    env = {**os.environ, "HOME": str(home), **({"PYTHONPATH": str(path)} if path else {})}
    argv = [sys.executable, *map(str, arguments)]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class TestPublicNames:
    """`from zato_sso_reset import ...`."""

    @pytest.mark.parametrize("name", zato_sso_reset.__all__)
    def test_name_is_imported_and_documented(self, name: str) -> None:
        """Each name is in the table of the page."""
        assert getattr(zato_sso_reset, name)
        assert f"`{name}`" in PYTHON

    def test_other_name_is_an_error(self) -> None:
        """As of any module."""
        with pytest.raises(AttributeError, match="no attribute 'no_such_name'"):
            zato_sso_reset.no_such_name  # noqa: B018

    def test_package_itself_imports_no_library(self, home: Path) -> None:
        """SQLAlchemy and Click are imported with the names that need them."""
        code = "import sys, zato_sso_reset; print({'click', 'sqlalchemy'} & sys.modules.keys())"

        assert run_python(home, "-c", code) == "set()\n"


class TestPython:
    """docs/python.md."""

    def test_reset_prints_a_password(self, home: Path) -> None:
        """The first block prints a password."""
        password = run_python(home, "-c", blocks(PYTHON)[0])

        assert LINE.fullmatch(f"Password for user `user1` reset to `{password[:-1]}`\n")

    def test_parts_print_a_password_a_number_of_days_and_a_time(self, home: Path) -> None:
        """The second block prints a password, a number of days and a time."""
        assert re.fullmatch(
            r"\S{32}\n730 days\n\d{4}-\d\d-\d\d .+\n", run_python(home, "-c", blocks(PYTHON)[1])
        )


class TestPlugin:
    """The plugin of docs/plugins.md."""

    @pytest.fixture
    def installed(self, tmp_path: Path) -> Path:
        """A folder with the plugin, as pip would install it, and its test."""
        source, project, test = blocks(PLUGINS)
        (tmp_path / "zato_hello.py").write_text(source)
        (tmp_path / "test_zato_hello.py").write_text(test)
        metadata = tmp_path / "zato_hello-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: zato-hello\nVersion: 1.0\n")
        entry_points = re.sub(r'\[project\.entry-points\."(.+)"\]', r"[\1]", project.split("\n\n", 1)[1])
        (metadata / "entry_points.txt").write_text(entry_points.replace('"', ""))
        return tmp_path

    @pytest.mark.parametrize(
        ("arguments", "output"), re.findall(r"^    \$ zato (.+)\n    (.+)$", PLUGINS, re.MULTILINE)
    )
    def test_does_what_the_page_shows(self, installed: Path, home: Path, arguments: str, output: str) -> None:
        """Each command of the page prints the line below it."""
        argv = arguments.replace("~", str(home)).split()

        assert run_python(home, "-m", "zato_sso_reset", *argv, path=installed) == f"{output}\n"

    def test_has_a_test_that_passes(self, installed: Path, home: Path) -> None:
        """The page's own test, which uses the fixture."""
        argv = ("-m", "pytest", "-q", "-p", "no:cacheprovider", installed / "test_zato_hello.py")

        assert "1 passed" in run_python(home, *argv, path=installed)

    def test_fixture_is_a_server(self, zato_server: Path) -> None:
        """The same fixture in this process."""
        config = zato_sso_reset.ServerConfig.read(zato_server, env={}, stdin=None)

        assert config.database.database == str(zato_server / "zato.db")
