"""The `zato` program: help, version, errors on one line, and how it is started."""

import runpy
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import distribution, version
from pathlib import Path

import click
import pytest
from click.testing import Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import ZATO
from tests.support.servers import OLD, Server
from zato_sso_reset.cli.command import Command

Invoke = Callable[..., Result]

RESET = ("sso", "reset-user-password")

VERSION_LINE = f"zato-sso-reset {version('zato-sso-reset')}\n"


@pytest.fixture(autouse=True)
def _no_stock_zato(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Leave nothing on PATH that a command could be handed over to."""
    monkeypatch.setenv("PATH", str(tmp_path))


def is_one_line(text: str) -> bool:
    """Tell whether `text` is one line that is safe for a terminal."""
    return text.endswith("\n") and text[:-1].isprintable() and len(text) > 1


class TestHelp:
    """What each level tells of itself."""

    @pytest.mark.parametrize("option", ["-h", "--help"])
    @pytest.mark.parametrize(
        ("command", "expected"),
        [
            ((), "Usage: zato [OPTIONS] COMMAND [ARGS]..."),
            (("sso",), "Usage: zato sso [OPTIONS] COMMAND [ARGS]..."),
            (RESET, "Usage: zato sso reset-user-password [-h] [--store-log] [--verbose]"),
            (("sso", "quickstart"), "Usage: zato sso quickstart [-h] [--username USERNAME] PATH"),
            (("from-config",), "Usage: zato from-config [-h] FILE"),
        ],
    )
    def test_is_printed_to_stdout(
        self, invoke: Invoke, command: tuple[str, ...], option: str, expected: str
    ) -> None:
        """Both options of every command print its usage, and succeed."""
        done = invoke(*command, option)

        assert (done.exit_code, done.stderr) == (0, "")
        assert done.stdout.startswith(expected)

    @pytest.mark.parametrize("command", [(), ("sso",)])
    def test_is_shown_where_no_command_is_given(self, invoke: Invoke, command: tuple[str, ...]) -> None:
        """A group alone shows its help on stderr, as a usage error."""
        done = invoke(*command)

        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr.startswith("Usage: zato")
        assert "Commands:" in done.stderr

    def test_lists_our_commands_and_their_distribution(self, invoke: Invoke) -> None:
        """Our own commands are plugins like any other."""
        listing = invoke("--help").stdout.splitlines()
        inside = invoke("sso", "--help").stdout.splitlines()

        origin = VERSION_LINE.split()
        assert ["from-config", *origin] in [line.split() for line in listing]
        assert ["sso", *origin] in [line.split() for line in listing]
        assert ["quickstart", *origin] in [line.split() for line in inside]
        assert ["reset-user-password", *origin] in [line.split() for line in inside]

    def test_tells_of_the_stock_zato(self, invoke: Invoke) -> None:
        """Whoever looks for a command of the stock CLI learns how it is found."""
        text = " ".join(invoke("--help").stdout.split())

        assert "handed over to the stock zato" in text
        assert "ZATO_STOCK_CLI" in text

    @pytest.mark.parametrize("command", [(), RESET])
    def test_imports_nothing_heavy(self, command: tuple[str, ...]) -> None:
        """No database, hash or cipher is imported just to print a page of help."""
        argv = [sys.executable, "-X", "importtime", str(ZATO), *command, "--help"]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True)

        imported = {line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.splitlines()}
        assert {"click", "zato_sso_reset"} <= imported
        assert not {"sqlalchemy", "argon2", "cryptography"} & imported

    def test_of_a_command_reads_no_metadata(self) -> None:
        """Only a listing needs importlib.metadata, whose import takes as long as Click's."""
        argv = [sys.executable, "-X", "importtime", str(ZATO), *RESET, "--help"]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True)

        imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
        assert "zato_sso_reset.cli.command" in imported
        assert not {"importlib.metadata", "email", "asyncio", "logging"} & imported

    @pytest.mark.parametrize("option", ["--help", "--version"])
    def test_on_a_full_disk_is_an_error_of_one_line(self, option: str) -> None:
        """Output that can't be written is told of in a line, not in a traceback."""
        argv = ["/bin/sh", "-c", f"exec {ZATO} {option} >/dev/full"]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)

        assert done.returncode == 74
        assert is_one_line(done.stderr)


