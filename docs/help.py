"""Write the help texts in README and docs from the commands: `nox -s help`."""

import re
from pathlib import Path

from click.testing import CliRunner

from zato_sso_reset.host.program import zato

PROJECT = Path(__file__).parents[1]

BLOCK = re.compile(r"(<!-- help: zato (?P<arguments>.+?) -->\n```\n).*?(```\n)", re.DOTALL)


PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]


def with_help(text: str) -> str:
    """Return the text of a page with the help texts that the commands print."""
    return BLOCK.sub(lambda block: block[1] + help_text(block["arguments"]) + block[3], text)


def help_text(arguments: str) -> str:
    """Return what `zato` prints on a terminal of 78 columns."""
    return CliRunner().invoke(zato, arguments.split(), prog_name="zato", terminal_width=78).stdout


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(with_help(page.read_text("utf-8")), "utf-8")
