"""What a shell is offered for PATH and USERNAME: quickly, and in silence whatever fails."""

import os
import re
from collections.abc import Callable
from contextlib import redirect_stderr, suppress
from pathlib import Path
from threading import Thread

import click
from click.shell_completion import CompletionItem

TIME_LIMIT = 2
"""Seconds after which nothing is offered, whatever hangs."""

_PLAIN = re.compile(r"[\w@%+=:./-]+")
"""What no shell wants quoted; Click's script for fish would cut a comma off."""


def complete_path(incomplete: str) -> list[CompletionItem]:
    """Offer servers, then other folders; where none is a server, or one wants quotes, the shell does."""
    return _in_time(lambda: _folders(incomplete)) or [CompletionItem(incomplete, type="dir")]


def complete_username(ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    """Offer users of the server at the PATH that has been typed."""
    # Where an option has no value yet, Click does not tell arguments apart.
    return _in_time(lambda: _users(Path(ctx.params.get("path") or ctx.args[0]).expanduser(), incomplete))


def _in_time(find: Callable[[], list[str]]) -> list[CompletionItem]:
    """Return what `find` does, or nothing; where it hangs, its thread ends with the process."""
    found: list[str] = []

    def work() -> None:
        with suppress(Exception):
            found.extend(find())

    thread = Thread(target=work, daemon=True)
    with redirect_stderr(None):
        thread.start()
        thread.join(TIME_LIMIT)
    return [CompletionItem(each) for each in found]


def _folders(incomplete: str) -> list[str]:
    from zato_sso_reset.server.config import servers_in

    typed, slash, start = incomplete.rpartition("/")
    folder = Path(typed + slash).expanduser()

    def asked_for(name: str) -> bool:
        return name.startswith(start) and (name[0] != "." or start != "")

    servers = list(filter(asked_for, servers_in(folder)))
    others = [child.name for child in folder.iterdir() if child.is_dir() and asked_for(child.name)]
    offered = servers + [f"{name}/" for name in sorted(set(others) - set(servers))]
    in_zsh = os.environ.get("_ZATO_COMPLETE", "").startswith("zsh")
    home = "" if in_zsh else "~"  # Click's script for zsh would have it quoted
    if not servers or not all(_PLAIN.fullmatch(typed.removeprefix(home) + name) for name in offered):
        return []
    return [typed + slash + name for name in offered]


def _users(path: Path, incomplete: str) -> list[str]:
    from zato_sso_reset.database.engine import ODB
    from zato_sso_reset.database.users import with_users
    from zato_sso_reset.server.config import ServerConfig

    server = ServerConfig.read(path, env=os.environ, stdin=None, warn=lambda _: None)
    found = with_users(ODB(server.database), lambda users: users.usernames(incomplete), reading=True)
    return [name for name in found if _PLAIN.fullmatch(name) and (name[0] != "-" or incomplete)]
