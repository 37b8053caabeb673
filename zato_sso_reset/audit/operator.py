"""The operator of this process, and the machine."""

import os
import pwd
from contextlib import suppress


def operating_user() -> str:
    """Return the name of the process's user, or the number of a user without a name, as in containers."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def host() -> str:
    """Return the name of this machine."""
    return os.uname().nodename


def user_at_host() -> str:
    """Return `user@host`, Zato's notation for an operator."""
    return f"{operating_user()}@{host()}"


def terminal() -> str:
    """Return the terminal of one of the process's standard streams, or an empty text."""
    for fd in (0, 1, 2):
        with suppress(OSError):
            return os.ttyname(fd)
    return ""
