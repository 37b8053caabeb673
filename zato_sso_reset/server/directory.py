"""Directories of Zato servers, and what users mistake for them."""

import json
from contextlib import suppress
from pathlib import Path

from zato_sso_reset.errors import ConfigError, NotAServerError, PermissionDeniedError
from zato_sso_reset.files import as_owner, owner_of, read_text
from zato_sso_reset.text import did_you_mean, printable, quoted

MAX_INFO = 64 * 1024  # bytes: the `.zato-info` of a stock Zato has some 200
MAX_BRACKETS = 100  # opening brackets: a stock file has one


def find_repo(path: Path) -> Path:
    """Return the folder of a server's configuration files.

    Raises NotAServerError, with a hint that names what `path` is instead, PermissionDeniedError, or
    ConfigError if `.zato-info` is too large or nested too deeply.
    """
    repo = path / "config" / "repo"
    try:
        if _has_secrets(path) and _component(path) == "SERVER":
            return repo
        hint = _describe(path)
    except PermissionError:
        message = f"{quoted(path)} may not be read."
        raise PermissionDeniedError(message, as_owner(owner_of(path))) from None
    except OSError as error:
        hint = f"{error.strerror}."
    raise NotAServerError(f"No server found at {quoted(path)}.", hint)


def servers_in(folder: Path) -> list[str]:
    """Return the names of the folders in `folder` that are servers."""
    found = (secrets.parents[2] for secrets in folder.glob("*/config/repo/secrets.conf"))
    return sorted(child.name for child in found if _is_server(child))


def _is_server(path: Path) -> bool:
    with suppress(ConfigError):
        return _component(path) == "SERVER"
    return False


def _has_secrets(path: Path) -> bool:
    """Return whether a folder has a component's secrets, or raise OSError, which Path.exists may hide."""
    try:
        (path / "config" / "repo" / "secrets.conf").stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    return True


def _component(path: Path) -> str:
    """Return the component that `.zato-info` names; without that file, it is a server."""
    info = path / ".zato-info"
    if not info.is_file():
        return "SERVER"
    try:
        if info.stat().st_size <= MAX_INFO:
            text = read_text(info)
            if text.count("[") + text.count("{") <= MAX_BRACKETS:
                return str(json.loads(text)["component"])
    except (ValueError, TypeError, KeyError, ConfigError, PermissionDeniedError):
        return "SERVER"
    raise ConfigError(f"{quoted(info)} is too large, or nested too deeply.", "Restore the file.")


def _describe(path: Path) -> str:
    if not path.exists():
        siblings = {name: str(path.with_name(name)) for name in servers_in(path.parent)}
        return f"There is no such directory. {did_you_mean(path.name, siblings)}".rstrip()
    if not path.is_dir():
        return "It is a file; use the server's directory."
    for parent in path.absolute().parents:
        if _has_secrets(parent) and _is_server(parent):
            return f"Did you mean {quoted(parent)}?"
    if _has_secrets(path):
        return f"It is a component of another kind: {printable(_component(path), 40).lower()}."
    if servers := servers_in(path):
        return "There are servers inside: " + ", ".join(quoted(name) for name in servers) + "."
    return "It has no `config/repo/secrets.conf`."