class TestVersion:
    """`zato --version`."""

    def test_names_the_distribution(self, invoke: Invoke) -> None:
        """The version is that of the installed distribution."""
        done = invoke("--version")

        assert (done.exit_code, done.stdout, done.stderr) == (0, VERSION_LINE, "")


class TestErrors:
    """Whatever is wrong on the command line is told in one line that is safe for a terminal."""

    @pytest.mark.parametrize(
        "arguments",
        [
            ("--bogus",),
            ("bogus",),
            ("",),
            ("sso", "--bogus"),
            ("sso", "bogus"),
            ("--", "bogus"),
            (*RESET, "--bogus", "PATH", "user1"),
            (*RESET, "PATH"),
            (*RESET, "PATH", "user1", "more"),
            (*RESET, "PATH", "user1", "--expiry"),
            ("from-config",),
            ("from-config", "--bogus"),
            ("sso", "quickstart", "--bogus"),
        ],
    )
    def test_wrong_use_is_one_line(self, invoke: Invoke, arguments: tuple[str, ...]) -> None:
        """A usage error exits 2, with nothing on stdout and one line on stderr."""
        done = invoke(*arguments)

        assert (done.exit_code, done.stdout) == (2, "")
        assert is_one_line(done.stderr)
        assert done.stderr.startswith("Error: ")

    def test_says_where_to_look(self, invoke: Invoke) -> None:
        """A usage error names the page of help that would have told."""
        assert "zato sso reset-user-password --help" in invoke(*RESET, "PATH").stderr

    @pytest.mark.parametrize(
        "before", [(), ("sso",), (*RESET, "PATH"), (*RESET, "PATH", "user1"), (*RESET, "PATH", "--expiry")]
    )
    @pytest.mark.parametrize("prefix", ["", "--"])
    def test_escape_sequences_are_not_sent_to_the_terminal(
        self, invoke: Invoke, before: tuple[str, ...], prefix: str
    ) -> None:
        """Control characters of an argument are shown escaped."""
        done = invoke(*before, f"{prefix}a\x1b[31m\r\nb\x9b")

        assert (done.exit_code, done.stdout) == (2, "")
        assert is_one_line(done.stderr)

    @given(
        st.lists(
            st.sampled_from(["--expiry", "--must-change", "--verbose", "--", "-h", "1", "user1"]) | st.text(),
            max_size=5,
        )
    )
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_any_argument_has_a_known_outcome(self, invoke: Invoke, arguments: list[str]) -> None:
        """No arguments lead to a traceback: they are refused, or there is no such server."""
        done = invoke(*RESET, *arguments)

        assert done.exit_code in ({0} if "Usage: " in done.stdout else {2, 23})
        assert done.exit_code == 0 or is_one_line(done.stderr.splitlines(keepends=True)[-1])

    @pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full"])
    @pytest.mark.parametrize("arguments", ["--bogus", "bogus", ""])
    def test_exit_code_needs_no_stderr(self, arguments: str, redirection: str) -> None:
        """Where nobody hears the error, the exit code still tells."""
        argv = ["/bin/sh", "-c", f"exec {ZATO} {arguments} {redirection}"]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)

        assert (done.returncode, done.stdout, done.stderr) == (2, "", "")

    def test_reach_a_caller_that_asks_for_them(self, invoke: Invoke) -> None:
        """A program that calls `zato` outside standalone mode gets the exception itself."""
        done = invoke("--bogus", standalone_mode=False)

        assert isinstance(done.exception, click.UsageError)
        assert done.stderr == ""


