"""Shell completion, in this process and in a real bash."""

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
from tests.support.servers import Server, insert_users
from zato_sso_reset.cli import completion

RESET = "zato sso reset-user-password"

INSTALLATION = Path(__file__).parents[2] / "docs" / "install.md"

Complete = Callable[[str], list[str]]


def request(line: str, shell: str = "bash") -> dict[str, str]:
    """Return the environment with which a shell requests the completion of a line's last word."""
    cword = str(line.count(" ")) if shell != "fish" else line.rpartition(" ")[2]
    return {"_ZATO_COMPLETE": f"{shell}_complete", "COMP_WORDS": line, "COMP_CWORD": cword}


@pytest.fixture
def complete(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> Complete:
    """Complete the last word of a command line in this process, without a time limit."""
    monkeypatch.setattr(completion, "TIME_LIMIT", 60)

    def run(line: str) -> list[str]:
        done = invoke(env=request(line))
        assert (done.exit_code, done.stderr) == (0, "")
        return done.stdout.split()

    return run


class TestPath:
    """PATH."""

    @pytest.fixture(autouse=True)
    def _folders(self, sqlite_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        """Change to a folder that contains a server, `server1`, and other folders."""
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
        """A server completes the word, another folder continues it; hidden ones need a leading dot."""
        assert complete(f"{RESET} {typed}") == offered

    @pytest.mark.parametrize("typed", ["b", "backup/", "a-file", "no/such/", "~no-such-user/x", "'$HOME/'"])
    def test_without_a_server_the_shell_completes(self, complete: Complete, typed: str) -> None:
        """The shell can quote and expand names itself."""
        assert complete(f"{RESET} {typed}") == [f"dir,{typed.strip(chr(39))}"]

    def test_with_special_characters_the_shell_completes(self, complete: Complete) -> None:
        """No name is offered that the shell would interpret."""
        for name in ("s p", "s$x", "s*", "s~", "s\n", b"s\xff"):
            folder = Path(os.fsdecode(name))
            folder.mkdir()
            assert complete(f"{RESET} s") == ["dir,s"]
            folder.rmdir()

    def test_tilde_stays_as_typed(
        self, complete: Complete, invoke: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """In zsh, where Click's script would quote it, the shell completes."""
        monkeypatch.setenv("HOME", str(tmp_path))

        assert complete(f"{RESET} ~/s") == ["plain,~/server1"]
        assert complete(f"{RESET} ~/server1 us") == ["plain,user1"]
        assert invoke(env=request(f"{RESET} ~/s", "fish")).stdout.split() == ["plain,~/server1"]
        assert invoke(env=request(f"{RESET} ~/s", "zsh")).stdout.split() == ["dir", "~/s", "_"]
        assert invoke(env=request(f"{RESET} s", "zsh")).stdout.split() == ["plain", "server1", "_"]


class TestUsernames:
    """USERNAME, and `--exclude`."""

    def test_prefix_is_matched_on_any_database(self, server: Server, complete: Complete) -> None:
        """Case matters, no character is a pattern, and the names are sorted."""
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

    def test_at_most_fifty_are_offered(self, sqlite_server: Server, complete: Complete) -> None:
        """Names in another case do not count."""
        insert_users(sqlite_server, (f"{name}{number}" for number in range(100) for name in ("MANY", "many")))

        offered = complete(f"{RESET} {sqlite_server.path} many")

        assert len(offered) == len(set(offered)) == 50
        assert all(each.startswith("plain,many") for each in offered)

    def test_names_with_special_characters_are_not_offered(
        self, sqlite_server: Server, complete: Complete
    ) -> None:
        """A shell, or Click's script for it, would interpret them."""
        special = [
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
        insert_users(sqlite_server, [*special, "x@y.example", "xü", "-x"])

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
            lambda server: server.edit("server.conf", "odb", engine="postgresql", host="127.0.0.1", port="1"),
            lambda server: server.edit("server.conf", "odb", engine="mysql", host="no-such-host.invalid"),
            lambda server: server.override(f"[sql]\nurl = 'sqlite:///{server.database.name}'\n"),
            lambda server: server.database.run("DROP TABLE zato_sso_user"),
            lambda server: (server.repo / "sso.conf").unlink(),
        ],
    )
    def test_no_name_is_offered_after_an_error(
        self, sqlite_server: Server, complete: Complete, harm: Callable[[Server], object]
    ) -> None:
        """Errors are silent."""
        harm(sqlite_server)

        assert complete(f"{RESET} {sqlite_server.path} us") == []

    @pytest.mark.parametrize("arguments", ["''", "a b", "--expiry x", "--bogus"])
    def test_no_name_is_offered_without_a_path(self, complete: Complete, arguments: str) -> None:
        """Usage errors are silent too."""
        assert complete(f"{RESET} {arguments} us") in ([], ["dir,us"])
        assert complete(f"{RESET}s --exclude us") == []

    def test_writer_does_not_block_completion(self, sqlite_server: Server, complete: Complete) -> None:
        """Neither waits for the other on SQLite."""
        with sqlite_server.database.connect() as writer:
            writer.execute("BEGIN IMMEDIATE")
            assert complete(f"{RESET} {sqlite_server.path} us") == ["plain,user1"]
            writer.execute("UPDATE zato_sso_user SET is_locked = 1")
            writer.execute("COMMIT")

    @pytest.mark.parametrize("fault", ["locked", "silent"])
    def test_time_limit_is_two_seconds(self, sqlite_server: Server, fault: str) -> None:
        """A locked file or a silent server offers nothing."""

        def offered() -> tuple[bytes, float]:
            started = time.monotonic()
            env = {**os.environ, **request(f"{RESET} {sqlite_server.path} us")}
            done = subprocess.run([str(ZATO)], env=env, capture_output=True, timeout=60, check=True)
            assert done.stderr == b""
            return done.stdout.strip(), time.monotonic() - started

        _, usual = offered()
        with sqlite_server.database.connect() as other, socket.create_server(("127.0.0.1", 0)) as listening:
            if fault == "locked":
                other.execute("BEGIN EXCLUSIVE")
            else:
                address = {"host": "127.0.0.1", "port": str(listening.getsockname()[1])}
                sqlite_server.edit("server.conf", "odb", engine="mysql", **address)
            answer, took = offered()

        assert answer == b""
        assert took < usual + 4


class TestOptions:
    """Options and their values."""

    @pytest.mark.parametrize(
        ("typed", "offered"),
        [
            (f"{RESET} --st", ["plain,--store-config", "plain,--store-log"]),
            (f"{RESET} PATH --exp", ["plain,--expiry"]),
            (f"{RESET} --must-change ", ["plain,true", "plain,false"]),
            (f"{RESET} --must-change=f", ["plain,false"]),
            (f"{RESET} --expiry ", []),
            (f"{RESET}s PATH --output-file x", ["file,x"]),
            ("zato from-config x", ["file,x"]),
        ],
    )
    def test_names_and_values_are_completed(self, complete: Complete, typed: str, offered: list[str]) -> None:
        """Option names need their first hyphen."""
        assert complete(typed) == offered

    def test_applications_are_those_of_the_server(self, sqlite_server: Server, complete: Complete) -> None:
        """Names that a shell would have to quote are left out."""
        sqlite_server.edit("sso.conf", "apps", all="CRM, CMS, 'C C', HR")
        check = f"zato sso check-login {sqlite_server.path} user1 --app"

        assert complete(f"{check} C") == ["plain,CRM", "plain,CMS"]
        sqlite_server.remove("sso.conf", "all")
        assert complete(f"{check} C") == []

    def test_states_are_completed_after_a_comma(self, complete: Complete) -> None:
        """The states before it stay."""
        typed = "zato sso password-status PATH --state locked,not-"

        assert complete(typed) == ["plain,locked,not-approved", "plain,locked,not-confirmed"]

    def test_list_of_users_is_not_opened(self, sqlite_server: Server, complete: Complete) -> None:
        """Opening a FIFO would block."""
        os.mkfifo("fifo")

        assert complete(f"{RESET}s {sqlite_server.path} --users-from fifo --exclude us") == ["plain,user1"]


class Terminal:
    """A pseudo-terminal with a bash in it."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._shown = ""

    def type(self, text: str, *, until: str) -> None:
        """Type, and wait for a text; repeat a TAB that had no effect on a busy machine."""
        for _ in range(10):
            os.write(self._fd, text.encode())
            deadline = time.monotonic() + 5
            while select.select([self._fd], [], [], max(0, deadline - time.monotonic()))[0]:
                self._shown += os.read(self._fd, 4096).decode().replace("\a", "")
                if until in self._shown:
                    self._shown = self._shown.partition(until)[2]
                    return
            text = "\t"
        pytest.fail(f"`{until}` is not in {self._shown!r}")


@contextmanager
def real_bash(bash: str) -> Iterator[Terminal]:
    """Start an interactive bash with this environment's `zato` on PATH."""
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
    """Return a bash that is recent enough for Click's script."""
    found = shutil.which("bash")
    if not found:
        pytest.skip("no bash")
    version = subprocess.run([found, "-c", "echo $BASH_VERSION"], capture_output=True, text=True, check=True)
    if tuple(map(int, version.stdout.split(".")[:2])) < (4, 4):
        pytest.skip(f"bash {version.stdout.strip()} is older than 4.4")
    return found


class TestBash:
    """A real bash."""

    def test_whole_command_is_completed(
        self, bash: str, sqlite_server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """After the line of docs/install.md, TAB completes a command that resets a password."""
        switch = re.search(r"^```bash\n(eval .+)", INSTALLATION.read_text("utf-8"), re.MULTILINE)
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
