"""The base class of the commands."""

import os
import textwrap
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import click

from zato_sso_reset.cli.process import prepare_process
from zato_sso_reset.errors import ExhaustedError, ZatoError, is_exhaustion
from zato_sso_reset.host.messages import ERRORS_AS_JSON, HintedUsageError, print_line
from zato_sso_reset.signals import immediate_interrupts
from zato_sso_reset.text import printable


class Command(click.Command):
    """A command that lists its options as the stock command's page does, and never shows a traceback."""

    def __init__(self, *args: Any, exit_codes: Sequence[int], **attrs: Any) -> None:
        """Create a command; `exit_codes` are those of its man page, besides 0, 2, 16 and 69."""
        super().__init__(*args, **attrs)
        self.exit_codes = {0, 2, 16, 69, *exit_codes}

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Return every option, instead of `[OPTIONS]`."""
        options = [param for param in self.params if isinstance(param, click.Option)]
        arguments = [param for param in self.params if isinstance(param, click.Argument)]
        pieces = ["[-h]"]
        for option in options:
            piece = option.opts[0] if option.is_flag else f"{option.opts[0]} {option.make_metavar(ctx)}"
            pieces.append(piece if option.required else f"[{piece}]")
        return [*pieces, *(argument.make_metavar(ctx) for argument in arguments)]

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
            if error.possibilities or all(param.name != "username" for param in self.params):
                raise
            meant = next((arg for arg in given if arg.startswith(error.option_name)), error.option_name)
            hint = f"Write a username that begins with `-` after `--`: `-- {printable(meant, 40)}`."
            raise HintedUsageError(error.format_message(), hint, ctx) from None

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


def _requests_json(args: Sequence[str]) -> bool:
    """Return whether errors should be JSON, including errors in the arguments themselves."""
    options = list(args[: args.index("--")] if "--" in args else args)
    return "--output=json" in options or ("--output", "json") in pairwise(options)


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
