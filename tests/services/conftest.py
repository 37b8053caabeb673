"""What the tests of the use cases share."""

from collections.abc import Callable

import pytest
from click.testing import Result

from tests.support.servers import Server

Invoke = Callable[..., Result]


@pytest.fixture
def reset(server: Server, invoke: Invoke) -> Invoke:
    """Reset the password of `user1` in this process."""

    def run(*args: object) -> Result:
        return invoke("sso", "reset-user-password", server.path, "user1", *args)

    return run
