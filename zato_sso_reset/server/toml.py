"""The overrides in `sso.toml`."""

import os
from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from zato_sso_reset.domain.settings import Setting
from zato_sso_reset.errors import ConfigError
from zato_sso_reset.files import read_text
from zato_sso_reset.text import printable, quoted

OVERRIDES = {
    "main": {"encrypt_password"},
    "hash_secret": {"scheme", "rounds", "salt_size", "time_cost", "memory_cost", "parallelism"},
    "password": {"expiry", "min_length", "max_length", "min_complexity", "reject_list"},
    "sql": {"name", "url"},
    "audit": {"syslog"},
}
"""The sections and keys that `sso.toml` may have."""


class TomlFile:
    """The optional file `sso.toml`, read when it is first needed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._shown = quoted(path)

    def find(self, section: str, key: str) -> Setting | None:
        """Return a value, or None if the file does not exist or does not have it.

        Raises ConfigError if it is malformed or has an unknown section or key, or PermissionDeniedError.
        """
        if key in self._sections.get(section, {}):
            return Setting(self._sections[section][key], f"{self._shown}: [{section}] {key}")
        return None

    def check(self) -> None:
        """Read the file now; it raises the errors of `find`."""
        _ = self._sections

    @cached_property
    def _sections(self) -> Mapping[str, Mapping[str, Any]]:
        if not os.path.lexists(self._path):  # a dangling link is an error, not a missing file
            return {}
        sections = self._parse(read_text(self._path))
        for section, keys in sections.items():
            self._check_known("section", section, OVERRIDES)
            if not isinstance(keys, dict):
                raise ConfigError(f"{self._shown}: `{section}` is not a section.", f"Write [{section}].")
            for key in keys:
                known = [f"[{section}] {each}" for each in OVERRIDES[section]]
                self._check_known("key", f"[{section}] {key}", known)
        return sections

    def _parse(self, text: str) -> dict[str, Any]:
        import tomli

        try:
            return tomli.loads(text)
        except tomli.TOMLDecodeError as error:
            problem = f"line {error.lineno}, column {error.colno}: not TOML"
        except (ValueError, RecursionError):
            problem = "a number is too long, or a value is nested too deeply"
        # tomli's own errors hold the document, which may contain a secret.
        raise ConfigError(f"{self._shown}, {problem}.", "Correct it.")

    def _check_known(self, kind: str, name: str, known: Collection[str]) -> None:
        if name not in known:
            from difflib import get_close_matches

            [nearest] = get_close_matches(name, known, n=1, cutoff=0)
            message = f"{self._shown} has an unknown {kind}: {printable(name)}."
            raise ConfigError(message, f"Did you mean {nearest}?")
