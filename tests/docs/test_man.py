"""The man pages, which docs/man.py writes and `man` renders."""

import os
import runpy
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def generator() -> dict[str, Any]:
    """The names that `docs/man.py` defines."""
    return runpy.run_path(str(DOCS / "man.py"))


def rendered(page: Path) -> str:
    """Return a page as `man` renders it, without a warning."""
    if not shutil.which("man"):
        pytest.skip("no man")
    env = {"PATH": os.environ["PATH"], "MANROFFSEQ": "", "MANWIDTH": "200", "LC_ALL": "C.UTF-8"}
    argv = ["man", "--warnings", "-E", "UTF-8", "-l", str(page)]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    return done.stdout


def test_pages_are_those_of_the_commands(generator: dict[str, Any]) -> None:
    """`docs/man` matches the commands; `nox -s man` writes it again."""
    assert {page.stem: page.read_text("utf-8") for page in (DOCS / "man").iterdir()} == generator["pages"]()


@pytest.mark.parametrize("page", sorted((DOCS / "man").iterdir()), ids=lambda page: page.stem)
def test_page_is_rendered_without_a_warning(page: Path) -> None:
    """`man` shows all sections of each page."""
    shown = rendered(page)

    for section in ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "EXAMPLES", "SEE ALSO"):
        assert f"\n{section}\n" in shown
    assert f"{page.stem} - " in shown
    assert "-h, --help" in shown


def test_text_is_shown_unchanged(generator: dict[str, Any], tmp_path: Path) -> None:
    """Text that roff would interpret or replace is escaped."""
    text = r"'br is said. .so /etc/passwd too. A \fB, \(aq, a --dry-run, a 'word' and \n"
    page = tmp_path / "page.1"
    page.write_text(f'.TH "PAGE" "1" "2026-11-23" "x" "y"\n.SH NAME\npage\n{generator["roff"](text)}\n')

    assert " ".join(rendered(page).split()).count(text) == 1
