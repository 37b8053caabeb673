"""`zato from-config`."""

from pathlib import Path

import click

from zato_sso_reset.cli.command import Command
from zato_sso_reset.cli.commands.change_user_password import change_user_password
from zato_sso_reset.cli.commands.reset_user_password import reset_user_password
from zato_sso_reset.errors import ConfigError
from zato_sso_reset.host.stock import hand_over
from zato_sso_reset.text import plural, quoted

_COMMANDS = {"sso_change_user_password": change_user_password, "sso_reset_user_password": reset_user_password}
"""Our commands, by their names in stored files."""


@click.command(
    "from-config",
    cls=Command,
    exit_codes=(1, *change_user_password.exit_codes),
    examples={"Run a stored command again": "{} zato.2026_11_23T18_52_12_110928.config"},
)
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_context
def from_config(ctx: click.Context, file: Path) -> None:
    """Run a command again with the arguments that --store-config wrote to FILE.

    A file for any other command is handed over to the stock zato.
    """
    arguments = _read(file)
    name = arguments.pop("command", "")
    if not name:
        raise ConfigError(f"{quoted(file)} has no `command=`.", "Use a file written by --store-config.")
    if name not in _COMMANDS:
        hand_over(["from-config", str(file)], name, known={known: known for known in _COMMANDS})
    stored = _COMMANDS[name]
    argv = _argv(stored, arguments, file)
    with stored.make_context(f"sso {stored.name}", argv, parent=ctx.parent) as stored_ctx:
        stored.invoke(stored_ctx)


def _read(file: Path) -> dict[str, str]:
    from zato_sso_reset.files import read_text

    arguments = {}
    for number, line in enumerate(read_text(file).split("\n"), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            name, equals, value = line.partition("=")
            if not equals:
                raise ConfigError(f"{quoted(file)}, line {number}: not `name=value`.", "Correct the line.")
            arguments[name.strip()] = value
    return arguments


def _argv(stored: click.Command, arguments: dict[str, str], file: Path) -> list[str]:
    """Return the command's arguments: options, then `--` and positional arguments."""
    argv, positional = [], []
    for param in stored.params:
        value = arguments.pop(str(param.name), None)
        if isinstance(param, click.Argument):
            positional += [value] if value is not None else []
        elif not getattr(param, "is_flag", False):
            argv += [f"{param.opts[-1]}={value}"] if value is not None else []
        elif value == "True":
            argv.append(param.opts[-1])
        elif value not in {None, "False"}:
            raise ConfigError(f"{quoted(file)}: {param.name} is neither True nor False.", "Correct it.")
    if arguments:
        # Their names are not shown: in another kind of file, they may be secrets.
        lines = plural(len(arguments), "line", "lines")
        message = f"{quoted(file)} has {lines} that `{stored.name}` does not accept."
        raise ConfigError(message, "Remove them.")
    return [*argv, "--", *positional]
