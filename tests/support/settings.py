"""Settings of a server, read from files with given texts."""

from collections.abc import Mapping
from pathlib import Path

from zato_sso_reset.server.settings import LayeredSettings, sso_settings


def read_settings(
    folder: Path, conf: str = "", toml: str = "", env: Mapping[str, str] | None = None
) -> LayeredSettings:
    """Read `sso.conf` and `sso.toml` with these texts; the secret GROUP.KEY is `GROUP: KEY`."""
    (folder / "sso.conf").write_text(conf)
    (folder / "sso.toml").write_text(toml)
    return sso_settings(folder, env or {}, lambda group, key: f"{group}: {key}")
