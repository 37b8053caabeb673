"""docs/operations.md: every block is run exactly as printed."""

import json
import os
import re
import shlex
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import AUDIT, ZATO
from tests.support.bulk import recorded
from tests.support.databases import Database, unreachable
from tests.support.servers import LINE, OLD, Server, insert_user, quick_server

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")

BLOCKS = {
    section.partition("\n")[0]: re.findall(r"^```(\w+)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    for section in PAGE.split("\n## ")[1:]
}
"""The fenced blocks, each with its language, by heading."""


@pytest.fixture
def server(tmp_path: Path) -> Server:
    """`~/env/qs-1/server1`, where user1 is locked out, and somebody else has a session of user1."""
    for name in ("server2", "server1"):
        server = quick_server(tmp_path / "env" / "qs-1" / name)
        insert_user(server, 99, "admin1", {"is_super_user": True})
    server.database.run("UPDATE zato_sso_user SET is_locked = 1, is_totp_enabled = 1 WHERE id = 1")
    server.database.run("UPDATE zato_sso_session SET user_id = 1")
    return server


def run(script: str, server: Server) -> str:
    """Run a script of the page, which must end with 0, and return its stdout."""
    home = server.path.parents[2]
    env = {"HOME": str(home), "PATH": f"{ZATO.parent}{os.pathsep}{os.environ['PATH']}", AUDIT: "false"}
    argv = ["bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def block(heading: str, language: str = "sh") -> str:
    """Return the only block below a heading."""
    [text] = blocks(heading, language)
    return text


def blocks(heading: str, language: str = "sh") -> list[str]:
    """Return the blocks below a heading."""
    assert {found for found, _ in BLOCKS[heading]} == {language}
    return [text for _, text in BLOCKS[heading]]


def require(*tools: str) -> None:
    """Skip the test if a program is missing."""
    for tool in tools:
        if not shutil.which(tool):
            unreachable(f"{tool} on PATH", FileNotFoundError())


def user(server: Server) -> tuple[bool, bool, bool, int]:
    """Return whether user1 is locked, has TOTP and must change the password; and the number of sessions."""
    row = server.database.row("user1")
    flags = (bool(row[name]) for name in ("is_locked", "is_totp_enabled", "password_must_change"))
    [(sessions,)] = server.database.run("SELECT count(*) FROM zato_sso_session WHERE user_id = 1")
    is_locked, has_totp, must_change = flags
    return is_locked, has_totp, must_change, sessions


def test_every_block_is_run() -> None:
    """Each heading of the page with a block has a test here."""
    assert list(BLOCKS) == [
        "The owner is locked out",
        "Somebody else may be in an account",
        "Somebody else may be in the whole server",
        "A temporary password",
        "The same password on two servers",
        "Encrypted for the owner",
        "All passwords, encrypted",
        "Into a password store",
        "By mail",
        "As a QR code",
        "Hashes that are too weak",
        "Ansible",
        "cron",
        "Must change on PostgreSQL",  # a test of the warning runs its statement
    ]


def test_owner_is_locked_out(server: Server) -> None:
    """The owner can log in, and the session stays open."""
    printed = run(block("The owner is locked out"), server)

    assert "locked" in printed
    assert server.opens("user1", printed.rsplit("`", 2)[1])
    assert user(server) == (False, False, True, 1)


def test_somebody_else_in_an_account(server: Server) -> None:
    """The session is closed, and the last line shows no open session."""
    printed = run(block("Somebody else may be in an account"), server)

    assert not server.opens("user1", OLD)
    assert user(server) == (True, True, False, 0)
    assert re.search(r"^user1 .* 0 ", printed, re.MULTILINE)


def test_somebody_else_in_the_server(server: Server) -> None:
    """Each approved user has a password from the files, which are private."""
    run(block("Somebody else may be in the whole server"), server)

    files = [Path("admin1.txt"), Path("passwords.jsonl")]
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600, 0o600]
    passwords = {
        each["username"]: each["password"] for each in map(json.loads, files[1].read_text().splitlines())
    }
    passwords["admin1"] = files[0].read_text().rsplit("`", 2)[1]
    assert server.opened_by(passwords) == {"user1", "locked1", "MixedCase", "changing1", "admin1"}
    assert server.database.dump("zato_sso_session") == []


def test_temporary_password(server: Server) -> None:
    """The password lasts two months and must be changed."""
    run(block("A temporary password"), server)

    [(days,)] = server.database.run(
        "SELECT julianday(password_expiry) - julianday(password_last_set) FROM zato_sso_user WHERE id = 1"
    )
    assert round(days) == 60
    assert user(server)[2]


def test_same_password_on_two_servers(server: Server) -> None:
    """Both servers have the same new password, or the first one keeps the old one."""
    script = block("The same password on two servers")
    second = server.path.parent / "server2"
    path = second.rename(second.with_name("away"))
    with pytest.raises(AssertionError, match="exit code 23"):
        run(script, server)
    assert server.opens("user1", OLD)
    path.rename(second)

    assert run(script, server) == ""

    database = Database("sqlite", str(second / "zato.db"))
    for each in (server.database, database):
        assert each.row("user1")["password_last_set"] > each.row("locked1")["password_last_set"]


@pytest.fixture
def gnupg(server: Server) -> Iterator[None]:
    """A key of user1 in the keyring, and a password store."""
    require("gpg", "pass")
    home = server.path.parents[2] / ".gnupg"
    home.mkdir(mode=0o700)
    key = "gpg --batch --passphrase '' --quick-generate-key user1@example.com future-default default never"
    run(f"{key} && pass init user1@example.com", server)
    yield
    run("gpgconf --kill all", server)


@pytest.mark.usefixtures("gnupg")
def test_owner_decrypts_the_new_password(server: Server) -> None:
    """The owner decrypts the password that the account then has."""
    require("age")
    run("age-keygen -o ~/user1.key && age-keygen -y ~/user1.key >~/user1.pub", server)
    for script, decrypt in zip(
        blocks("Encrypted for the owner"),
        ["age --decrypt -i ~/user1.key user1.age", "gpg --batch --decrypt user1.gpg"],
        strict=True,
    ):
        assert run(script, server) == ""
        match = LINE.fullmatch(run(decrypt, server))
        assert match
        assert server.opens("user1", match["password"])


def test_all_passwords_are_encrypted_and_the_record_has_none(server: Server) -> None:
    """The decrypted lines have everybody's passwords, and the record none."""
    require("age")
    run("age-keygen -o ~/admin1.key && age-keygen -y ~/admin1.key >~/admin1.pub", server)
    reset, decrypt = blocks("All passwords, encrypted")
    assert run(reset, server) == ""

    lines = [json.loads(line) for line in run(decrypt, server).splitlines()]
    passwords = {line["username"]: line["password"] for line in lines}
    users = {"user1", "locked1", "MixedCase", "changing1"}
    assert recorded(server, Path("done.jsonl").read_text(), passwords) == users


@pytest.mark.usefixtures("gnupg")
def test_password_store_has_the_new_password(server: Server) -> None:
    """The store has the password."""
    assert run(block("Into a password store"), server) == ""

    assert server.opens("user1", run("pass show zato/user1", server).rstrip("\n"))


def test_mail_has_the_new_password(server: Server) -> None:
    """A stand-in for a mail server gets the message."""
    sendmail = server.path.parents[2] / "bin" / "sendmail"
    sendmail.parent.mkdir()
    sendmail.write_text('#!/bin/sh\n[ "$*" = "-i -t" ] && cat >message\n')
    sendmail.chmod(0o755)
    assert run(f"PATH=~/bin:$PATH\n{block('By mail')}", server) == ""

    head, _, body = Path("message").read_text().partition("\n\n")
    match = LINE.fullmatch(body)
    assert head == "To: user1@example.com\nSubject: Zato"
    assert match
    assert server.opens("user1", match["password"])
    assert user(server)[2]


def test_qr_code_has_the_new_password(server: Server) -> None:
    """The code is that of the password that the account then has."""
    require("qrencode")
    script = block("As a QR code").replace("-t ansiutf8", "-t ansiutf8 -o code")
    run(script.replace("qrencode", "tee password | qrencode"), server)

    assert server.opens("user1", Path("password").read_text().rstrip("\n"))
    assert Path("code").read_text() == run("qrencode -t ansiutf8 <password", server)


def test_weak_hashes(server: Server) -> None:
    """Users whose hash costs less than the server's setting are reset, if they are approved."""
    server.edit("sso.conf", "hash_secret", rounds="2000")
    run("zato sso reset-user-password ~/env/qs-1/server1 user1", server)

    run(block("Hashes that are too weak"), server)

    weak = {record["username"] for record in map(json.loads, Path("weak.jsonl").read_text().splitlines())}
    assert weak == {"locked1", "MixedCase", "changing1", "admin1"}


def test_ansible(server: Server) -> None:
    """The task's arguments, with Ansible's variable filled in, create the file that `creates` names."""
    task = block("Ansible", "yaml").replace("{{ ansible_env.HOME }}", str(server.path.parents[2]))
    arguments = re.findall(r"^      - \"?(.*?)\"?$", task, re.MULTILINE)
    creates = re.findall(r"creates: \"(.*)\"", task)

    run(shlex.join(arguments), server)

    assert server.opens("user1", json.loads(Path(creates[0]).read_text())["password"])


def test_cron(server: Server) -> None:
    """The command after the five fields of time lists users whose password expires."""
    server.database.run("UPDATE zato_sso_user SET password_expiry = '2020-01-02 03:04:05' WHERE id = 1")
    command = block("cron", "cron").split(maxsplit=5)[5]

    printed = run(command, server)

    assert "user1" in printed
    assert "MixedCase" not in printed
