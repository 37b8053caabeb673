"""Groups whose commands are entry points."""

import errno
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import Distribution, EntryPoint, distributions
from typing import Any, NamedTuple, NoReturn

import click
from click.shell_completion import CompletionItem

from zato_sso_reset.errors import ZatoError
from zato_sso_reset.host.messages import Failure, discard, print_error, print_line
from zato_sso_reset.host.stock import hand_over
from zato_sso_reset.text import printable

_WRITE_ERRORS = {errno.EBADF, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOSPC}


class Plugin(NamedTuple):
    """A command of an installed distribution, not yet loaded."""

    value: str
    distribution: Distribution

    @property
    def origin(self) -> str:
        """The distribution's name and version."""
        name = _metadata_field(self.distribution, "Name") or "an unnamed distribution"
        return f"{name} {_metadata_field(self.distribution, 'Version')}".rstrip()


class PluginGroup(click.Group):
    """A group whose commands are the entry points of one group; loads only the command that is called."""

    def __init__(self, name: str, *, entry_points: str, **attrs: Any) -> None:
        super().__init__(name, **attrs)
        self.entry_point_group = entry_points

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, without loading any."""
        return sorted(self._plugins())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command; a broken one is replaced by a command that explains the problem."""
        found = self._plugins().get(cmd_name)
        return _load(cmd_name, found) if found else None

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
            hand_over([*_group_names(ctx), *args], args[0], known=self._plugins())
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List each command with its distribution; its help would require loading it."""
        plugins = sorted(self._plugins().items())
        with formatter.section("Commands"):
            formatter.write_dl([(printable(name), _origins(found, ", ")) for name, found in plugins])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a command's name without loading any command."""
        names = [CompletionItem(name) for name in self.list_commands(ctx) if name.startswith(incomplete)]
        return names + click.Command.shell_complete(self, ctx, incomplete)

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
            print_line("Aborted.")
            # Click's prompts raise Abort `from None`, for Ctrl-C and for the end of stdin.
            code = 130 if isinstance(error.__context__, KeyboardInterrupt) else 1
        except OSError as error:
            if error.filename or error.errno not in _WRITE_ERRORS:
                raise
            print_line(f"Error: stdout can't be written to: {error.strerror}.")
            code = os.EX_IOERR
            discard(1)
        sys.exit(code)

    def _plugins(self) -> dict[str, list[Plugin]]:
        """Find the commands by name; the first distribution of a name on Python's path wins."""
        plugins: dict[str, list[Plugin]] = {}
        seen = set()
        for distribution in distributions():
            with suppress(Exception):  # a damaged distribution must not harm another
                if entries := _entry_points(distribution, self.entry_point_group):
                    name = re.sub("[-_.]+", "-", _metadata_field(distribution, "Name")).lower()
                    if not name or name not in seen:
                        seen.add(name)
                        for command, value in entries:
                            plugins.setdefault(command, []).append(Plugin(value, distribution))
        return plugins


def _entry_points(distribution: Distribution, group: str) -> list[tuple[str, str]]:
    """Return names and values; Python 3.15 refuses all of a distribution if one is malformed."""
    try:
        return [(entry.name, entry.value) for entry in distribution.entry_points.select(group=group)]
    except ValueError:
        from configparser import RawConfigParser

        parser = RawConfigParser(delimiters="=")
        parser.optionxform = str  # type: ignore[assignment,method-assign]
        parser.read_string(distribution.read_text("entry_points.txt") or "")
        return parser.items(group)


def _metadata_field(distribution: Distribution, name: str) -> str:
    with suppress(Exception):  # METADATA may be missing or damaged
        if name in distribution.metadata:
            return distribution.metadata[name]
    return ""


def _group_names(ctx: click.Context) -> list[str]:
    """Return the names of the groups that led to `ctx`, without the program's own."""
    names: list[str] = []
    while ctx.parent:
        names.insert(0, str(ctx.info_name))
        ctx = ctx.parent
    return names


def _origins(found: Sequence[Plugin], separator: str) -> str:
    return separator.join(plugin.origin for plugin in found)


def _load(name: str, found: Sequence[Plugin]) -> click.Command:
    if len(found) > 1:
        return _broken(name, f"is offered by {_origins(found, ' and ')}. Uninstall all but one")
    [plugin] = found
    try:
        command = EntryPoint(name, plugin.value, "").load()
    except (Exception, SystemExit) as error:  # noqa: BLE001 a plugin may fail in any way
        reason = printable(f"{type(error).__name__}: {error}")
        return _broken(name, f"of {plugin.origin} can't be loaded: {reason}. Reinstall or uninstall it")
    if isinstance(command, click.Command):
        return command
    return _broken(name, f"of {plugin.origin} is not a Click command, but of type {type(command).__name__}")


def _broken(name: str, problem: str) -> click.Command:
    def explain() -> NoReturn:
        raise click.ClickException(f"The command `{name}` {problem}.")

    anything = {"allow_extra_args": True, "ignore_unknown_options": True}
    return click.Command(name, callback=explain, add_help_option=False, context_settings=anything)
