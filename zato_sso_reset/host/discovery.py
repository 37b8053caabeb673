"""Discovery of plugins: commands that installed distributions offer as entry points."""

import re
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import Distribution, EntryPoint, distributions
from typing import NamedTuple, NoReturn

import click

from zato_sso_reset.text import printable

OWN = "zato-sso-reset"  # the distribution of this program


class Plugin(NamedTuple):
    """A command of an installed distribution, not yet loaded."""

    value: str
    distribution: Distribution

    @property
    def name(self) -> str:
        """The distribution's name."""
        return _metadata_field(self.distribution, "Name") or "an unnamed distribution"

    @property
    def version(self) -> str:
        """The distribution's version, or an empty text."""
        return _metadata_field(self.distribution, "Version")

    @property
    def origin(self) -> str:
        """The distribution's name and version."""
        return f"{self.name} {self.version}".rstrip()


class BrokenCommand(click.Command):
    """A command that explains why it can't be run, whatever its arguments are."""

    def __init__(self, name: str, problem: str, explanation: str) -> None:
        self.problem = problem

        def explain() -> NoReturn:
            raise click.ClickException(f"The command `{name}` {explanation}.")

        anything = {"allow_extra_args": True, "ignore_unknown_options": True}
        super().__init__(
            name,
            callback=explain,
            short_help=f"Broken: {problem}.",
            add_help_option=False,
            context_settings=anything,
        )


def find_plugins(group: str) -> dict[str, list[Plugin]]:
    """Find the commands of an entry point group; the first distribution of a name on Python's path wins."""
    plugins: dict[str, list[Plugin]] = {}
    seen = set()
    for distribution in distributions():
        with suppress(Exception):  # a damaged distribution must not harm another
            if entries := _entry_points(distribution, group):
                name = re.sub("[-_.]+", "-", _metadata_field(distribution, "Name")).lower()
                if not name or name not in seen:
                    seen.add(name)
                    for command, value in entries:
                        plugins.setdefault(command, []).append(Plugin(value, distribution))
    return dict(sorted(plugins.items()))


def load(name: str, found: Sequence[Plugin]) -> click.Command:
    """Load a command; a broken one is replaced by a command that explains the problem."""
    if len(found) > 1:
        problem = "offered by more than one distribution"
        origins = " and ".join(plugin.origin for plugin in found)
        return BrokenCommand(name, problem, f"is offered by {origins}. Uninstall all but one")
    [plugin] = found
    try:
        command = EntryPoint(name, plugin.value, "").load()
    except (Exception, SystemExit) as error:  # noqa: BLE001 a plugin may fail in any way
        problem = printable(f"{type(error).__name__}: {error}").rstrip(".")
        explanation = f"of {plugin.origin} can't be loaded: {problem}. Reinstall or uninstall it"
        return BrokenCommand(name, problem, explanation)
    if isinstance(command, click.Command):
        return command
    problem = f"not a Click command, but of type {type(command).__name__}"
    return BrokenCommand(name, problem, f"of {plugin.origin} is {problem}")


def summary(name: str, found: Sequence[Plugin]) -> str:
    """Load a command, and return its short help, with its distribution if it is another one."""
    try:
        text = load(name, found).get_short_help_str(200)
    except Exception as error:  # noqa: BLE001 a plugin's own class may fail in any way
        text = f"Broken: {type(error).__name__}: {error}."
    if any(plugin.name != OWN for plugin in found):
        text += f" ({', '.join(plugin.origin for plugin in found)})"
    return printable(text.lstrip(), 400)


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
        metadata = distribution.metadata  # parsed anew each time
        if name in metadata:
            return metadata[name]
    return ""
