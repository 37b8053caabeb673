"""INI files in ConfigObj's dialect."""

from pathlib import Path

from zato_sso_reset.domain.settings import Setting
from zato_sso_reset.errors import ConfigError
from zato_sso_reset.files import read_text
from zato_sso_reset.text import quoted


class IniFile:
    """One of a server's INI files."""

    def __init__(self, path: Path) -> None:
        """Read the file; raise ConfigError if it is missing or malformed, or PermissionDeniedError."""
        from configobj import ConfigObj, ConfigObjError

        self._shown = quoted(path)
        try:
            self._sections = ConfigObj(read_text(path).splitlines(), raise_errors=True)
        except ConfigObjError as error:
            line = error.line_number
        else:
            return
        # ConfigObj's own errors quote the line, which may be a secret.
        problem = "not a `key=value` line, or a duplicate one"
        raise ConfigError(f"{self._shown}, line {line}: {problem}.", "Correct it.")

    def find(self, section: str, key: str) -> Setting | None:
        """Return a value, or None if the file does not have it.

        Raises ConfigError if the value interpolates a name that the file does not have.
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
