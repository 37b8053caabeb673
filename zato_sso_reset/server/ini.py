"""INI files in ConfigObj's dialect."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zato_sso_reset.domain.settings import Setting
from zato_sso_reset.errors import ConfigError
from zato_sso_reset.files import read_text
from zato_sso_reset.text import printable


class IniFile:
    """One of a server's INI files."""

    def __init__(self, path: Path) -> None:
        """Read the file.

        Raises:
            ConfigError: it is missing or malformed.
            PermissionDeniedError: it may not be read.
        """
        self._shown = f"`{printable(str(path))}`"
        self._sections = self._parse(read_text(path))

    def find(self, section: str, key: str) -> Setting | None:
        """Return a value, or None if the file does not have it.

        Raises:
            ConfigError: the value interpolates a name that the file does not have.
        """
        from configobj import ConfigObjError

        source = f"{self._shown}: [{section}] {key}"
        try:
            return Setting(self._sections[section][key], source)
        except (KeyError, TypeError):
            return None
        except ConfigObjError:
            pass
        # ConfigObj's own errors quote the value, which may be a secret.
        raise ConfigError(f"{source} refers to a name that the file does not have.", "Correct it.")

    def _parse(self, text: str) -> Mapping[str, Any]:
        from configobj import ConfigObj, ConfigObjError

        try:
            return ConfigObj(text.splitlines(), raise_errors=True)  # type: ignore[no-any-return]
        except ConfigObjError as error:
            line = error.line_number
        # ConfigObj's own errors quote the line, which may be a secret.
        raise ConfigError(
            f"{self._shown}, line {line}: not a `key=value` line, or a duplicate one.", "Correct it."
        )
