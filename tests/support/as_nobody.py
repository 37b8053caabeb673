"""The real `zato`, as a user without rights: `python as_nobody.py UID ...`.

Perhaps only root can read the interpreter's files, so a first reset loads all of them before the process
gives up its rights.
"""

import os
import sys
import tempfile
from pathlib import Path

from click.testing import CliRunner

from zato_sso_reset import __main__
from zato_sso_reset.host.program import zato
from zato_sso_reset.services.quickstart import create_server

if __name__ == "__main__":
    nobody = int(sys.argv.pop(1))
    with tempfile.TemporaryDirectory() as folder:
        server = create_server(Path(folder, "server1"), "user1")
        CliRunner().invoke(zato, ["sso", "reset-user-password", str(server), "user1"])
    os.setgroups([])
    os.setgid(nobody)
    os.setuid(nobody)
    __main__.main()
