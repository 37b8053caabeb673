"""What the tests of the command line share."""

from collections.abc import Callable

import pytest
from click.testing import Result

from tests.support.bulk import bulk_arguments
from tests.support.servers import Server

Invoke = Callable[..., Result]


@pytest.fixture
def bulk_reset(sqlite_server: Server, invoke: Invoke) -> Invoke:
    """Reset passwords in this process, without a question; the lines go to stdout."""

    def run(*args: object, output: object = "-", **options: object) -> Result:
        return invoke(*bulk_arguments(sqlite_server, "--yes", *args, output=output), **options)

    return run
