"""Configuration files, read by the rules of a stock Zato server."""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zato_sso_reset.errors import ConfigError, printable
from zato_sso_reset.files import read_text

_SECRET = re.compile(r"zato\+secret://([^.]+)\.(.+)")


@dataclass(frozen=True)
class Setting:
    """A value and where it was found. It may be a secret: neither `repr` nor an error shows it."""

    value: object = field(repr=False)
    source: str

    def integer(self, minimum: int, maximum: int = 2**32 - 1) -> int:
        """Return the value as a whole number.

        Raises:
            ConfigError: it is none, or not from `minimum` to `maximum`.
        """
        number = self.value
        # The longest number that is in any range has ten digits: a longer text is never converted.
        if isinstance(number, str) and re.fullmatch("[0-9]{1,10}", number):
            number = int(number)
        if isinstance(number, int) and not isinstance(number, bool) and minimum <= number <= maximum:
            return number
        raise ConfigError(f"{self.source} is not a whole number from {minimum} to {maximum}. Correct it.")

    def boolean(self) -> bool:
        """Return the value as a boolean.

        Raises:
            ConfigError: it is neither `True` nor `False`.
        """
        if str(self.value) not in {"True", "False"}:
            raise ConfigError(f"{self.source} is neither True nor False. Correct it.")
        return str(self.value) == "True"

    def text(self) -> str:
        """Return the value as text.

        Raises:
            ConfigError: it is a list, which a value with a comma becomes unless it is quoted.
        """
        if not isinstance(self.value, str):
            raise ConfigError(f"{self.source} is not a text. Quote the value.")
        return self.value

    def required_text(self) -> str:
        """Return the value as text.

        Raises:
            ConfigError: it is a list, or empty.
        """
        if not self.text():
            raise ConfigError(f"{self.source} is empty. Give it a value.")
        return self.text()


@dataclass(frozen=True)
class ValueResolver:
    """Follows what a value may point to: an environment variable, a secret of `secrets.conf`."""

    env: Mapping[str, str] = field(repr=False)
    warn: Callable[[str], None]
    secret: Callable[[str, str], str]

    def resolve(self, value: object, source: str) -> Setting:
        """Return what `value` stands for: `$NAME`, then `zato+secret://GROUP.KEY`, else itself."""
        if isinstance(value, str):
            if value.startswith("$") and not value.startswith("$$") and value != "$":
                value = self._variable(value, source)
            if match := _SECRET.fullmatch(value):
                value = self.secret(match[1], match[2])
        return Setting(value, source)

    def _variable(self, value: str, source: str) -> str:
        name = value[1:].strip()
        for candidate in (name, name.upper()):
            if candidate in self.env:
                return self.env[candidate]
        self.warn(f"{source} names an environment variable that is not set, and is taken as it is written.")
        return value


class ConfFile:
    """One of a server's INI files.

    A value is the environment variable `Zato_Config_<Component>_<file>_<section>_<key>` where that
    is set, else what the file says.
    """

    def __init__(self, path: Path, resolver: ValueResolver) -> None:
        self.path = path
        self._resolver = resolver
        self._sections = _parse_ini(path)

    def get(self, section: str, key: str) -> Setting:
        """Return a setting that must be there.

        Raises:
            ConfigError: it is not.
        """
        setting = self.find(section, key)
        if setting is None:
            raise missing(self.path, section, key)
        return setting

    def find(self, section: str, key: str) -> Setting | None:
        """Return a setting, or None where neither the environment nor the file has it."""
        found = find_in_environment(self.path, section, key, self._resolver)
        return found or self.find_in_file(section, key)

    def find_in_file(self, section: str, key: str) -> Setting | None:
        """Return the setting that the file itself has, if any."""
        from configobj import ConfigObjError

        source = f"`{printable(str(self.path))}`: [{section}] {key}"
        try:
            value = self._sections[section][key]
        except (KeyError, TypeError):
            return None
        except ConfigObjError:
            value = None  # `%(name)s` of a name that is not there
        if value is None:
            raise ConfigError(f"{source} refers to a name that the file does not have. Correct it.")
        return self._resolver.resolve(value, source)


def find_in_environment(path: Path, section: str, key: str, resolver: ValueResolver) -> Setting | None:
    """Return the setting that the environment has instead of the file `path`, if any."""
    file, section, key = (re.sub("[.-]", "__", part) for part in (path.name, section, key))
    absolute = path
    with suppress(FileNotFoundError):  # the current directory is gone
        absolute = path.absolute()
    # A stock server spells a key that its file lacks with the component of the bare file name.
    for component in (_component(str(absolute)), _component(path.name)):
        name = f"Zato_Config_{component}_{file}_{section}_{key}"
        if value := resolver.env.get(name):
            return resolver.resolve(value, f"environment variable `{name}`")
    return None


def missing(path: Path, section: str, key: str) -> ConfigError:
    """Return the error for a setting that must be in `path` and is not."""
    return ConfigError(f"`{printable(str(path))}` has no [{section}] {key}. Add it.")


def _parse_ini(path: Path) -> Mapping[str, Any]:
    from configobj import ConfigObj, ConfigObjError

    line = None
    try:
        return ConfigObj(read_text(path).splitlines(), raise_errors=True)  # type: ignore[no-any-return]
    except ConfigObjError as error:
        line = error.line_number
    # Raised out here: ConfigObj's own errors quote the line, which may be a secret.
    raise ConfigError(
        f"`{printable(str(path))}`, line {line}: not a `key=value`, or there twice. Correct it."
    )


def _component(path: str) -> str:
    path = path.lower()
    if "server" in path:
        return "Server"
    if "scheduler" in path:
        return "Scheduler"
    if "web-admin" in path or "dashboard" in path:
        return "Dashboard"
    if "user-conf" in path:
        return "User_Config"
    return "Unknown"
