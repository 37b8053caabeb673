"""README and docs match the code."""

import re
import runpy
from pathlib import Path

import pytest

from zato_sso_reset import errors
from zato_sso_reset.cli.commands.check_login import REFUSED
from zato_sso_reset.server.toml import OVERRIDES

PROJECT = Path(__file__).parents[2]
HELP = runpy.run_path(str(PROJECT / "docs" / "help.py"))


def read(name: str) -> str:
    """Return the text of a file of the project."""
    return (PROJECT / name).read_text("utf-8")


class TestReadme:
    """Help texts, commands and tables."""

    @pytest.mark.parametrize("page", HELP["PAGES"], ids=lambda page: page.stem)
    def test_help_matches_the_command(self, page: Path) -> None:
        """The help texts are those that the commands print; `nox -s help` writes them."""
        text = page.read_text("utf-8")

        assert text == HELP["with_help"](text)

    @pytest.mark.parametrize(
        "page", [*HELP["PAGES"], *sorted(PROJECT.glob(".github/*.md"))], ids=lambda page: page.stem
    )
    def test_links_lead_to_files(self, page: Path) -> None:
        """A link to a heading leads to one of that page."""
        for path, heading in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)", page.read_text("utf-8")):
            target = page.parent / path if path else page
            assert target.exists(), path
            headings = re.findall(r"^#+ (.+)$", target.read_text("utf-8"), re.MULTILINE) if heading else []
            assert heading in {
                "",
                *(re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in headings),
            }

    def test_index_and_pages_link_to_each_other(self) -> None:
        """No page is lost."""
        index = read("docs/README.md")
        for page in HELP["PAGES"][1:]:
            if page.name != "README.md":
                assert f"]({page.name})" in index
                assert "[index](README.md)" in page.read_text("utf-8")

    def test_length_is_limited(self) -> None:
        """Everything else has a page of its own."""
        assert len(read("README.md").splitlines()) <= 120

    @pytest.mark.parametrize("session", ["demo", "tests"])
    def test_sessions_exist(self, session: str) -> None:
        """The two commands run sessions of the noxfile."""
        assert (
            f"\n    python3 -m venv .venv && .venv/bin/pip install -q nox && .venv/bin/nox -s {session}\n"
            in read("README.md")
        )
        assert re.search(rf"^def {session}\(", read("noxfile.py"), re.MULTILINE)

    def test_exit_codes_are_complete(self) -> None:
        """The table has the codes of all errors, and no others."""
        cells = re.findall(r"^\| (\d+) \|", read("docs/exit-codes.md"), re.MULTILINE)
        documented = set(map(int, cells)) - {0, 1}  # 1 is Click's own

        assert documented == {
            kind.exit_code
            for kind in vars(errors).values()
            if isinstance(kind, type) and hasattr(kind, "exit_code")
        } | {REFUSED}

    def test_overrides_are_documented(self) -> None:
        """The table of `sso.toml` has all sections and keys."""
        rows = re.findall(r"^\| `\[(\w+)\]` \| (.+) \|$", read("docs/configuration.md"), re.MULTILINE)

        assert {section: set(re.findall(r"`(\w+)`", keys)) for section, keys in rows} == OVERRIDES

    @pytest.mark.parametrize("page", ["docs/security.md", "docs/faults.md"])
    def test_named_tests_exist(self, page: str) -> None:
        """Each test that the page names is an existing file or folder."""
        named = re.findall("`(tests/[^`]+)`", read(page))

        assert named
        assert [path for path in named if not (PROJECT / path).exists()] == []
