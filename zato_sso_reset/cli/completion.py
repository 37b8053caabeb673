"""Shell completion of PATH and USERNAME; any failure is silent."""

import os
import re
from collections.abc import Callable
from contextlib import redirect_stderr, suppress
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from zato_sso_reset.cli.process import prepare_process
from zato_sso_reset.host.group import completing_shell
from zato_sso_reset.signals import call_in_time

TIME_LIMIT = 2  # seconds after which nothing is completed

_PLAIN = re.compile(r"[\w@%+=:./-]+")
"""Text that no shell needs quoted; Click's script for fish would cut off a comma."""


def complete_path(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete servers and other folders; leave it to the shell if none is a server or one needs quotes."""
    in_zsh = completing_shell(ctx) == "zsh"
    return _in_time(lambda: _folders(incomplete, in_zsh=in_zsh)) or [CompletionItem(incomplete, type="dir")]


def complete_username(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete users of the server at the PATH on the command line."""
    return _in_time(lambda: _users(_path_on(ctx), incomplete))


def complete_app(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete applications of the server at the PATH on the command line."""
    return _in_time(lambda: _apps(_path_on(ctx), incomplete))


def _path_on(ctx: click.Context) -> Path:
    # If an option still lacks its value, Click does not assign the arguments.
    return Path(ctx.params.get("path") or ctx.args[0]).expanduser()


def _in_time(find: Callable[[], list[str]]) -> list[CompletionItem]:
    """Return the results of `find`, or nothing if it fails or hangs."""
    with redirect_stderr(None), suppress(Exception):
        return [CompletionItem(each) for each in call_in_time(find, TIME_LIMIT)]
    return []


def _folders(incomplete: str, *, in_zsh: bool) -> list[str]:
    from zato_sso_reset.server.directory import servers_in

    typed, slash, start = incomplete.rpartition("/")
    folder = Path(typed + slash).expanduser()

    def matches(name: str) -> bool:
        return name.startswith(start) and (name[0] != "." or start != "")

    servers = list(filter(matches, servers_in(folder)))
    others = [child.name for child in folder.iterdir() if child.is_dir() and matches(child.name)]
    offered = servers + [f"{name}/" for name in sorted(set(others) - set(servers))]
    home = "" if in_zsh else "~"  # Click's script for zsh would quote it
    if not servers or not all(_PLAIN.fullmatch(typed.removeprefix(home) + name) for name in offered):
        return []
    return [typed + slash + name for name in offered]


def _apps(path: Path, incomplete: str) -> list[str]:
    from zato_sso_reset.domain.login import LoginSettings
    from zato_sso_reset.server.config import ServerConfig

    prepare_process()
    settings = LoginSettings(ServerConfig.read(path, env=os.environ, stdin=None).settings)
    known = settings.names("apps", "all") or []
    return [name for name in known if name.startswith(incomplete) and _PLAIN.fullmatch(name)]


def _users(path: Path, incomplete: str) -> list[str]:
    from zato_sso_reset.database.engine import Database
    from zato_sso_reset.database.users import open_users
    from zato_sso_reset.server.config import ServerConfig

    prepare_process()
    server = ServerConfig.read(path, env=os.environ, stdin=None)
    if server.database.is_from_url:  # TAB alone must not send a password to where a foreign file leads
        return []
    with open_users(Database(server.database), read_only=True) as users:
        found = users.usernames(incomplete)
    return [name for name in found if _PLAIN.fullmatch(name) and (name[0] != "-" or incomplete)]
