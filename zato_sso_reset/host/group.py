"""Groups whose commands are entry points."""

import errno
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import Any

import click
from click.shell_completion import CompletionItem

from zato_sso_reset.errors import ZatoError
from zato_sso_reset.host.discovery import find_plugins, load, summary
from zato_sso_reset.host.examples import CommandWithExamples
from zato_sso_reset.host.messages import Failure, discard, print_error, print_line
from zato_sso_reset.host.stock import hand_over
from zato_sso_reset.text import printable

_WRITE_ERRORS = {errno.EBADF, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOSPC}


class PluginGroup(CommandWithExamples, click.Group):
    """A group whose commands are the entry points of one group.

    A call loads only the command that is called; help and descriptions load all.
    """

    def __init__(self, name: str, *, entry_points: str, **attrs: Any) -> None:
        super().__init__(name, **attrs)
        self.entry_point_group = entry_points

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, without loading any."""
        return list(find_plugins(self.entry_point_group))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command; a broken one is replaced by a command that explains the problem."""
        found = find_plugins(self.entry_point_group).get(cmd_name)
        return load(cmd_name, found) if found else None

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse arguments; without any, print the help to stdout, as the stock `zato` does."""
        return super().parse_args(ctx, args or ["--help"])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that `args` begin with; hand an unknown one over to the stock `zato`."""
        if command := self.get_command(ctx, args[0]):
            return args[0], command, args[1:]
        if args[0][:1] != "-" and not ctx.resilient_parsing:
            hand_over([*_group_names(ctx), *args], args[0], known=self._known(ctx))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List each command with its short help."""
        with formatter.section("Commands"):
            plugins = find_plugins(self.entry_point_group)
            formatter.write_dl([(printable(name), summary(name, found)) for name, found in plugins.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a command's name, with its short help if the shell shows it."""
        plugins = find_plugins(self.entry_point_group)
        shows_help = completing_shell(ctx) in {"fish", "zsh"}
        with redirect_stdout(None):  # a plugin that prints must not spoil the answer
            commands = [
                CompletionItem(name, help=summary(name, found) if shows_help else None)
                for name, found in plugins.items()
                if name.startswith(incomplete)
            ]
        return commands + click.Command.shell_complete(self, ctx, incomplete)

    def invoke(self, ctx: click.Context) -> None:
        """Run the command; its return value is not an exit code."""
        try:
            super().invoke(ctx)
        except ZatoError as error:
            raise Failure(error, ctx) from None

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, *, standalone_mode: bool = True, **extra: Any
    ) -> Any:
        """Run as Click does, but print each error on one line, with control characters escaped."""
        if not standalone_mode:
            return super().main(args, standalone_mode=False, **extra)
        try:
            code = super().main(args, standalone_mode=False, **extra)
        except click.ClickException as error:
            print_error(error)
            code = error.exit_code
        except click.Abort as error:
            print_line(" ".join(["Aborted.", *error.args]))
            # Click's prompts raise Abort `from None`, for Ctrl-C and for the end of stdin.
            code = 130 if isinstance(error.__context__, KeyboardInterrupt) else 1
        except OSError as error:
            if error.filename or error.errno not in _WRITE_ERRORS:
                raise
            print_line(f"Error: stdout can't be written to: {error.strerror}.")
            code = os.EX_IOERR
            discard(1)
        sys.exit(code)

    def _known(self, ctx: click.Context) -> dict[str, str]:
        """Return the command lines of all commands, those of the groups within this one too, by name."""
        names = find_plugins(self.entry_point_group)
        parent = self.entry_point_group.removesuffix("commands")
        known = {
            inner: f"{ctx.command_path} {name} {inner}"
            for name in names
            for inner in find_plugins(f"{parent}{name}.commands")
        }
        return known | {name: f"{ctx.command_path} {name}" for name in names}


def completing_shell(ctx: click.Context) -> str:
    """Return the name of the shell that requests completion, or an empty text."""
    program = str(ctx.find_root().info_name).replace("-", "_").upper()
    return os.environ.get(f"_{program}_COMPLETE", "").partition("_")[0]


def _group_names(ctx: click.Context) -> list[str]:
    """Return the names of the groups that led to `ctx`, without the program's own."""
    names: list[str] = []
    while ctx.parent:
        names.insert(0, str(ctx.info_name))
        ctx = ctx.parent
    return names
