"""INI files in ConfigObj's dialect."""

import re
from pathlib import Path
from typing import Any

from zato_sso_reset.domain.settings import Setting
from zato_sso_reset.errors import ConfigError
from zato_sso_reset.files import read_text
from zato_sso_reset.text import quoted

MAX_LINES = 20_000
MAX_LINE = 4096  # characters: ConfigObj's time grows with the square of a section's line
MAX_BLANKS = 200  # in a row: ConfigObj's time grows with the cube of the blanks before a line without `=`
MAX_REFERENCES = 100  # such as `%(name)s`, that one value leads to
MAX_REFERRED = 64 * 1024  # characters of all values that one value leads to

_BLANKS = re.compile(rf"\s{{{MAX_BLANKS + 1}}}")


class IniFile:
    """One of a server's INI files."""

    def __init__(self, path: Path) -> None:
        """Read the file; raise ConfigError if it is missing or malformed, or PermissionDeniedError."""
        from configobj import ConfigObj, ConfigObjError

        self._shown = quoted(path)
        lines = read_text(path).splitlines()
        self._check_size(lines)
        try:
            self._sections = ConfigObj(lines, raise_errors=True, interpolation=_bounded_interpolation())
        except ConfigObjError as error:
            line = error.line_number
        else:
            return
        # ConfigObj's own errors quote the line, which may be a secret.
        problem = "not a `key=value` line, or a duplicate one"
        raise ConfigError(f"{self._shown}, line {line}: {problem}.", "Correct it.")

    def find(self, section: str, key: str) -> Setting | None:
        """Return a value, or None if the file does not have it.

        Raises ConfigError if the value interpolates a name that the file does not have, itself, or too much.
        """
        from configobj import ConfigObjError, MissingInterpolationOption

        source = f"{self._shown}: [{section}] {key}"
        try:
            return Setting(self._sections[section][key], source)
        except (KeyError, TypeError):
            return None
        except MissingInterpolationOption:
            problem = "a name that the file does not have"
        except ConfigObjError:
            problem = "itself, or to too many or too long values"
        # ConfigObj's own errors quote the value, which may be a secret.
        raise ConfigError(f"{source} refers to {problem}.", "Correct it.")

    def _check_size(self, lines: list[str]) -> None:
        """Refuse what ConfigObj would read for minutes."""
        if len(lines) > MAX_LINES:
            raise ConfigError(f"{self._shown} has more than {MAX_LINES} lines.", "Check the path.")
        for number, line in enumerate(lines, start=1):
            if len(line) > MAX_LINE or _BLANKS.search(line):
                problem = f"longer than {MAX_LINE} characters, or with more than {MAX_BLANKS} blanks in a row"
                raise ConfigError(f"{self._shown}, line {number}: {problem}.", "Correct it.")


def _bounded_interpolation() -> str:
    """Return the name of ConfigObj's default interpolation with a bound: each value can double the last."""
    from configobj import ConfigParserInterpolation, InterpolationError, interpolation_engines

    class Bounded(ConfigParserInterpolation):  # type: ignore[misc]
        def interpolate(self, key: str, value: str) -> Any:
            self._references = self._referred = 0
            self._count(value)
            return super().interpolate(key, value)

        def _parse_match(self, match: "re.Match[str]") -> Any:
            key, value, section = super()._parse_match(match)
            self._referred += len(value)
            self._count(value)
            return key, value, section

        def _count(self, value: str) -> None:
            self._references += value.count("%(")
            if self._references > MAX_REFERENCES or self._referred > MAX_REFERRED:
                raise InterpolationError

    interpolation_engines["bounded"] = Bounded
    return "bounded"
