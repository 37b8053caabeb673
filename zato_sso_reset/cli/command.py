"""What the commands share: messages and exit codes."""

import signal
import textwrap
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import click

from zato_sso_reset.errors import ZatoError, printable
from zato_sso_reset.host.program import ERRORS_AS_JSON, say

PR_SET_DUMPABLE = 4
"""From linux/prctl.h."""


class Failure(click.ClickException):
    """An error of ours, on its way to the user and the exit code."""

    def __init__(self, message: str, exit_code: int, ctx: click.Context | None = None) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]
        self.ctx = ctx


class Command(click.Command):
    """A command that turns every error into one line and its exit code."""

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Name every option, as the stock command's page does."""
        options = [param for param in self.params if isinstance(param, click.Option)]
        arguments = [param for param in self.params if isinstance(param, click.Argument)]
        pieces = ["[-h]"]
        for option in options:
            piece = option.opts[0] if option.is_flag else f"{option.opts[0]} {option.make_metavar(ctx)}"
            pieces.append(piece if option.required else f"[{piece}]")
        return [*pieces, *(argument.make_metavar(ctx) for argument in arguments)]

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Wrap between the pieces, not inside one."""
        start = f"Usage: {ctx.command_path} "
        pieces = " ".join(piece.replace(" ", "\xa0") for piece in self.collect_usage_pieces(ctx))
        usage = textwrap.fill(
            pieces,
            formatter.width,
            initial_indent=start,
            subsequent_indent=" " * len(start),
            break_on_hyphens=False,
            break_long_words=False,
        )
        formatter.write(usage.replace("\xa0", " ") + "\n")

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, and tell how a username that looks like an option is given."""
        given = list(args)
        ctx.meta[ERRORS_AS_JSON] = _asks_for_json(given)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if error.possibilities or all(param.name != "username" for param in self.params):
                raise
            meant = next((arg for arg in given if arg.startswith(error.option_name)), error.option_name)
            hint = f"A username that begins with `-` goes after `--`: `-- {printable(meant, 40)}`."
            raise click.UsageError(f"{error.format_message()} {hint}", ctx) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        ctx.meta[ERRORS_AS_JSON] = ctx.params.get("output") == "json"  # the last one that was given
        on_interrupt = signal.getsignal(signal.SIGINT)
        if on_interrupt is signal.default_int_handler:
            # Ctrl-C is to end the process at once, inside a database driver too, as SIGTERM does.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        try:
            return super().invoke(ctx)
        except ZatoError as error:
            raise Failure(str(error), error.exit_code, ctx) from None
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:  # noqa: BLE001 the last resort
            raise Failure(_unforeseen(error, verbose=ctx.params.get("verbose", False)), 16, ctx) from None
        finally:
            if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # else it is ignored to the end
                signal.signal(signal.SIGINT, on_interrupt)


def _asks_for_json(args: Sequence[str]) -> bool:
    """Tell whether errors are to be JSON, those of `args` themselves among them."""
    options = list(args[: args.index("--")] if "--" in args else args)
    return "--output=json" in options or ("--output", "json") in pairwise(options)


def leave_no_core_dump() -> None:
    """Keep what is in memory out of a core file, and out of other processes of the same user."""
    import ctypes
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    with suppress(AttributeError):  # Linux alone has it, and where cores go to a pipe it alone helps
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0)


def _unforeseen(error: Exception, *, verbose: bool) -> str:
    """Tell of a bug: where it struck, but not its message, which may hold a secret."""
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    if verbose:
        for frame in frames:
            say(f"  {frame.filename}:{frame.lineno} in {frame.name}")
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}"
    more = "Report the lines above" if verbose else "Report it with what --verbose shows"
    return f"This is a bug: {type(error).__name__} at {where}. {more}."
