"""Fixtures of the tests of the use cases."""

from collections.abc import Callable

import pytest
from click.testing import Result

from tests.support.bulk import bulk_arguments
from tests.support.servers import Server

Invoke = Callable[..., Result]


@pytest.fixture
def reset(server: Server, invoke: Invoke) -> Invoke:
    """Reset the password of `user1` in this process."""

    def run(*args: object) -> Result:
        return invoke("sso", "reset-user-password", server.path, "user1", *args)

    return run


@pytest.fixture
def bulk_reset(server: Server, invoke: Invoke) -> Invoke:
    """Reset passwords in this process, without a question; the lines go to stdout."""

    def run(*args: object, output: object = "-") -> Result:
        return invoke(*bulk_arguments(server, "--yes", *args, output=output))

    return run
