"""A pytest fixture for tests of plugins, which name this module in `pytest_plugins`."""

from pathlib import Path

import pytest

from zato_sso_reset.services.quickstart import create_server


@pytest.fixture
def zato_server(tmp_path: Path) -> Path:
    """The directory of a new server, with a SQLite database and the user `user1`."""
    return create_server(tmp_path / "server1", "user1")
