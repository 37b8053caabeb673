"""The `zato` program: help, version, errors, start and interruption."""

import os
import pty
import re
import runpy
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import distribution, version
from pathlib import Path

import click
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import ZATO
from tests.host.conftest import RESET, Invoke, is_one_line
from tests.support.servers import OLD, Server

pytestmark = pytest.mark.usefixtures("no_stock_zato")

VERSION_LINE = f"zato-sso-reset {version('zato-sso-reset')}\n"

LIBRARIES = {
    *("sqlalchemy", "psycopg", "pymysql", "argon2", "cryptography", "configobj", "tomli", "zxcvbn"),
    "_hashlib",  # with OpenSSL
}


def run(argv: list[str]) -> tuple[int, str, str]:
    """Run a program, and return its exit code, stdout and stderr."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


class TestHelp:
    """`--help` of each level."""

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
    def test_help_is_printed_to_stdout(
        self, invoke: Invoke, command: tuple[str, ...], option: str, expected: str
    ) -> None:
        """Every command has both options."""
        done = invoke(*command, option)

        assert (done.exit_code, done.stderr) == (0, "")
        assert done.stdout.startswith(expected)

    @pytest.mark.parametrize("command", [(), ("sso",)])
    def test_group_without_a_command_prints_its_help(self, invoke: Invoke, command: tuple[str, ...]) -> None:
        """As stock does: to stdout, with exit code 0."""
        done = invoke(*command)

        assert (done.exit_code, done.stderr) == (0, "")
        assert done.stdout == invoke(*command, "--help").stdout
        assert "Commands:" in done.stdout

    def test_own_commands_are_listed_with_a_sentence(self, invoke: Invoke) -> None:
        """Only another distribution is named."""
        listing = invoke("sso", "--help", terminal_width=100).stdout

        assert "  reset-user-password   Reset a user's password to a generated one.\n" in listing
        for line in listing.partition("\nCommands:\n")[2].partition("\n\n")[0].splitlines():
            assert re.fullmatch(r"  [a-z-]+ +[A-Z].+\.", line)

    def test_stock_command_has_the_usage_of_its_page(self, invoke: Invoke) -> None:
        """Our own options follow in the order of the list below, where the most useful come first."""
        usage, _, rest = invoke(*RESET, "-h", terminal_width=500).stdout.partition("\nOptions:\n")
        names = re.findall(r"^  .*?(--[a-z-]+)", rest.partition("\n\n")[0], re.MULTILINE)

        assert usage.startswith(
            "Usage: zato sso reset-user-password [-h] [--store-log] [--verbose] [--store-config] "
            "[--expiry EXPIRY] [--must-change MUST_CHANGE] [--unlock] [--disable-totp] [--revoke-access] "
            "[--dry-run] [--output text|json|password] [--output-file FILE] [--deliver-to COMMAND] "
            "PATH USERNAME\n"
        )
        assert names[:3] == ["--expiry", "--must-change", "--unlock"]
        assert names[-3:] == ["--verbose", "--store-log", "--help"]

    def test_help_explains_the_stock_zato(self, invoke: Invoke) -> None:
        """It names the variable that sets its path."""
        text = " ".join(invoke("--help").stdout.split())

        assert "handed over to the stock zato" in text
        assert "ZATO_STOCK_CLI" in text

    @pytest.mark.parametrize("command", [(), ("sso",), RESET, ("sso", "password-status")])
    def test_help_imports_no_library_except_click(self, command: tuple[str, ...]) -> None:
        """Help does not wait for a database, a hash or a cipher."""
        code, _, stderr = run([sys.executable, "-X", "importtime", str(ZATO), *command, "--help"])
        imported = {line.rpartition("|")[2].strip().split(".")[0] for line in stderr.splitlines()}

        assert code == 0
        assert {"click", "zato_sso_reset"} <= imported
        assert not LIBRARIES & imported

    @pytest.mark.parametrize(
        ("arguments", "exit_code"),
        [
            ((*RESET, "no-such", "user1"), 23),
            (("sso", "reset-user-passwords", "server1", "--output-file=out"), 2),
            (("sso", "reset-user-passwords", "no-such", "--all", "--yes", "--output-file=out"), 23),
            (("sso", "password-status", "no-such"), 23),
        ],
    )
    def test_wrong_usage_or_path_does_not_wait_for_sqlalchemy(
        self, arguments: tuple[str, ...], exit_code: int
    ) -> None:
        """The database is imported once there is a server to read."""
        code, _, stderr = run([sys.executable, "-X", "importtime", str(ZATO), *arguments])

        assert code == exit_code
        assert "| zato_sso_reset" in stderr
        assert "sqlalchemy" not in stderr

    @pytest.mark.parametrize("option", ["--help", "--version"])
    def test_full_stdout_is_an_error_of_one_line(self, option: str) -> None:
        """Row 4, for output that is not a password."""
        code, _, stderr = run(["/bin/sh", "-c", f"exec {ZATO} {option} >/dev/full"])

        assert code == 74
        assert is_one_line(stderr)


class TestErrors:
    """Any mistake on the command line is one line that is safe for a terminal."""

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
    def test_usage_error_is_one_line(self, invoke: Invoke, arguments: tuple[str, ...]) -> None:
        """The exit code is 2, and stdout is empty."""
        done = invoke(*arguments)

        assert (done.exit_code, done.stdout) == (2, "")
        assert is_one_line(done.stderr)

    def test_usage_error_names_the_help(self, invoke: Invoke) -> None:
        """It is the help of the same command."""
        assert "zato sso reset-user-password --help" in invoke(*RESET, "PATH").stderr

    @pytest.mark.parametrize(
        "before", [(), ("sso",), (*RESET, "PATH"), (*RESET, "PATH", "user1"), (*RESET, "PATH", "--expiry")]
    )
    @pytest.mark.parametrize("prefix", ["", "--"])
    def test_control_characters_are_escaped(
        self, invoke: Invoke, before: tuple[str, ...], prefix: str
    ) -> None:
        """No argument reaches the terminal raw."""
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
    def test_any_arguments_end_with_a_documented_exit_code(
        self, invoke: Invoke, arguments: list[str]
    ) -> None:
        """No arguments cause a traceback."""
        done = invoke(*RESET, *arguments)

        assert done.exit_code in ({0} if "Usage: " in done.stdout else {2, 23})
        assert done.exit_code == 0 or is_one_line(done.stderr.splitlines(keepends=True)[-1])

    @pytest.mark.parametrize(
        ("env", "beginning"),
        [
            ({"NO_COLOR": ""}, "\x1b[31m\x1b[1mError\x1b[0m: No such"),
            ({"NO_COLOR": "1"}, "Error: No such"),
            ({"TERM": "dumb"}, "Error: No such"),
        ],
    )
    def test_error_has_a_colour_on_a_terminal(self, env: dict[str, str], beginning: str) -> None:
        """Unless NO_COLOR is set, or the terminal has none."""
        master, slave = pty.openpty()
        argv = [str(ZATO), "--bogus"]
        env = {**os.environ, **env}
        subprocess.run(argv, env=env, stderr=slave, stdout=subprocess.DEVNULL, timeout=60, check=False)
        os.close(slave)
        with os.fdopen(master, "rb") as terminal:
            assert terminal.read1().decode().startswith(beginning)

    @pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full"])
    @pytest.mark.parametrize("arguments", ["--bogus", "bogus"])
    def test_exit_code_does_not_depend_on_stderr(self, arguments: str, redirection: str) -> None:
        """Row 9: stderr may be closed or full."""
        assert run(["/bin/sh", "-c", f"exec {ZATO} {arguments} {redirection}"]) == (2, "", "")

    def test_caller_outside_standalone_mode_gets_the_exception(self, invoke: Invoke) -> None:
        """Nothing is printed."""
        done = invoke("--bogus", standalone_mode=False)

        assert isinstance(done.exception, click.UsageError)
        assert done.stderr == ""


def run_module() -> None:
    """Run `python -m zato_sso_reset` in this process."""
    runpy.run_module("zato_sso_reset", run_name="__main__")


def run_console_script() -> None:
    """Run the script `zato` in this process."""
    distribution("zato-sso-reset").entry_points.select(group="console_scripts")["zato"].load()()


class TestProgram:
    """Start and interruption."""

    def test_second_script_is_the_same_program(self) -> None:
        """It calls itself by its own name, also in the next command to run."""
        script = str(ZATO.with_name("zato-sso-reset"))
        code, stdout, _ = run([script, "sso", "--help"])
        made, command, _ = run([script, "sso", "quickstart", "server1"])

        assert (code, made) == (0, 0)
        assert stdout.startswith("Usage: zato-sso-reset sso [OPTIONS] COMMAND")
        assert command == f"zato-sso-reset sso reset-user-password {Path.cwd() / 'server1'} user1\n"

    def test_module_is_the_same_program(self, sqlite_server: Server) -> None:
        """`python -m zato_sso_reset` resets a password."""
        argv = [sys.executable, "-m", "zato_sso_reset", *RESET, str(sqlite_server.path), "user1"]
        code, _, stderr = run(argv)

        assert (code, stderr) == (0, "")
        assert not sqlite_server.opens("user1", OLD)

    @pytest.fixture(params=["default", "ignored"])
    def handler(self, request: pytest.FixtureRequest) -> Iterator[object]:
        """Set the handler of SIGINT that the program starts with."""
        handler = signal.default_int_handler if request.param == "default" else signal.SIG_IGN
        before = signal.signal(signal.SIGINT, handler)
        yield handler
        signal.signal(signal.SIGINT, before)

    @pytest.mark.parametrize("start", [run_module, run_console_script])
    def test_start_restores_sigint(
        self,
        handler: object,
        start: Callable[[], object],
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """The handler differs only while modules are imported."""
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
        """Row 2: it ends the program, unless SIGINT was ignored from the start."""
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
        assert run([sys.executable, "-c", code, "--version"]) == expected

    def test_command_restores_sigint(self, handler: object, invoke: Invoke) -> None:
        """A failed command does too."""
        assert invoke(*RESET, "PATH", "user1").exit_code == 23
        assert signal.getsignal(signal.SIGINT) is handler

    @pytest.mark.parametrize(
        ("ignored", "expected"), [(False, (-signal.SIGINT, "", "")), (True, (0, "survived\n", ""))]
    )
    def test_ctrl_c_ends_a_command_at_once(self, *, ignored: bool, expected: tuple[int, str, str]) -> None:
        """Row 2: there is no traceback."""
        code = (
            "import os, signal, click\n"
            "from zato_sso_reset.cli.command import Command\n"
            f"if {ignored}: signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
            "@click.command(cls=Command, exit_codes=())\n"
            "def command():\n"
            "    os.kill(os.getpid(), signal.SIGINT)\n"
            "    click.echo('survived')\n"
            "command()\n"
        )
        assert run([sys.executable, "-c", code]) == expected
