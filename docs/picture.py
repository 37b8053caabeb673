"""Draw `docs/terminal.svg` from what the installed `zato` shows on a terminal: `nox -s picture`."""

import os
import pty
import re
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing, suppress
from pathlib import Path

from rich.console import Console
from rich.text import Text

from zato_sso_reset.services.quickstart import create_server

PICTURE = Path(__file__).with_name("terminal.svg")

COLUMNS = 100

USERS = {
    "bob": "password_expiry = datetime('now', '-6 days')",
    "carol": "is_locked = 1, password_expiry = datetime('now', '+9 days')",
    "dave": "password_must_change = 1, password_expiry = datetime('now', '+14 days')",
    "erin": "is_totp_enabled = 1, password_expiry = datetime('now', '+21 days')",
    **{f"user{number}": "is_totp_enabled = 1" for number in range(195)},
}
"""The users besides `alice`, each with what differs from hers."""

COMMANDS = {
    "zato sso reset-user-password ~/env/qs-1/server1 alice": "",
    "zato sso password-status ~/env/qs-1/server1 --within 30": "",
    "zato sso reset-user-passwords ~/env/qs-1/server1 --all --yes --output-file passwords.jsonl": "6[0-9]%",
}
"""The commands, each with the output at which the picture is taken; without one, at the end."""


def main(zato: Path) -> None:
    """Run the commands in a temporary home, and draw prompt, command and output."""
    console = Console(record=True, width=COLUMNS, file=sys.stderr)
    with tempfile.TemporaryDirectory() as home:
        path = create_server(Path(home, "env", "qs-1", "server1"), "alice")
        insert_users(path / "zato.db")
        env = {"HOME": home, "PATH": f"{zato.parent}:{os.environ['PATH']}", "TERM": "xterm-256color"}
        for command, until in COMMANDS.items():
            console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
            console.print(Text.from_ansi(shown(command, home, env, until)))
    svg = console.export_svg(title="zato sso", unique_id="terminal")
    # The picture must not fetch a font from another site.
    PICTURE.write_text(re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL))


def insert_users(file: Path) -> None:
    """Insert `USERS`, as copies of the only user."""
    with closing(sqlite3.connect(file)) as database:
        for number, (name, changes) in enumerate(USERS.items(), start=2):
            unique = "id = :n, user_id = :n, sign_up_confirm_token = :n, username = :name"
            database.execute("CREATE TEMPORARY TABLE copy AS SELECT * FROM zato_sso_user WHERE id = 1")
            statement = f"UPDATE copy SET {unique}, {changes}"  # noqa: S608 from USERS
            database.execute(statement, {"n": number, "name": name})
            database.execute("INSERT INTO zato_sso_user SELECT * FROM copy")
            database.execute("DROP TABLE copy")
        database.commit()


def shown(command: str, home: str, env: dict[str, str], until: str) -> str:
    """Run a command on a terminal, and return what is on the screen at the end, or once it shows `until`."""
    master, slave = pty.openpty()
    shell = ["sh", "-c", f"stty columns {COLUMNS}; exec {command}"]
    process = subprocess.Popen(shell, stdin=slave, stdout=slave, stderr=slave, env=env, cwd=home)
    os.close(slave)
    output = b""
    with suppress(OSError):  # the end of a terminal
        while not (until and re.search(until.encode(), output)):
            output += os.read(master, 4096)
    process.kill()
    process.wait()
    os.close(master)
    # A progress bar is written over and over again, on one line.
    lines = output.decode("utf-8", "ignore").split("\r\n")
    return "\n".join(line.rpartition("\r")[2].rstrip() for line in lines).rstrip()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
