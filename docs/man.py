"""Write the man pages in `docs/man` from the commands: `nox -s man`."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import tomli

from zato_sso_reset.cli.command import Command
from zato_sso_reset.host.program import zato

PROJECT = Path(__file__).parents[1]
FOLDER = PROJECT / "docs" / "man"

HOST_EXIT_CODES = {0, 1, 2, 74}
"""The exit codes of `zato`, `zato sso` and `zato plugins` themselves; other commands list their own."""

FILES = {
    "PATH/config/repo/secrets.conf, server.conf, sso.conf": "The server's own configuration.",
    "PATH/config/repo/sso.toml": "Optional: overrides `sso.conf` for this program only.",
}
"""The files of each command with a PATH."""


def main() -> None:
    """Write all pages, and remove those of commands that no longer exist."""
    FOLDER.mkdir(exist_ok=True)
    for page in FOLDER.glob("*.1"):
        page.unlink()
    for name, text in pages().items():
        (FOLDER / f"{name}.1").write_text(text, "utf-8")


def pages() -> dict[str, str]:
    """Return the page of each command, by name."""
    contexts = {ctx.command_path.replace(" ", "-"): ctx for ctx in walk(zato)}
    return {name: "\n".join(lines(name, ctx, sorted(contexts))) + "\n" for name, ctx in contexts.items()}


def walk(command: click.Command, parent: click.Context | None = None) -> Iterator[click.Context]:
    """Yield the contexts of a command and, if it is a group, of all its commands."""
    ctx = click.Context(command, parent, command.name, **command.context_settings)
    yield ctx
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            yield from walk(command.get_command(ctx, name), ctx)


def lines(name: str, ctx: click.Context, names: list[str]) -> Iterator[str]:
    """Yield the lines of a page."""
    command = ctx.command
    version = tomli.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    date = re.search(rf"\[{version}\] - ([0-9-]+)", (PROJECT / "CHANGELOG.md").read_text("utf-8"))[1]
    yield f'.TH "{name.upper()}" "1" "{date}" "zato\\-sso\\-reset {version}" "Zato SSO"'
    yield from (".nh", ".ad l")  # a hyphen or a stretched blank would spoil an option
    yield from (".SH NAME", rf"{roff(name)} \- {roff(command.get_short_help_str(200)).rstrip('.')}")
    yield from (".SH SYNOPSIS", rf"\fB{roff(ctx.command_path)}\fR")
    yield from (terms(piece).replace(" ", r"\ ") for piece in command.collect_usage_pieces(ctx))
    yield ".SH DESCRIPTION"
    yield "\n.PP\n".join(map(roff, f"{command.help}\n\n{command.epilog or ''}".strip().split("\n\n")))
    if isinstance(command, click.Group):
        inner = [command.get_command(ctx, each) for each in command.list_commands(ctx)]
        yield from section("COMMANDS", {each.name: each.get_short_help_str(200) for each in inner})
    options = [param for param in command.get_params(ctx) if isinstance(param, click.Option)]
    yield from section("OPTIONS", dict(option.get_help_record(ctx) for option in options))
    table = (PROJECT / "docs" / "exit-codes.md").read_text("utf-8")
    codes = re.findall(r"^\| (\d+) \| (.+?) \| ?(.*?) ?\|$", table, re.MULTILINE)
    own = command.exit_codes if isinstance(command, Command) else HOST_EXIT_CODES
    entries = {
        code: " ".join(sentence(text) for text in texts if text) for code, *texts in codes if int(code) in own
    }
    yield from section("EXIT STATUS", entries)
    if any(param.name == "path" for param in command.params):
        yield from section("FILES", FILES)
    yield ".SH EXAMPLES"
    for purpose, line in command.examples(ctx).items():
        yield from (".PP", roff(f"{purpose}:"), ".PP", ".RS 4", ".EX", literal(line), ".EE", ".RE")
    yield ".SH SEE ALSO"
    yield ",\n".join(rf"\fB{roff(each)}\fR(1)" for each in names if each != name)


def section(title: str, entries: dict[str, str]) -> Iterator[str]:
    """Yield the lines of a section that is a list of terms."""
    yield f".SH {title}"
    for term, text in entries.items():
        yield from (".TP", terms(term), roff(text))


def sentence(text: str) -> str:
    """Return the text of a table's cell as a sentence."""
    return re.sub("[a-z]", lambda letter: letter[0].upper(), text, count=1) + "."


def terms(text: str) -> str:
    """Set literal words in bold, and placeholders in italics."""
    words = re.compile("([A-Z_]{2,})|-*[a-z0-9/][a-z0-9./_-]*")
    return words.sub(lambda word: rf"\f{'I' if word[1] else 'B'}{word[0]}\fR", text).replace("-", r"\-")


def literal(text: str) -> str:
    """Escape the characters that roff would interpret or replace."""
    for character, escaped in {"\\": r"\(rs", "-": r"\-", "'": r"\(aq", "~": r"\(ti"}.items():
        text = text.replace(character, escaped)
    return text


def roff(text: str) -> str:
    """Escape a paragraph: one line per sentence, with marked text in bold."""
    text = literal(" ".join(text.split()))
    text = re.sub(r"`(.+?)`|\*\*(.+?)\*\*", r"\\fB\1\2\\fR", text)
    return re.sub(r"^\.", r"\\&.", re.sub(r"(?<=[.?]) ", "\n", text), flags=re.MULTILINE)


if __name__ == "__main__":
    main()
