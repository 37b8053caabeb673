"""The order of the package's rooms: imports point down, and heavy ones come late."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import zato_sso_reset

PACKAGE = Path(zato_sso_reset.__file__).parent

ROOMS = [
    "__main__",
    "cli",
    "bulk",
    "selection",
    "reset",
    "status",
    "quickstart",
    "generator",
    "policy",
    "expiry",
    "hashing",
    "audit",
    "status_repository",
    "repository",
    "access_repository",
    "schema",
    "tables",
    "odb",
    "access",
    "users",
    "server",
    "syslog",
    "overrides",
    "conf",
    "secret_key",
    "files",
    "host",
    "plugins",
    "limits",
    "who",
    "errors",
    "__init__",
]
"""From top to bottom."""

ALLOWED = {
    "click": {"cli", "host"},
    "sqlalchemy": {
        "status_repository",
        "repository",
        "access_repository",
        "schema",
        "tables",
        "odb",
    },
    "cryptography": {"secret_key", "quickstart"},
    "argon2": {"hashing"},
    "configobj": {"conf"},
    "tomli": {"overrides"},
    "zxcvbn": {"policy"},
}
"""Who may know of which library."""

MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


def room_of(module: str) -> str:
    """Return the room that a module's path belongs to."""
    return Path(module).parts[0].removesuffix(".py")


def imports(module: str) -> Iterator[str]:
    """Yield the dotted name of all that a module imports, wherever in it that happens."""
    for node in ast.walk(ast.parse((PACKAGE / module).read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


class TestLayers:
    """What each module imports."""

    def test_every_module_has_a_room(self) -> None:
        """No module is outside the order, and no room is without a module."""
        assert {room_of(module) for module in MODULES} == set(ROOMS)

    @pytest.mark.parametrize("module", MODULES)
    def test_imports_point_down(self, module: str) -> None:
        """A module knows what is below its room, never what is above."""
        own = ROOMS.index(room_of(module))
        inner = [name.split(".")[1] for name in imports(module) if name.split(".")[0] == PACKAGE.name]

        for room in inner:
            within = room == room_of(module) == "cli"
            assert within or ROOMS.index(room) > own, f"{module} imports {room}"

    @pytest.mark.parametrize("module", MODULES)
    def test_libraries_are_known_where_they_belong(self, module: str) -> None:
        """Click stays with the commands, SQLAlchemy with the repository, each other one in its room."""
        for library in {name.split(".")[0] for name in imports(module)} & ALLOWED.keys():
            assert room_of(module) in ALLOWED[library], f"{module} imports {library}"


class TestStart:
    """What a command has imported before it does anything."""

    @pytest.mark.parametrize("module", ["cli.reset_user_password", "cli.password_status", "__main__"])
    def test_imports_no_heavy_library(self, module: str) -> None:
        """`--help`, and every mistake on the command line, are told without waiting for a library."""
        code = f"import json, sys, zato_sso_reset.{module}; print(json.dumps(sorted(sys.modules)))"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        imported = {name.split(".")[0] for name in json.loads(done.stdout)}

        assert "zato_sso_reset" in imported
        assert not imported & {
            "sqlalchemy",
            "argon2",
            "cryptography",
            "zxcvbn",
            "configobj",
            "tomli",
            "psycopg",
            "pymysql",
        }