def run_module() -> None:
    """Do what `python -m zato_sso_reset` does."""
    runpy.run_module("zato_sso_reset", run_name="__main__")


def run_console_script() -> None:
    """Do what the script `zato` does."""
    distribution("zato-sso-reset").entry_points.select(group="console_scripts")["zato"].load()()


class TestProgram:
    """The ways to start it, and to stop it."""

    def test_runs_as_a_module(self, sqlite_server: Server) -> None:
        """`python -m zato_sso_reset` is the same program."""
        argv = [sys.executable, "-m", "zato_sso_reset", *RESET, str(sqlite_server.path), "user1"]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)

        assert (done.returncode, done.stderr) == (0, "")
        assert not sqlite_server.opens("user1", OLD)

    @pytest.fixture(params=["default", "ignored"])
    def handler(self, request: pytest.FixtureRequest) -> Iterator[object]:
        """What SIGINT does when the program starts."""
        handler = signal.default_int_handler if request.param == "default" else signal.SIG_IGN
        before = signal.signal(signal.SIGINT, handler)
        yield handler
        signal.signal(signal.SIGINT, before)

    @pytest.mark.parametrize("start", [run_module, run_console_script])
    def test_start_leaves_sigint_as_it_was(
        self,
        handler: object,
        start: Callable[[], object],
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """While the program is imported SIGINT may do something else, but not afterwards."""
        monkeypatch.delitem(sys.modules, "zato_sso_reset.__main__", raising=False)
        monkeypatch.setattr(sys, "argv", ["zato", "--version"])
        with pytest.raises(SystemExit) as ended:
            start()

        assert (ended.value.code, capsys.readouterr().out) == (0, VERSION_LINE)
        assert signal.getsignal(signal.SIGINT) is handler

    @pytest.mark.parametrize(
        ("ignored", "expected"), [(False, (-signal.SIGINT, "", "")), (True, (0, VERSION_LINE, ""))]
    )
    def test_ctrl_c_during_the_import_of_click_prints_no_traceback(
        self, *, ignored: bool, expected: tuple[int, str, str]
    ) -> None:
        """Ctrl-C ends the program at once, unless SIGINT was ignored from the start."""
        code = (
            "import os, signal, sys\n"
            "class Finder:\n"
            "    def find_spec(self, name, path=None, target=None):\n"
            "        if name == 'click':\n"
            "            os.kill(os.getpid(), signal.SIGINT)\n"
            f"if {ignored}: signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
            "sys.meta_path.insert(0, Finder())\n"
            "from zato_sso_reset.__main__ import main\n"
            "assert 'click' not in sys.modules\n"
            "main()\n"
        )
        argv = [sys.executable, "-c", code, "--version"]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)

        assert (done.returncode, done.stdout, done.stderr) == expected

    def test_command_leaves_sigint_as_it_was(self, handler: object, invoke: Invoke) -> None:
        """A command that has failed leaves the signal to its caller."""
        assert invoke(*RESET, "PATH", "user1").exit_code == 23
        assert signal.getsignal(signal.SIGINT) is handler

    @pytest.mark.parametrize(
        ("ignored", "expected"), [(False, (-signal.SIGINT, "", "")), (True, (0, "survived\n", ""))]
    )
    def test_ctrl_c_ends_a_command_at_once(self, *, ignored: bool, expected: tuple[int, str, str]) -> None:
        """Ctrl-C kills without a traceback, unless SIGINT was ignored from the start."""
        code = (
            "import os, signal, click\n"
            f"from {Command.__module__} import Command\n"
            f"if {ignored}: signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
            "@click.command(cls=Command)\n"
            "def command():\n"
            "    os.kill(os.getpid(), signal.SIGINT)\n"
            "    click.echo('survived')\n"
            "command()\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
        )

        assert (done.returncode, done.stdout, done.stderr) == expected
