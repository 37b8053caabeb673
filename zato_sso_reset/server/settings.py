"""Settings from several sources, by the rules of a stock Zato server."""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from logging import getLogger
from pathlib import Path

from zato_sso_reset.domain.settings import Setting
from zato_sso_reset.errors import ConfigError
from zato_sso_reset.server.ini import IniFile
from zato_sso_reset.server.toml import TomlFile
from zato_sso_reset.text import quoted

logger = getLogger(__name__)

_SECRET = re.compile(r"zato\+secret://([^.]+)\.(.+)")


@dataclass(frozen=True)
class Environment:
    """The `Zato_Config_<Component>_<file>_<section>_<key>` variables that override the file `path`."""

    path: Path
    env: Mapping[str, str] = field(repr=False)

    def find(self, section: str, key: str) -> Setting | None:
        """Return the value of the variable that overrides a key, or None if it is not set or empty."""
        file, section, key = (re.sub("[.-]", "__", part) for part in (self.path.name, section, key))
        absolute = self.path
        with suppress(FileNotFoundError):  # the current directory has been removed
            absolute = self.path.absolute()
        # For a key that the file lacks, a stock server derives the component from the bare file name.
        for component in (_component(str(absolute)), _component(self.path.name)):
            name = f"Zato_Config_{component}_{file}_{section}_{key}"
            if value := self.env.get(name):
                return Setting(value, f"environment variable `{name}`")
        return None


@dataclass(frozen=True)
class LayeredSettings:
    """The settings of the file `path`: the first of `sources` that has a setting wins.

    A value may refer to an environment variable, `$NAME`, and that to `zato+secret://GROUP.KEY`, which
    `secret` returns.
    """

    path: Path
    sources: tuple[Environment | TomlFile | IniFile, ...]
    env: Mapping[str, str] = field(repr=False)
    secret: Callable[[str, str], str]

    def get(self, section: str, key: str) -> Setting:
        """Return a setting; raise ConfigError if no source has it."""
        if setting := self.find(section, key):
            return setting
        raise ConfigError(f"{quoted(self.path)} has no [{section}] {key}.", "Add it.")

    def find(self, section: str, key: str) -> Setting | None:
        """Return a setting, or None if no source has it."""
        for source in self.sources:
            if setting := source.find(section, key):
                return self._resolve(setting)
        return None

    def _resolve(self, setting: Setting) -> Setting:
        value = setting.value
        if isinstance(value, str):
            if value.startswith("$") and not value.startswith("$$") and value != "$":
                value = self._variable(value, setting.source)
            if match := _SECRET.fullmatch(value):
                value = self.secret(match[1], match[2])
        return Setting(value, setting.source, is_resolved=value != setting.value)

    def _variable(self, value: str, source: str) -> str:
        name = value[1:].strip()
        for candidate in (name, name.upper()):
            if candidate in self.env:
                return self.env[candidate]
        logger.warning(
            "%s names an environment variable that is not set; the value is used as written.", source
        )
        return value


def conf_settings(path: Path, env: Mapping[str, str], secret: Callable[[str, str], str]) -> LayeredSettings:
    """Return the settings of a file: environment, then the file itself; errors as `IniFile`."""
    return LayeredSettings(path, (Environment(path, env), IniFile(path)), env, secret)


def sso_settings(repo: Path, env: Mapping[str, str], secret: Callable[[str, str], str]) -> LayeredSettings:
    """Return the settings of SSO: environment, then `sso.toml`, then `sso.conf` of the folder `repo`.

    Raises ConfigError if a file is malformed or `sso.conf` is missing, or PermissionDeniedError.
    """
    path, overrides = repo / "sso.conf", TomlFile(repo / "sso.toml")
    sources = (Environment(path, env), overrides, IniFile(path))
    overrides.check()
    return LayeredSettings(path, sources, env, secret)


def override_settings(
    repo: Path, env: Mapping[str, str], secret: Callable[[str, str], str]
) -> LayeredSettings:
    """Return the settings that override `sso.conf`, which need not exist: environment, then `sso.toml`."""
    path = repo / "sso.conf"
    return LayeredSettings(path, (Environment(path, env), TomlFile(repo / "sso.toml")), env, secret)


def _component(path: str) -> str:
    components = {"server": "Server", "scheduler": "Scheduler", "web-admin": "Dashboard"}
    components |= {"dashboard": "Dashboard", "user-conf": "User_Config"}
    return next((name for word, name in components.items() if word in path.lower()), "Unknown")
