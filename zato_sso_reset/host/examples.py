"""Examples in the help of commands."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import click


class CommandWithExamples(click.Command):
    """A command whose help ends with examples."""

    def __init__(self, *args: Any, examples: Mapping[str, str] = MappingProxyType({}), **attrs: Any) -> None:
        """Create a command; `examples` are command lines by purpose, where `{}` stands for the command."""
        super().__init__(*args, **attrs)
        self._examples = examples

    def examples(self, ctx: click.Context) -> dict[str, str]:
        """Return the examples with the command as it was called."""
        return {purpose: line.replace("{}", ctx.command_path) for purpose, line in self._examples.items()}

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the epilog and the examples."""
        super().format_epilog(ctx, formatter)
        if examples := self.examples(ctx):
            with formatter.section("Examples"):
                for purpose, line in examples.items():
                    formatter.write_text(f"{purpose}:")
                    formatter.write(f"{'':{formatter.current_indent + 2}}{line}\n")
