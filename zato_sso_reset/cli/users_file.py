"""Files of usernames."""

import sys
from collections.abc import Iterator
from typing import Any, BinaryIO

import click

from zato_sso_reset.cli import options

MAX_LINE = 3 + 4 * options.MAX_USERNAME + 2  # bytes: a byte order mark, the longest username and a line end


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
    """Yield the usernames in a file, one per line; raise BadParameter if a line is not a valid username."""
    number = 1
    try:
        while line := file.readline(MAX_LINE + 1):
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
