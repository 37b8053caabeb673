"""Settings of a server: read from files with given texts, or from a mapping."""

from collections.abc import Mapping
from pathlib import Path

from zato_sso_reset.domain.settings import Setting
from zato_sso_reset.errors import ConfigError
from zato_sso_reset.server.settings import LayeredSettings, sso_settings

Conf = Mapping[str, Mapping[str, object]]


def read_settings(
    folder: Path, conf: str = "", toml: str = "", env: Mapping[str, str] | None = None
) -> LayeredSettings:
    """Read `sso.conf` and `sso.toml` with these texts; the secret GROUP.KEY is `GROUP: KEY`."""
    (folder / "sso.conf").write_text(conf)
    (folder / "sso.toml").write_text(toml)
    return sso_settings(folder, env or {}, lambda group, key: f"{group}: {key}")


class FakeSettings:
    """Settings from a mapping."""

    def __init__(self, conf: Conf) -> None:
        self._conf = conf

    def find(self, section: str, key: str) -> Setting | None:
        """Return a setting; the value `broken` can't be read."""
        value = self._conf.get(section, {}).get(key)
        if value == "broken":
            raise ConfigError("It is broken.")
        return None if value is None else Setting(value, f"[{section}] {key}")

    def get(self, section: str, key: str) -> Setting:
        """Return a setting, or raise ConfigError."""
        if setting := self.find(section, key):
            return setting
        raise ConfigError("It is missing.")
