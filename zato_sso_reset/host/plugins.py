"""`zato plugins`."""

import json
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout

import click

from zato_sso_reset.host.discovery import BrokenCommand, find_plugins, load
from zato_sso_reset.host.examples import CommandWithExamples
from zato_sso_reset.host.group import PluginGroup
from zato_sso_reset.text import printable


@click.command(
    cls=CommandWithExamples,
    examples={
        "List the commands, each with its distribution": "{}",
        "List them for a script": "{} -o json",
    },
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    metavar="text|json",
    help="Output format.",
    show_default=True,
)
@click.pass_context
def plugins(ctx: click.Context, output: str) -> None:
    """List the installed commands, with their distributions and what is broken."""
    root = ctx.find_root()
    with redirect_stdout(sys.stderr):  # a plugin that prints must not spoil the list
        records = list(_records(root.command, str(root.info_name)))
    if output == "json":
        click.echo("[\n" + ",\n".join(map(json.dumps, records)) + "\n]")
        return
    width = max(len(record["command"] or "") for record in records)
    for record in records:
        problem = f"  Broken: {record['problem']}." if record["problem"] else ""
        command, origin = record["command"], f"{record['distribution']} {record['version']}".rstrip()
        click.echo(printable(f"{command:{width}}  {origin}{problem}", 1000))


def _records(group: click.Command, path: str) -> Iterator[dict[str, str | None]]:
    """Yield what each distribution offers in a group of plugins and in the groups within it."""
    if not isinstance(group, PluginGroup):
        return
    for name, found in find_plugins(group.entry_point_group).items():
        command = load(name, found)
        problem = command.problem if isinstance(command, BrokenCommand) else None
        for plugin in found:
            yield {
                "command": f"{path} {name}",
                "distribution": plugin.name,
                "version": plugin.version,
                "problem": problem,
            }
        yield from _records(command, f"{path} {name}")
