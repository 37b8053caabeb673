"""Files of usernames."""

import sys
from collections.abc import Iterator
from typing import Any, BinaryIO

import click

from zato_sso_reset.cli import options
from zato_sso_reset.errors import ConfigError

MAX_LINE = 3 + 4 * options.MAX_USERNAME + 2  # bytes: a byte order mark, the longest username and a line end

MAX_USERS = 1_000_000  # lines of a list of users, and of the file of a bulk reset


class UsersFile(click.File):
    """A file to read, or stdin."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Open the file, except during completion."""
        if ctx and ctx.resilient_parsing:
            return None
        if value == "-" and not sys.stdin:
            self.fail("stdin is closed.", param, ctx)
        return super().convert(value, param, ctx)


def read_usernames(file: BinaryIO) -> Iterator[str]:
    """Yield the usernames in a file, one per line.

    Raises BadParameter if a line is not a valid username, ConfigError after `MAX_USERS` lines.
    """
    number = 1
    try:
        while line := file.readline(MAX_LINE + 1):
            if number > MAX_USERS:
                raise ConfigError(f"--users-from has more than {MAX_USERS} lines.", "Split the list.")
            name = line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
            if name:
                yield options.username_type(name)
            number += 1
    except UnicodeDecodeError:
        problem = "Longer than any username." if len(line) > MAX_LINE else "Not UTF-8 text."
    except click.BadParameter as error:
        problem = error.message
    except OSError as error:
        problem = f"{error.strerror}."
    else:
        return
    raise click.BadParameter(f"line {number}: {problem}", param_hint="'--users-from'")
