"""The hand-over of unknown commands to a stock `zato`, here a shell script."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ZATO
from tests.host.conftest import Invoke, Process, is_one_line

PRINT_ARGUMENTS = 'printf "%s\\n" "$@"; exit 7'
"""A script that prints each argument on a line."""


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set PATH to our own program, these folders, and those of the system without a `zato`."""
    system = [folder for folder in ("/usr/bin", "/bin") if not shutil.which("zato", path=folder)]
    ours = tmp_path / "ours"
    ours.mkdir()
    (ours / "zato").symlink_to(ZATO)

    def path(*folders: Path) -> None:
        monkeypatch.setenv("PATH", os.pathsep.join(map(str, (ours, *folders, *system))))

    path()
    return path


@pytest.fixture
def stand_in(tmp_path: Path, path: Callable[..., None]) -> Callable[[str], Path]:
    """Put a shell script named `zato` on PATH, after our own program."""

    def stand_in(script: str) -> Path:
        folder = tmp_path / "stock"
        folder.mkdir()
        file = folder / "zato"
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        path(folder)
        return file

    return stand_in


class TestHandOver:
    """The stock `zato` replaces the process."""

    @pytest.mark.parametrize(
        "arguments",
        [
            ("start", "server1", "--foo", "a b"),
            ("sso", "lock-user", "PATH", "user1"),
            ("start", "--help"),
            ("sso", "lock-user", "-h"),
            ("start", "", "*", "$HOME", "a\nb", "\udcff"),
        ],
    )
    def test_arguments_and_exit_code_are_the_same(
        self, stand_in: Callable[[str], Path], process: Process, arguments: tuple[str, ...]
    ) -> None:
        """Empty, special and undecodable arguments arrive unchanged."""
        stand_in(PRINT_ARGUMENTS)
        done = process(*arguments, errors="surrogateescape")

        assert (done.returncode, done.stderr) == (7, "")
        assert done.stdout == "".join(f"{argument}\n" for argument in arguments)

    @pytest.mark.parametrize(
        ("arguments", "near"),
        [
            (("reset-user-password", "PATH", "user1"), "zato sso reset-user-password"),
            (("sso", "reset-pasword", "PATH", "user1"), "zato sso reset-user-password"),
            (
                ("sso", "reset-user-pasword"),
                "zato sso reset-user-password` or `zato sso reset-user-passwords",
            ),
            (("plugin",), "zato plugins"),
        ],
    )
    def test_near_miss_is_reported_first(
        self, stand_in: Callable[[str], Path], process: Process, arguments: tuple[str, ...], near: str
    ) -> None:
        """The stock command runs all the same."""
        stand_in(PRINT_ARGUMENTS)
        done = process(*arguments)

        assert (done.returncode, done.stdout.split()) == (7, list(arguments))
        assert "is handed over to the stock `zato`. Did you mean `" in done.stderr
        assert f"`{near}`?\n" in done.stderr

    @pytest.mark.parametrize("group", [(), ("sso",)])
    def test_stock_commands_are_no_near_misses(
        self, stand_in: Callable[[str], Path], process: Process, group: tuple[str, ...]
    ) -> None:
        """Nothing is added to their output."""
        stand_in(PRINT_ARGUMENTS)
        stock = ("quickstart", "set-ide-password", "check-config", "update-password", "start", "info")
        stock_sso = ("login", "logout", "create-user", "lock-user", "reset-totp-key", "delete-user")

        for name in stock_sso if group else stock:
            assert process(*group, name).stderr == ""

    def test_streams_are_the_same(self, stand_in: Callable[[str], Path], process: Process) -> None:
        """The stock command reads our stdin and writes to our stderr."""
        stand_in("cat >&2")

        done = process("start", input="from stdin")

        assert (done.returncode, done.stdout, done.stderr) == (0, "", "from stdin")

    @pytest.mark.parametrize("arguments", [("sso", "lock-user", "PATH"), ("from-config", "server1.config")])
    def test_environment_names_the_stock_zato(
        self,
        stand_in: Callable[[str], Path],
        path: Callable[..., None],
        process: Process,
        monkeypatch: pytest.MonkeyPatch,
        arguments: tuple[str, ...],
    ) -> None:
        """$ZATO_STOCK_CLI may be any path."""
        Path("server1.config").write_text("command=create_server\n")
        file = stand_in(PRINT_ARGUMENTS)
        monkeypatch.setenv("ZATO_STOCK_CLI", str(file.rename(file.with_name("zato-3.3"))))
        path()
        done = process(*arguments)

        assert (done.returncode, done.stdout.split(), done.stderr) == (7, list(arguments), "")

    def test_bare_name_is_searched_on_path(
        self, stand_in: Callable[[str], Path], process: Process, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """$ZATO_STOCK_CLI may be a name without a folder."""
        file = stand_in(PRINT_ARGUMENTS)
        file.rename(file.with_name("zato-3.3"))
        monkeypatch.setenv("ZATO_STOCK_CLI", "zato-3.3")

        assert process("start").returncode == 7

    def test_environment_comes_before_path(
        self,
        stand_in: Callable[[str], Path],
        process: Process,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        """The named program runs."""
        named = tmp_path / "named"
        named.write_text("#!/bin/sh\nexit 8\n")
        named.chmod(0o755)
        stand_in(PRINT_ARGUMENTS)
        monkeypatch.setenv("ZATO_STOCK_CLI", str(named))

        assert process("start").returncode == 8

    def test_second_installation_of_ours_is_skipped(
        self, stand_in: Callable[[str], Path], path: Callable[..., None], process: Process, tmp_path: Path
    ) -> None:
        """The stock `zato` may come after it on PATH."""
        second = tmp_path / "second"
        second.mkdir()
        shutil.copy(ZATO, second)
        path(second, stand_in(PRINT_ARGUMENTS).parent)

        assert process("start").returncode == 7

    @pytest.mark.parametrize(
        ("arguments", "code"),
        [
            (("sso", "reset-user-password", "PATH", "user1"), 23),
            (("sso", "reset-user-password", "--help"), 0),
            (("sso", "--help"), 0),
            (("sso",), 0),
            (("from-config", "no-such-file"), 78),
            (("--version",), 0),
            (("--bogus",), 2),
            (("sso", "--bogus"), 2),
            ((), 0),
        ],
    )
    def test_own_commands_and_options_are_never_handed_over(
        self, stand_in: Callable[[str], Path], process: Process, arguments: tuple[str, ...], code: int
    ) -> None:
        """Errors are ours too."""
        stand_in("touch called; exit 7")

        assert process(*arguments).returncode == code
        assert not Path("called").exists()

    @pytest.mark.parametrize("line", ["zato ", "zato start ", "zato sso lock-user --", "zato sta"])
    def test_completion_is_never_handed_over(
        self, stand_in: Callable[[str], Path], process: Process, monkeypatch: pytest.MonkeyPatch, line: str
    ) -> None:
        """The TAB key starts no program."""
        stand_in("touch called; exit 7")
        monkeypatch.setenv("_ZATO_COMPLETE", "bash_complete")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(line.count(" ")))
        done = process()

        assert (done.returncode, done.stderr) == (0, "")
        assert not Path("called").exists()


class TestFromConfig:
    """`zato from-config` with a command of the stock `zato`."""

    def test_stored_stock_command_is_handed_over(
        self, stand_in: Callable[[str], Path], process: Process
    ) -> None:
        """The stock `zato` receives the same command line."""
        stand_in(PRINT_ARGUMENTS)
        Path("zato.config").write_text("# now - user@host\ncommand=sso_lock_user\npath=/x\nusername=user1\n")
        done = process("from-config", "zato.config")

        assert (done.returncode, done.stdout, done.stderr) == (7, "from-config\nzato.config\n", "")

    @pytest.mark.usefixtures("path")
    def test_error_without_a_stock_zato_names_the_stored_command(self, invoke: Invoke) -> None:
        """The exit code is that of a usage error."""
        Path("zato.config").write_text("command=sso_lock_user\npath=/x\n")
        done = invoke("from-config", "zato.config")

        assert (done.exit_code, done.stdout) == (2, "")
        assert "`sso_lock_user`" in done.stderr
        assert is_one_line(done.stderr)


class TestNoStockZato:
    """Without a usable stock `zato`, one line explains the problem."""

    @pytest.mark.parametrize("arguments", [("start", "server1"), ("sso", "lock-user"), ("a\x1b[31m",)])
    @pytest.mark.usefixtures("path")
    def test_unknown_command_is_a_usage_error_that_names_the_variable(
        self, invoke: Invoke, process: Process, arguments: tuple[str, ...]
    ) -> None:
        """A process and a call within this one behave the same."""
        result, done = invoke(*arguments), process(*arguments)

        assert (result.exit_code, result.stdout) == (done.returncode, done.stdout) == (2, "")
        assert result.stderr == done.stderr
        assert is_one_line(done.stderr)
        assert "No such command" in done.stderr
        assert "ZATO_STOCK_CLI" in done.stderr

    @pytest.mark.usefixtures("path")
    @pytest.mark.parametrize(
        ("content", "mode"),
        [(None, 0), ("#!/bin/sh\n", 0o644), ("no program\0", 0o755), ("#!/no/such/shell\n", 0o755)],
    )
    def test_named_program_that_cannot_run_is_an_error_with_the_reason(
        self, invoke: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None, mode: int
    ) -> None:
        """$ZATO_STOCK_CLI is missing, not executable, or not a program."""
        file = tmp_path / "zato-3.3"
        if content is not None:
            file.write_text(content)
            file.chmod(mode)
        monkeypatch.setenv("ZATO_STOCK_CLI", str(file))
        done = invoke("start", "server1")

        assert (done.exit_code, done.stdout) == (1, "")
        assert is_one_line(done.stderr)
        assert f"`{file}` can't be run: " in done.stderr

    @pytest.mark.usefixtures("path")
    def test_near_miss_is_reported_before_the_error(
        self, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The suggestion may be all that is needed."""
        monkeypatch.setenv("ZATO_STOCK_CLI", "/no/such/zato")
        suggestion, error = invoke("reset-user-password", "PATH", "user1").stderr.splitlines()

        assert suggestion.endswith("Did you mean `zato sso reset-user-password`?")
        assert error.startswith("Error: ")

    @pytest.mark.usefixtures("path")
    @pytest.mark.parametrize("value", ["9" * 5000 + " 1", "1 " + "9" * 5000, "x", "\u0661 1"])
    def test_malformed_hand_over_count_is_ignored(
        self, invoke: Invoke, monkeypatch: pytest.MonkeyPatch, value: str
    ) -> None:
        """Anybody may set the variable."""
        monkeypatch.setenv("ZATO_HANDED_OVER", value)
        monkeypatch.setenv("ZATO_STOCK_CLI", "/no/such/zato")

        assert invoke("start").exit_code == 1

    def test_fifo_on_path_is_not_waited_for(
        self, tmp_path: Path, path: Callable[..., None], process: Process
    ) -> None:
        """Reading it would wait for a writer."""
        os.mkfifo(tmp_path / "zato", 0o755)
        path(tmp_path)
        done = process("start")

        assert done.returncode == 1
        assert is_one_line(done.stderr)

    @pytest.mark.usefixtures("path")
    @pytest.mark.parametrize("copied", [False, True])
    def test_named_program_of_ours_is_refused(
        self, invoke: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, copied: bool
    ) -> None:
        """$ZATO_STOCK_CLI is this installation, or another one."""
        monkeypatch.setenv("ZATO_STOCK_CLI", str(shutil.copy(ZATO, tmp_path / "other") if copied else ZATO))
        done = invoke("start", "server1")

        assert (done.exit_code, done.stdout) == (1, "")
        assert is_one_line(done.stderr)
        assert "not a stock `zato`" in done.stderr


class TestLoop:
    """A stock `zato` that calls `zato` again causes no endless loop."""

    COUNTED = 'echo again >> called; [ "$(wc -l < called)" -gt 30 ] && exit 99\n'
    """A limit, so that a failing test ends too."""

    @pytest.mark.parametrize(
        "script",
        [
            'exec zato "$@"',
            '(zato "$@"; exit $?); exit $?',
            'zato again "$@"; exit $?',
        ],
        ids=["exec", "grandchild", "child with more"],
    )
    def test_returning_command_is_an_error(
        self, stand_in: Callable[[str], Path], process: Process, script: str
    ) -> None:
        """It returns directly, from a grandchild, or from a child with more arguments."""
        stand_in(self.COUNTED + script)
        done = process("start", "server1")

        assert done.returncode not in {0, 99}
        assert done.stdout == ""
        assert is_one_line(done.stderr)
        assert "leads back here" in done.stderr

    @pytest.mark.parametrize("way", ["exec zato", "zato"])
    def test_call_of_another_command_is_no_loop(
        self, stand_in: Callable[[str], Path], process: Process, way: str
    ) -> None:
        """A stock command may call other commands, of the stock `zato` and of ours."""
        stand_in(
            f'{self.COUNTED}case "$1" in start) {way} restart "$2";; restart) {way} --version;; esac\nexit $?'
        )
        done = process("start", "server1")

        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("zato-sso-reset ")

    @pytest.mark.parametrize(
        ("last", "exit_code"),
        [((0, 4), 7), ((0, 5), 1), ((50, 4), 7), ((50, 5), 1), ((70, 5), 7), ((70, 999), 7)],
    )
    def test_sixth_hand_over_within_a_minute_is_refused(
        self,
        stand_in: Callable[[str], Path],
        process: Process,
        monkeypatch: pytest.MonkeyPatch,
        last: tuple[int, int],
        exit_code: int,
    ) -> None:
        """A minute after the last one, the count starts again."""
        stand_in(PRINT_ARGUMENTS)
        seconds_ago, hand_overs = last
        monkeypatch.setenv("ZATO_HANDED_OVER", f"{int(time.time()) - seconds_ago} {hand_overs}")

        assert process("start").returncode == exit_code

    def test_sixth_hand_over_is_refused_in_this_process(
        self, stand_in: Callable[[str], Path], invoke: Invoke, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nothing is executed, so the process can report the loop itself."""
        monkeypatch.setenv("ZATO_STOCK_CLI", str(stand_in(PRINT_ARGUMENTS)))
        monkeypatch.setenv("ZATO_HANDED_OVER", f"{int(time.time())} 5")

        assert "it leads back here" in invoke("start").stderr

    @pytest.mark.parametrize(("mark", "count"), [("{now} 4", "5"), ("{then} 4", "1"), ("", "1")])
    def test_hand_over_passes_on_its_time_and_count(
        self,
        stand_in: Callable[[str], Path],
        process: Process,
        monkeypatch: pytest.MonkeyPatch,
        mark: str,
        count: str,
    ) -> None:
        """The next hand-over continues the count."""
        stand_in('echo "$ZATO_HANDED_OVER"')
        begun = int(time.time())
        monkeypatch.setenv("ZATO_HANDED_OVER", mark.format(now=begun, then=begun - 70))
        moment, passed_on = process("start").stdout.split()

        assert passed_on == count
        assert begun <= int(moment) <= time.time()
