"""What this project's own `sso.toml`, and the environment, say instead of `sso.conf`."""

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from zato_sso_reset.errors import ConfigError, printable
from zato_sso_reset.files import read_text
from zato_sso_reset.server.ini import Setting, ValueResolver, find_in_environment

OVERRIDES = {
    "main": {"encrypt_password"},
    "hash_secret": {"scheme", "rounds", "salt_size", "time_cost", "memory_cost", "parallelism"},
    "password": {"expiry", "min_length", "max_length", "min_complexity", "reject_list"},
    "sql": {"name", "url"},
    "audit": {"syslog"},
}
"""The sections and keys that `sso.toml` may have."""


class Overrides:
    """What beats `sso.conf`: the environment, then `sso.toml` of the folder `config/repo`, if it is there."""

    def __init__(self, repo: Path, resolver: ValueResolver) -> None:
        self._repo = repo
        self._resolver = resolver
        self._path = repo / "sso.toml"

    @cached_property
    def _toml(self) -> Mapping[str, Mapping[str, Any]]:
        return _read_overrides(self._path)

    @property
    def files(self) -> list[Path]:
        """Return what was read.

        Raises:
            ConfigError: `sso.toml` is malformed, or has an unknown section or key.
            PermissionDeniedError: it may not be read.
        """
        return [self._path] if self._toml else []

    def find(self, section: str, key: str) -> Setting | None:
        """Return what the environment says, else what `sso.toml` does, if any.

        Raises:
            ConfigError, PermissionDeniedError: as `files`, where the environment says nothing.
        """
        if setting := find_in_environment(self._repo / "sso.conf", section, key, self._resolver):
            return setting
        if key in self._toml.get(section, {}):
            source = f"`{printable(str(self._path))}`: [{section}] {key}"
            return self._resolver.resolve(self._toml[section][key], source)
        return None


def _read_overrides(path: Path) -> Mapping[str, Mapping[str, Any]]:
    if not os.path.lexists(path):  # a link that leads nowhere was meant to lead somewhere
        return {}
    import tomli

    problem = ""
    try:
        overrides = tomli.loads(read_text(path))
    except tomli.TOMLDecodeError as error:
        problem = f"line {error.lineno}, column {error.colno}: this is not TOML"
    except (ValueError, RecursionError):
        problem = "a number is too long, or a value nested too deeply"
    if problem:
        # Raised out here: tomli's own errors hold the document, which may have a secret in it.
        raise ConfigError(f"`{printable(str(path))}`, {problem}. Correct it.")
    for section, keys in overrides.items():
        _check_known(path, section, OVERRIDES, "section")
        if not isinstance(keys, dict):
            raise ConfigError(f"`{printable(str(path))}`: `{section}` is not a section. Write [{section}].")
        for key in keys:
            _check_known(path, f"[{section}] {key}", [f"[{section}] {k}" for k in OVERRIDES[section]], "key")
    return overrides


def _check_known(path: Path, name: str, known: "list[str] | dict[str, set[str]]", what: str) -> None:
    if name not in known:
        import difflib

        nearest = difflib.get_close_matches(name, known, n=1, cutoff=0)[0]
        raise ConfigError(
            f"`{printable(str(path))}` has an unknown {what}: {printable(name)}. Did you mean {nearest}?"
        )
