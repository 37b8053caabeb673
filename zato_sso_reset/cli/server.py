"""The server at the PATH of a command."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zato_sso_reset.audit.trail import Trail
    from zato_sso_reset.server.config import ServerConfig


def read_server(path: Path, trail: "Trail | None" = None) -> "ServerConfig":
    """Open the audit trail, if any, and read the directory of a server.

    Raises:
        ZatoError: as `Trail.open` and `ServerConfig.read`.
    """
    from zato_sso_reset.server.config import ServerConfig

    if trail:
        trail.open()
    server = ServerConfig.read(path, env=os.environ, stdin=sys.stdin)
    if trail:
        trail.database = server.database.name
    return server
