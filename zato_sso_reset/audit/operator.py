"""Who runs this process, and where."""

import os
import pwd
from contextlib import suppress


def operating_user() -> str:
    """Return the name of the user whose process this is, or the number where it has none."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user often has no name
        return str(os.getuid())


def host() -> str:
    """Return the name of this machine."""
    return os.uname().nodename


def user_at_host() -> str:
    """Return both, as Zato writes who did something."""
    return f"{operating_user()}@{host()}"


def terminal() -> str:
    """Return the terminal that the process has for one of its streams, or an empty text."""
    for fd in (0, 1, 2):
        with suppress(OSError):
            return os.ttyname(fd)
    return ""
