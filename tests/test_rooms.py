"""The architecture: a table of the rooms' imports, and limits on the size of modules."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import zato_sso_reset

PACKAGE = Path(zato_sso_reset.__file__).parent

TABLE = """
| room     | may import                                 | libraries                    |
| -------- | ------------------------------------------ | ---------------------------- |
| cli      | host services database audit server domain | click                        |
| services | database server domain                     |                              |
| database | server.database domain                     | sqlalchemy                   |
| audit    | server domain                              |                              |
| server   | domain                                     | cryptography configobj tomli |
| domain   |                                            | argon2 cryptography zxcvbn   |
| host     |                                            | click                        |
"""
"""Every room may also import `COMMON`, except those in `LIMITED`: `domain` does no I/O."""

COMMON = {"errors", "text", "files", "signals"}

LIMITED = {"domain": {"errors", "text"}, "host": {"errors", "text", "signals"}}
"""The common modules of rooms that may not import all of them."""

OUTER = {
    "__init__.py": {"services", "database", "server", "domain"},
    "__main__.py": {"host"},
    "testing.py": {"services"},
}
"""The rooms that the other modules outside the rooms may import."""

LIBRARIES = {
    "argon2": {"domain/hashing.py"},
    "configobj": {"server/ini.py"},
    "cryptography": {"domain/hashing.py", "domain/totp.py", "server/secret_key.py"},
    "tomli": {"server/toml.py"},
    "zxcvbn": {"domain/policy.py"},
}
"""The modules that may import a library: one for each, and one for each use of cryptography."""


def rows() -> dict[str, tuple[set[str], set[str]]]:
    """Return the rooms and libraries that each room may import."""
    cells = (line.strip("|").split("|") for line in TABLE.strip().splitlines()[2:])
    return {room.strip(): (set(rooms.split()), set(libraries.split())) for room, rooms, libraries in cells}


ROOMS = rows()

MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))

IN_ROOMS = [module for module in MODULES if "/" in module]


def imports(module: str) -> Iterator[str]:
    """Yield the dotted names of everything that a module imports, anywhere in it."""
    for node in ast.walk(ast.parse((PACKAGE / module).read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


class TestTree:
    """The folders are the architecture."""

    def test_folders_are_the_rooms_of_the_table(self) -> None:
        """Each folder with modules is a room, and each room is a folder."""
        assert {Path(module).parts[0] for module in IN_ROOMS} == ROOMS.keys()

    def test_top_level_has_at_most_seven_modules(self) -> None:
        """A newcomer sees the rooms, not a list of modules."""
        assert len(MODULES) - len(IN_ROOMS) <= 7

    @pytest.mark.parametrize("module", MODULES)
    def test_modules_and_functions_are_small(self, module: str) -> None:
        """A module has at most 250 lines, a function at most 60."""
        source = (PACKAGE / module).read_text()

        assert len(source.splitlines()) <= 250
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 60, node.name


class TestImports:
    """A room imports only what the table allows."""

    @pytest.mark.parametrize("module", IN_ROOMS)
    def test_imports_follow_the_table(self, module: str) -> None:
        """An import outside the table would turn the architecture upside down."""
        room = Path(module).parts[0]
        allowed = ROOMS[room][0] | {room} | LIMITED.get(room, COMMON)

        for name in imports(module):
            package, _, rest = name.partition(".")
            if package == PACKAGE.name:
                assert any(f"{rest}.".startswith(f"{each}.") for each in allowed), f"{module} imports {name}"

    @pytest.mark.parametrize("module", [module for module in MODULES if module not in IN_ROOMS])
    def test_common_modules_import_no_room(self, module: str) -> None:
        """Only what others start with knows rooms: the console script, the public names, the fixture."""
        inner = {name.split(".")[1] for name in imports(module) if name.startswith(f"{PACKAGE.name}.")}

        assert inner <= COMMON | OUTER.get(module, set())

    @pytest.mark.parametrize("module", MODULES)
    def test_libraries_are_imported_in_their_room(self, module: str) -> None:
        """Click stays in `cli` and `host`, SQLAlchemy in `database`, every other library in its module."""
        known = set().union(*(libraries for _, libraries in ROOMS.values()))

        for library in {name.split(".")[0] for name in imports(module)} & known:
            assert library in ROOMS[Path(module).parts[0]][1], f"{module} imports {library}"
            assert module in LIBRARIES.get(library, {module})
