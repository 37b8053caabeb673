"""The base class of the commands."""

import os
import re
import textwrap
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import click

from zato_sso_reset.cli.process import prepare_process
from zato_sso_reset.errors import ExhaustedError, NotAServerError, ZatoError, is_exhaustion
from zato_sso_reset.host.examples import CommandWithExamples
from zato_sso_reset.host.messages import ERRORS_AS_JSON, HintedUsageError, print_line
from zato_sso_reset.signals import immediate_interrupts
from zato_sso_reset.text import printable

STOCK_USAGE = (
    *("[--store-log]", "[--verbose]", "[--store-config]"),
    *("[--expiry EXPIRY]", "[--must-change MUST_CHANGE]"),
)
"""The options of the stock commands, as their pages show them."""


class Command(CommandWithExamples):
    """A command that lists its options in its usage, and never shows a traceback."""

    def __init__(
        self, *args: Any, exit_codes: Sequence[int], usage: Sequence[str] = (), **attrs: Any
    ) -> None:
        """Create a command.

        `exit_codes` are those of its man page, besides 0, 2, 16 and 69; `usage` begins its usage line.
        """
        super().__init__(*args, **attrs)
        self.exit_codes = {0, 2, 16, 69, *exit_codes}
        self._usage = usage

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Return every option, instead of `[OPTIONS]`."""
        arguments = [param.make_metavar(ctx) for param in self.params if isinstance(param, click.Argument)]
        options = {}
        for option in self.params:
            if isinstance(option, click.Option):
                name = option.opts[-1]
                piece = name if option.is_flag else f"{name} {option.make_metavar(ctx)}"
                options[name] = piece if option.required else f"[{piece}]"
        for piece in self._usage:
            del options[piece.strip("[]").partition(" ")[0]]
        return ["[-h]", *self._usage, *options.values(), *arguments]

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the usage, wrapped between options but not inside them."""
        start = f"Usage: {ctx.command_path} "
        pieces = " ".join(piece.replace(" ", "\xa0") for piece in self.collect_usage_pieces(ctx))
        wrapper = textwrap.TextWrapper(formatter.width, start, " " * len(start))
        wrapper.break_on_hyphens = wrapper.break_long_words = False
        formatter.write(wrapper.fill(pieces).replace("\xa0", " ") + "\n")

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse arguments; explain how to write a username that looks like an option."""
        given = list(args)
        ctx.meta[ERRORS_AS_JSON] = _requests_json(given)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            arguments = [param.name for param in self.params if isinstance(param, click.Argument)]
            is_username = "username" in arguments and len(self._positional(given)) < len(arguments)
            if error.possibilities or not is_username:
                raise
            letters = error.option_name.lstrip("-")
            meant = next((arg for arg in given if arg[:1] == "-" and letters in arg), error.option_name)
            hint = f"Write a username that begins with `-` after `--`: `-- {printable(meant, 40)}`."
            raise HintedUsageError(error.format_message(), hint, ctx) from None

    def _positional(self, args: Sequence[str]) -> list[str]:
        """Return the arguments that are neither options nor their values."""
        options = [param for param in self.params if isinstance(param, click.Option) and not param.is_flag]
        with_value = {name for option in options for name in option.opts}
        return [arg for before, arg in pairwise(["", *args]) if arg[:1] != "-" and before not in with_value]

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        prepare_process()
        from zato_sso_reset.cli.report import log_to_stderr

        ctx.meta[ERRORS_AS_JSON] = ctx.params.get("output") == "json"  # if given twice, the last one counts
        with log_to_stderr(verbose=ctx.params.get("verbose", False)):
            return self.run(ctx)

    def run(self, ctx: click.Context) -> Any:
        """Call the command's function; report an unexpected exception as a bug."""
        try:
            with immediate_interrupts():
                return super().invoke(ctx)
        except NotAServerError as error:
            username = ctx.params.get("username")
            if username and _is_server(username):
                error.hint = "PATH comes before USERNAME."
            raise
        except (ZatoError, click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:  # noqa: BLE001 the last resort
            failure = _describe(error, verbose=ctx.params.get("verbose", False))
        raise failure


class AuditedCommand(Command):
    """A command whose object (`click.pass_obj`) is its audit trail, which also records refusals."""

    def run(self, ctx: click.Context) -> Any:
        """Call the command's function."""
        from zato_sso_reset.audit.trail import Trail

        path, username = ctx.params["path"], ctx.params.get("username")
        ctx.obj = trail = Trail(str(self.name), path, username, env=os.environ)
        try:
            return super().run(ctx)
        except (ZatoError, click.ClickException) as error:
            if not ctx.params["dry_run"]:
                message = error.format_message() if isinstance(error, click.ClickException) else str(error)
                trail.refused(message, error.exit_code)
            raise


def _is_server(path: str) -> bool:
    from zato_sso_reset.server.directory import find_repo

    with suppress(ZatoError):
        find_repo(Path(os.path.expanduser(path)))  # noqa: PTH111 an unknown user's `~name` stays as it is
        return True
    return False


def _requests_json(args: Sequence[str]) -> bool:
    """Return whether errors should be JSON, including errors in the arguments themselves."""
    options = " ".join(args[: args.index("--")] if "--" in args else args)
    return bool(re.search("(?:^| )(?:--output[= ]|-[a-z]*o ?)json(?: |$)", options))


def _describe(error: Exception, *, verbose: bool) -> ZatoError:
    """Return where a bug occurred, but not the exception's message, which may hold a secret."""
    import traceback

    if is_exhaustion(error):
        message = "The system has no thread or memory left for this command."
        return ExhaustedError(message, "Try again later, or raise the limits (`ulimit -a`).")
    frames = traceback.extract_tb(error.__traceback__)
    if verbose:
        for frame in frames:
            print_line(f"  {frame.filename}:{frame.lineno} in {frame.name}")
    location = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}"
    hint = "Report the lines above." if verbose else "Report it with the output of --verbose."
    return ZatoError(f"This is a bug: {type(error).__name__} at {location}.", hint)
