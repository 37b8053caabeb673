"""What TAB offers, in this process as bash asks for it, and in a real bash."""

import fcntl
import os
import pty
import re
import select
import shutil
import socket
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import Invoke
from tests.conftest import ZATO
from tests.support.servers import Server, insert_user, insert_users
from zato_sso_reset.cli import completion

RESET = "zato sso reset-user-password"

README = Path(__file__).parents[2] / "README.md"

Complete = Callable[[str], list[str]]


def asking(line: str, shell: str = "bash") -> dict[str, str]:
    """Return the environment by which a shell asks for the completion of a line's last word."""
    cword = str(line.count(" ")) if shell != "fish" else line.rpartition(" ")[2]
    return {"_ZATO_COMPLETE": f"{shell}_complete", "COMP_WORDS": line, "COMP_CWORD": cword}


@pytest.fixture
def complete(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> Complete:
    """Complete the last word of a command line in this process, in silence, however busy the machine is."""
    monkeypatch.setattr(completion, "TIME_LIMIT", 60)

    def run(line: str) -> list[str]:
        done = invoke(env=asking(line))
        assert (done.exit_code, done.stderr) == (0, "")
        return done.stdout.split()

    return run


class TestPath:
    """PATH."""

    @pytest.fixture(autouse=True)
    def _folders(self, sqlite_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        """Be in a folder of a server, `server1`, and of others."""
        monkeypatch.chdir(sqlite_server.path.parent)
        for name in ("backup/server9", ".hidden", "zz"):
            Path(name).mkdir(parents=True)
        Path("a-file").touch()
        Path(".qs").symlink_to("server1")
        Path("cwd").rmdir()

    @pytest.mark.parametrize(
        ("typed", "offered"),
        [
            ("", ["plain,server1", "plain,backup/", "plain,zz/"]),
            ("./", ["plain,./server1", "plain,./backup/", "plain,./zz/"]),
            ("zz/../s", ["plain,zz/../server1"]),
            (".", ["plain,.qs", "plain,.hidden/"]),
        ],
    )
    def test_servers_come_first(self, complete: Complete, typed: str, offered: list[str]) -> None:
        """Servers end the word, other folders are gone on with; what is hidden has to be asked for."""
        assert complete(f"{RESET} {typed}") == offered

    @pytest.mark.parametrize("typed", ["b", "backup/", "a-file", "no/such/", "~no-such-user/x", "'$HOME/'"])
    def test_is_left_to_the_shell_where_there_is_no_server(self, complete: Complete, typed: str) -> None:
        """The shell, which knows how to quote and to expand, completes folders itself."""
        assert complete(f"{RESET} {typed}") == [f"dir,{typed.strip(chr(39))}"]

    def test_is_left_to_the_shell_where_names_want_quotes(self, complete: Complete) -> None:
        """No name is offered that the shell would take for something else."""
        for name in ("s p", "s$x", "s*", "s~", "s\n", b"s\xff"):
            folder = Path(os.fsdecode(name))
            folder.mkdir()
            assert complete(f"{RESET} s") == ["dir,s"]
            folder.rmdir()

    def test_keeps_the_tilde(
        self, complete: Complete, invoke: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """`~` stays as typed; in zsh, where Click's script would have it quoted, it is left to the shell."""
        monkeypatch.setenv("HOME", str(tmp_path))

        assert complete(f"{RESET} ~/s") == ["plain,~/server1"]
        assert complete(f"{RESET} ~/server1 us") == ["plain,user1"]
        assert invoke(env=asking(f"{RESET} ~/s", "fish")).stdout.split() == ["plain,~/server1"]
        assert invoke(env=asking(f"{RESET} ~/s", "zsh")).stdout.split() == ["dir", "~/s", "_"]
        assert invoke(env=asking(f"{RESET} s", "zsh")).stdout.split() == ["plain", "server1", "_"]


class TestUsernames:
    """USERNAME, and `--exclude`."""

    def test_are_found_by_prefix_in_any_database(self, server: Server, complete: Complete) -> None:
        """The case counts, no character is a pattern, and the order is that of the names."""
        insert_users(server, ["user10", "user2", "uxer3", "User4", "u%er5"])
        before = server.database.dump("zato_sso_user")

        def offered(prefix: str) -> list[str]:
            return complete(f"{RESET} {server.path} {prefix}")

        assert offered("us") == ["plain,user1", "plain,user10", "plain,user2"]
        assert offered("Us") == ["plain,User4"]
        assert offered("u%") == ["plain,u%er5"]
        assert offered("u_") == offered("user10 ") == offered("nobody") == []
        assert len(offered("")) == 10
        assert complete(f"{RESET}s {server.path} --all --exclude lo") == ["plain,locked1"]
        assert server.database.dump("zato_sso_user") == before

    def test_are_fifty_at_most(self, sqlite_server: Server, complete: Complete) -> None:
        """A screen has no room for more; those of another case take none of it."""
        insert_users(sqlite_server, (f"{name}{number}" for number in range(100) for name in ("MANY", "many")))

        offered = complete(f"{RESET} {sqlite_server.path} many")

        assert len(offered) == len(set(offered)) == 50
        assert all(each.startswith("plain,many") for each in offered)

    def test_that_want_quotes_are_left_out(self, sqlite_server: Server, complete: Complete) -> None:
        """What a shell, or Click's scripts for one, would take for something else is not offered."""
        strange = [
            "x y",
            "x'",
            'x"',
            "x$y",
            "x`y`",
            "x\\",
            "x*",
            "x?",
            "x[1]",
            "x;y",
            "x,y",
            "~x",
            "x\ny",
            "x&",
        ]
        for user_id, username in enumerate((*strange, "x@y.example", "xü", "-x"), start=9):
            insert_user(sqlite_server, user_id, username, {})

        assert complete(f"{RESET} {sqlite_server.path} x") == ["plain,x@y.example", "plain,xü"]
        assert complete(f"{RESET} {sqlite_server.path} ~") == []
        assert "plain,-x" not in complete(f"{RESET} {sqlite_server.path} ")
        assert complete(f"{RESET} -- {sqlite_server.path} -") == ["plain,-x"]

    @pytest.mark.parametrize(
        "harm",
        [
            lambda server: shutil.rmtree(server.path),
            lambda server: Path(server.database.name).unlink(),
            lambda server: server.edit("secrets.conf", "secret_keys", key1="zato+stdin:///"),
            lambda server: server.edit("secrets.conf", "secret_keys", key1="A" * 43 + "="),
            lambda server: server.edit("server.conf", "odb", engine="oracle"),
            lambda server: server.override("[sql]\nurl = 'postgresql://u:p@127.0.0.1:1/zato'\n"),
            lambda server: server.override("[sql]\nurl = 'mysql://u:p@no-such-host.invalid/zato'\n"),
            lambda server: server.database.run("DROP TABLE zato_sso_user"),
            lambda server: (server.repo / "sso.conf").unlink(),
        ],
    )
    def test_are_none_where_anything_is_wrong(
        self, sqlite_server: Server, complete: Complete, harm: Callable[[Server], object]
    ) -> None:
        """Nothing is offered and nothing is said."""
        harm(sqlite_server)

        assert complete(f"{RESET} {sqlite_server.path} us") == []

    @pytest.mark.parametrize("arguments", ["''", "a b", "--expiry x", "--bogus"])
    def test_are_none_without_a_path(self, complete: Complete, arguments: str) -> None:
        """What is wrong on the line stays so, in silence."""
        assert complete(f"{RESET} {arguments} us") in ([], ["dir,us"])
        assert complete(f"{RESET}s --exclude us") == []

    def test_are_read_beside_a_writer(self, sqlite_server: Server, complete: Complete) -> None:
        """Whoever writes to SQLite's file is not waited for, and need not wait."""
        with sqlite_server.database.connect() as writer:
            writer.execute("BEGIN IMMEDIATE")
            assert complete(f"{RESET} {sqlite_server.path} us") == ["plain,user1"]
            writer.execute("UPDATE zato_sso_user SET is_locked = 1")
            writer.execute("COMMIT")

    @pytest.mark.parametrize("fault", ["locked", "silent"])
    def test_are_not_waited_for(self, sqlite_server: Server, fault: str) -> None:
        """After two seconds nothing is offered, whether a file is locked or a server does not answer."""

        def offered() -> tuple[bytes, float]:
            started = time.monotonic()
            env = {**os.environ, **asking(f"{RESET} {sqlite_server.path} us")}
            done = subprocess.run([str(ZATO)], env=env, capture_output=True, timeout=60, check=True)
            assert done.stderr == b""
            return done.stdout.strip(), time.monotonic() - started

        _, usual = offered()
        with sqlite_server.database.connect() as other, socket.create_server(("127.0.0.1", 0)) as listening:
            if fault == "locked":
                other.execute("BEGIN EXCLUSIVE")
            else:
                port = listening.getsockname()[1]
                sqlite_server.override(f"[sql]\nurl = 'mysql://u:p@127.0.0.1:{port}/zato'\n")
            answer, took = offered()

        assert answer == b""
        assert took < usual + 4


class TestOptions:
    """Options and their values."""

    @pytest.mark.parametrize(
        ("typed", "offered"),
        [
            (f"{RESET} --st", ["plain,--store-log", "plain,--store-config"]),
            (f"{RESET} PATH --exp", ["plain,--expiry"]),
            (f"{RESET} --must-change ", ["plain,true", "plain,false"]),
            (f"{RESET} --must-change=f", ["plain,false"]),
            (f"{RESET} --expiry ", []),
            (f"{RESET}s PATH --output-file x", ["file,x"]),
            ("zato from-config x", ["file,x"]),
        ],
    )
    def test_are_completed(self, complete: Complete, typed: str, offered: list[str]) -> None:
        """An option's name is offered once it has begun, and what it can take."""
        assert complete(typed) == offered

    def test_open_no_file(self, sqlite_server: Server, complete: Complete) -> None:
        """A list of users is left alone: to open a FIFO would wait for whoever writes to it."""
        os.mkfifo("fifo")

        assert complete(f"{RESET}s {sqlite_server.path} --users-from fifo --exclude us") == ["plain,user1"]


class Terminal:
    """A pseudo-terminal with a bash in it."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._shown = ""

    def type(self, text: str, *, until: str) -> None:
        """Type, and wait for what is shown; a TAB that came to nothing on a busy machine is repeated."""
        for _ in range(10):
            os.write(self._fd, text.encode())
            deadline = time.monotonic() + 5
            while select.select([self._fd], [], [], max(0, deadline - time.monotonic()))[0]:
                self._shown += os.read(self._fd, 4096).decode().replace("\a", "")
                if until in self._shown:
                    self._shown = self._shown.partition(until)[2]
                    return
            text = "\t"
        pytest.fail(f"`{until}` never came, but {self._shown!r}")


@contextmanager
def real_bash(bash: str) -> Iterator[Terminal]:
    """Start an interactive bash that has the environment's `zato` on its PATH."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 500, 0, 0))
    env = {"PATH": f"{ZATO.parent}:{os.environ['PATH']}", "TERM": "dumb", "PS1": "ready$ "}
    with subprocess.Popen(
        [bash, "--norc", "--noprofile", "-i"],
        env=env,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    ) as process:
        os.close(slave)
        try:
            yield Terminal(master)
        finally:
            process.kill()
            os.close(master)


@pytest.fixture
def bash() -> str:
    """A bash that Click's script can do with."""
    found = shutil.which("bash")
    if not found:
        pytest.skip("no bash")
    version = subprocess.run([found, "-c", "echo $BASH_VERSION"], capture_output=True, text=True, check=True)
    if tuple(map(int, version.stdout.split(".")[:2])) < (4, 4):
        pytest.skip(f"bash {version.stdout.strip()} is older than 4.4")
    return found


class TestBash:
    """A real bash."""

    def test_completes_a_whole_command(
        self, bash: str, sqlite_server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With the README's line, TAB after TAB makes a command that resets a password."""
        switch = re.search(r"~/\.bashrc`: `(eval .+?)`", README.read_text("utf-8"))
        assert switch
        monkeypatch.chdir(sqlite_server.path.parent)
        with real_bash(bash) as terminal:
            terminal.type("", until="ready$ ")
            terminal.type(f"{switch[1]}\n", until="ready$ ")
            terminal.type("zato ss\t", until="zato sso ")
            terminal.type("reset-user-password --must-change t\t", until="--must-change true ")
            terminal.type("se\t", until="server1 ")
            terminal.type("us\t", until="user1 ")
            terminal.type("\n", until="Password for user `user1` reset to `")
            terminal.type("", until="ready$ ")

        assert sqlite_server.database.row("user1")["password_must_change"]
