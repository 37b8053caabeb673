"""Fixtures: servers on real databases, and the command, in this process or in another."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.support import databases
from tests.support.databases import Database
from tests.support.servers import STOCK, Server, quick_server, stock_server
from tests.support.struck import hurry
from zato_sso_reset.host.program import zato

AUDIT = "Zato_Config_Unknown_sso__conf_audit_syslog"
"""The environment variable with the address of every server's audit lines."""

ENGINES = ("sqlite", "postgresql", "mysql")


@pytest.fixture(autouse=True)
def _own_world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Isolate the test from the caller's environment, and start it in a new folder."""
    for name in list(os.environ):
        if name.startswith(("Zato_Config_", "ZATO_", "_ZATO", "PYTHON")):
            monkeypatch.delenv(name)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    # A process with a full disk would leave half a file there.
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    # For every server, and for processes too: no test may write to the machine's own syslog.
    monkeypatch.setenv(AUDIT, "false")
    # PyMySQL reads the system's certificates for each connection, even without TLS, in 25 ms.
    monkeypatch.setenv("SSL_CERT_FILE", os.devnull)
    # Signals must end the processes that tests start, even under nohup.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")


@pytest.fixture(scope="session")
def worker() -> str:
    """A unique name of this worker and run."""
    return f"{os.environ.get('PYTEST_XDIST_WORKER', 'gw')}_{os.getpid()}"


@pytest.fixture(scope="session")
def postgresql(worker: str) -> Iterator[Database]:
    """A database on the local PostgreSQL."""
    database = databases.postgresql(worker)
    yield database
    databases.drop(database)


@pytest.fixture(scope="session")
def mysql(worker: str) -> Iterator[Database]:
    """A database on the local MariaDB."""
    database = databases.mysql(worker)
    yield database
    databases.drop(database)


@pytest.fixture(params=ENGINES)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Server:
    """A server with users, on each of the three databases in turn."""
    if request.param == "sqlite":
        return quick_server(tmp_path / "server1")
    database: Database = request.getfixturevalue(request.param)
    databases.make_tables(database)
    return quick_server(tmp_path / "server1", database)


@pytest.fixture
def sqlite_server(tmp_path: Path) -> Server:
    """A server with users, on SQLite."""
    return quick_server(tmp_path / "server1")


@pytest.fixture
def stock(tmp_path: Path) -> Server:
    """A copy of the server that a stock Zato 3.3 created."""
    if not STOCK.exists():
        pytest.skip("no directory of a stock Zato")
    return stock_server(tmp_path / "server1")


@pytest.fixture
def invoke() -> Callable[..., Result]:
    """Run `zato` with these arguments in this process."""

    def run(*args: object, **options: object) -> Result:
        return CliRunner().invoke(zato, [str(arg) for arg in args], prog_name="zato", **options)  # type: ignore[arg-type]

    return run


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the time limits in this process."""
    hurry(monkeypatch.setitem)


ZATO = Path(sys.executable).with_name("zato")
"""The console script of the tests' environment."""


@pytest.fixture
def process() -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Run the installed `zato` with these arguments in another process."""

    def run(*args: object, **options: object) -> "subprocess.CompletedProcess[str]":
        argv = [str(ZATO), *map(str, args)]
        return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, **options)  # type: ignore[call-overload,no-any-return]

    return run
