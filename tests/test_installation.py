"""The tests run on the installed package."""

import json
import subprocess
from importlib.metadata import distribution
from pathlib import Path

import pytest

import zato_sso_reset
from tests.support.processes import PYTHON, environment

ZATO_SSO_RESET = distribution("zato-sso-reset")


def is_editable() -> bool:
    """Return whether the installation is a link to the source tree."""
    origin = json.loads(ZATO_SSO_RESET.read_text("direct_url.json") or "{}")
    return bool(origin.get("dir_info", {}).get("editable"))


@pytest.mark.skipif(is_editable(), reason="the installation is editable")
class TestInstallation:
    """A wheel that lacks a file fails the tests."""

    def test_tests_import_the_installed_package(self) -> None:
        """Its modules are in site-packages."""
        installed = Path(str(ZATO_SSO_RESET.locate_file("zato_sso_reset/__init__.py")))

        assert installed.parents[1].name in {"site-packages", "dist-packages"}
        assert Path(zato_sso_reset.__file__).samefile(installed)

    def test_processes_import_the_installed_package(self) -> None:
        """Programs that tests start do the same."""
        argv = [*PYTHON, "-c", "import zato_sso_reset; print(zato_sso_reset.__file__)"]
        done = subprocess.run(argv, env=environment(), capture_output=True, text=True, check=True)

        assert Path(done.stdout.strip()).samefile(zato_sso_reset.__file__)
