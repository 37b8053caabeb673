"""The `zato` program: an extensible CLI whose commands come from entry points."""

import errno
import os
import re
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from zato_sso_reset.errors import did_you_mean, printable
from zato_sso_reset.host.plugins import Plugin, find_plugins
from zato_sso_reset.signals import time_limit

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

STOCK_CLI = "ZATO_STOCK_CLI"
"""The environment variable that says where the stock `zato` is."""

HANDED_OVER = "ZATO_HANDED_OVER"
"""The environment variable by which hand-overs that come back are known: time and number of the last."""

MAX_HAND_OVERS = 5
"""So many in a row, each within a minute of the last, are a loop: a stock command starts no such chain."""

STDERR_TIMEOUT = 2
"""Seconds for whoever reads our stderr to take a line."""

ERRORS_AS_JSON = "zato_sso_reset.errors_as_json"
"""The key of a context's `meta` by which a command has its errors told as JSON."""

_WRITE_ERRORS = {errno.EBADF, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOSPC}


class PluginGroup(click.Group):
    """A group whose commands are the entry points of one group; loads only the one that is called."""

    def __init__(self, name: str, *, entry_points: str, **attrs: Any) -> None:
        super().__init__(name, **attrs)
        self.entry_point_group = entry_points

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, without loading any."""
        return sorted(self._plugins())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load the command of this name; a broken one is replaced by one that says what is wrong."""
        found = self._plugins().get(cmd_name)
        return _load(cmd_name, found) if found else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that `args` begin with; what no plugin offers goes to the stock `zato`."""
        if command := self.get_command(ctx, args[0]):
            return args[0], command, args[1:]
        if args[0][:1] != "-" and not ctx.resilient_parsing:
            hand_over([*_names(ctx), *args], asked_for=args[0], known=self._plugins())
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List each command with the distribution it comes from: its help is known only once loaded."""
        rows = [
            (printable(name), ", ".join(map(Plugin.origin, found)))
            for name, found in sorted(self._plugins().items())
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        """Complete a command's name without loading any."""
        from click.shell_completion import CompletionItem

        names = [CompletionItem(name) for name in self.list_commands(ctx) if name.startswith(incomplete)]
        return names + click.Command.shell_complete(self, ctx, incomplete)

    def invoke(self, ctx: click.Context) -> None:
        """Run the command; what it returns is no exit code."""
        super().invoke(ctx)

    def main(  # type: ignore[override]
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        *,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run as Click does, with each error on one line, its control characters escaped."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        try:
            code = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        except click.exceptions.NoArgsIsHelpError as error:
            _to_stderr(error.format_message())
            code = error.exit_code
        except click.ClickException as error:
            _tell(error)
            code = error.exit_code
        except click.Abort as error:
            say("Aborted.")
            # A prompt of Click's raises it `from None`.
            code = 130 if isinstance(error.__context__, KeyboardInterrupt) else 1
        except OSError as error:
            if error.filename or error.errno not in _WRITE_ERRORS:
                raise
            say(f"Error: stdout can't be written to: {error.strerror}.")
            code = os.EX_IOERR
            _discard(1)
        sys.exit(code)

    def _plugins(self) -> dict[str, list[Plugin]]:
        plugins: dict[str, list[Plugin]] = {}
        for plugin in find_plugins(self.entry_point_group):
            plugins.setdefault(plugin.name, []).append(plugin)
        return plugins


def hand_over(args: Sequence[str], asked_for: str, known: Iterable[str]) -> NoReturn:
    """Become the stock `zato`, with the same arguments.

    Raises:
        click.UsageError: there is none, so `asked_for` is no command; names those of `known` that are near.
        click.ClickException: there is one that can't be run, or that handed the same back to us.
    """
    import shutil

    named = os.environ.get(STOCK_CLI)
    stock = (shutil.which(named) or named) if named else _next_zato()
    shown = printable(asked_for, 40)
    if not stock:
        near = did_you_mean(asked_for, {name: name for name in known})
        raise click.UsageError(
            f"No such command `{shown}`, and no stock `zato` on PATH to hand it to; {STOCK_CLI} can name one."
            f"{near}"
        )
    last = re.fullmatch("([0-9]{1,12}) ([0-9]{1,3})", os.environ.get(HANDED_OVER, ""))
    in_a_row = last and time.time() - int(last[1]) < 60  # noqa: PLR2004
    hand_overs = int(last[2]) + 1 if last and in_a_row else 1
    if hand_overs > MAX_HAND_OVERS or _is_ours(stock):
        raise click.ClickException(
            f"No such command `{shown}`, and `{printable(stock)}` is not a stock `zato`: it leads back here. "
            f"Set {STOCK_CLI} to the stock one."
        )
    env = {**os.environ, HANDED_OVER: f"{int(time.time())} {hand_overs}"}
    try:
        os.execve(stock, ["zato", *args], env)  # noqa: S606 its arguments go on as they came, past any shell
    except OSError as error:
        reason = error.strerror
    raise click.ClickException(
        f"`{shown}` is for the stock `zato`, but `{printable(stock)}` can't be run: {reason}."
    )


def _next_zato() -> str | None:
    """Return the first `zato` on PATH that is not this program, from whatever environment."""
    import shutil

    candidates = (shutil.which("zato", path=folder) for folder in os.get_exec_path())
    return next((found for found in candidates if found and not _is_ours(found)), None)


def _is_ours(executable: str) -> bool:
    """Tell whether a file is a console script of this package, which names the package it runs."""
    path = Path(executable)
    with suppress(OSError):
        if path.is_file():  # to open a FIFO would wait for a writer
            with path.open("rb") as file:
                return b"zato_sso_reset" in file.read(4096)
    return False


def _names(ctx: click.Context) -> list[str]:
    """Return the names of the groups that led to `ctx`, the program's own left out."""
    names: list[str] = []
    while ctx.parent:
        names.insert(0, str(ctx.info_name))
        ctx = ctx.parent
    return names


def _load(name: str, found: Sequence[Plugin]) -> click.Command:
    if len(found) > 1:
        return _broken(
            name, f"is offered by {' and '.join(map(Plugin.origin, found))}. Uninstall all but one"
        )
    try:
        command = found[0].load()
    except (Exception, SystemExit) as error:  # noqa: BLE001 a plugin may fail in any way at all
        reason = printable(f"{type(error).__name__}: {error}")
        return _broken(name, f"of {found[0].origin()} can't be loaded: {reason}. Reinstall or uninstall that")
    if isinstance(command, click.Command):
        return command
    return _broken(
        name, f"of {found[0].origin()} is not a Click command, but of type {type(command).__name__}"
    )


def _broken(name: str, problem: str) -> click.Command:
    def explain() -> NoReturn:
        raise click.ClickException(f"The command `{name}` {problem}.")

    anything = {"allow_extra_args": True, "ignore_unknown_options": True}
    return click.Command(name, callback=explain, add_help_option=False, context_settings=anything)


def _tell(error: click.ClickException) -> None:
    """Print an error to stderr, as a line or as a JSON object."""
    message = printable(_message(error), 2000)
    ctx: click.Context | None = getattr(error, "ctx", None)
    if not (ctx and ctx.meta.get(ERRORS_AS_JSON)):
        _to_stderr(f"Error: {message}")
        return
    import json

    # What is quoted may have sentences of its own.
    sentences = re.fullmatch(r"((?:`[^`]*`|[^`])*?[.?]) (.*)", message)
    what, hint = sentences.groups() if sentences else (message, None)
    _to_stderr(json.dumps({"error": what, "exit_code": error.exit_code, "hint": hint}))


def _message(error: click.ClickException) -> str:
    """Return an error's message, and for wrong usage where to read of the right one."""
    message = error.format_message()
    if not (isinstance(error, click.UsageError) and error.ctx):
        return message
    return f"{message}{'' if message.endswith(('.', '?')) else '.'} Try `{error.ctx.command_path} --help`."


def say(text: str) -> None:
    """Print a line to stderr; nothing depends on whether that can be written to."""
    _to_stderr(printable(text, 2000))


def _to_stderr(text: str) -> None:
    try:
        with time_limit(STDERR_TIMEOUT):
            click.echo(text, err=True)
    except OSError:
        _discard(2)


def _discard(fd: int) -> None:
    """Drop what a stream did not take, which would fail once more as the interpreter ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), fd)


@click.command(
    cls=PluginGroup,
    entry_points="zato.commands",
    name="zato",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Any other command is handed over to the stock zato: the one that the environment variable "
    f"{STOCK_CLI} names, else the next one on PATH.",
)
@click.version_option(package_name="zato-sso-reset", message="%(package)s %(version)s")
def zato() -> None:
    """Administer Zato. Commands come from plugins."""
