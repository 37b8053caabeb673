"""Draw `docs/terminal.svg` from the output of the installed `zato`: `nox -s picture`."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

PICTURE = Path(__file__).with_name("terminal.svg")


def main(zato: str) -> None:
    """Run the commands in a temporary folder, and draw prompt, command and output."""
    console = Console(record=True, width=100, file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="zato-") as folder:
        for command in (
            f"zato sso quickstart {folder}/server1",
            f"zato sso reset-user-password {folder}/server1 user1",
            f"zato sso reset-user-password --expiry 2 --must-change true {folder}/server1 user1",
            f"zato sso reset-user-password {folder}/server1 USER1; echo $?",
            f"zato sso reset-user-password {folder} user1; echo $?",
        ):
            console.print(Text(f"$ {command}", style="bold"))
            shell = ["sh", "-c", f'zato() {{ "{zato}" "$@"; }}; {command}']
            output = subprocess.run(
                shell, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            ).stdout
            console.print(Text(output.rstrip()))
    svg = console.export_svg(title="zato sso reset-user-password", unique_id="terminal")
    # The picture must not fetch a font from another site.
    PICTURE.write_text(re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL))


if __name__ == "__main__":
    main(sys.argv[1])
