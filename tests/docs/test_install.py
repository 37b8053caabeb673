"""docs/install.md: the blocks run as printed, here or in `nox -s build`."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ZATO

PAGE = (Path(__file__).parents[2] / "docs" / "install.md").read_text("utf-8")

SHELLS = {"zsh": "print $_comps[zato]", "fish": "complete -c zato"}
"""The commands that print the completion of `zato`; tests/cli/test_completion.py has the test of bash."""

BEFORE = {"zsh": "autoload -U compinit && compinit -u\n"}


def blocks(page: str, language: str) -> list[str]:
    """Return the fenced blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_is_enabled(shell: str) -> None:
    """The lines for the shell's own file define a completion that calls `zato`."""
    if not shutil.which(shell):
        pytest.skip(f"no {shell}")
    [block] = blocks(PAGE, shell)
    env = {**os.environ, "PATH": f"{ZATO.parent}:{os.environ['PATH']}"}
    argv = [shell, "-c", f"{BEFORE.get(shell, '')}{block}{SHELLS[shell]}"]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert "_zato_completion" in done.stdout


@pytest.mark.parametrize("block", blocks(PAGE, "sh"))
def test_blocks_of_the_installation_run(block: str) -> None:
    """The installation without a network is run by `nox -s build`, the others are not run."""
    program = block.split(maxsplit=1)[0]
    if "wheels" in block:
        pytest.skip("`nox -s build` runs it")
    assert program in {"pipx", "uv", "python3"}
    pytest.skip("needs a network")
