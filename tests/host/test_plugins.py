"""Commands of other distributions, in real `*.dist-info` folders."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import Distribution, PathDistribution, version
from pathlib import Path
from typing import NoReturn

import pytest

from tests.host.conftest import Invoke, Process

COMMANDS = "zato.commands"
SSO_COMMANDS = "zato.sso.commands"

HELLO = """
import click

@click.command()
@click.argument("name")
def hello(name):
    click.echo(f"Hello {name}")
    return 3
"""

MARKED = """
import click
import pathlib

print("imported")
pathlib.Path("imported").touch()

@click.command()
def marked():
    'Mark.'
"""


class Plugins:
    """A folder of distributions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(
        self, name: str, commands: str | bytes, *, group: str = COMMANDS, number: str = "1.0", **modules: str
    ) -> Path:
        """Install a distribution that offers `commands`, lines of `entry_points.txt`."""
        info = self.folder / f"{name.replace('-', '_')}-{number}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n")
        lines = commands if isinstance(commands, bytes) else commands.encode()
        (info / "entry_points.txt").write_bytes(f"[{group}]\n".encode() + lines)
        for module, source in modules.items():
            (self.folder / f"{module}.py").write_text(source)
        return info

    def forget(self) -> None:
        """Remove the plugins' modules from this process."""
        for name, module in list(sys.modules.items()):
            if (getattr(module, "__file__", None) or "").startswith(str(self.folder)):
                del sys.modules[name]


@pytest.fixture
def more_plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plugins]:
    """A folder of distributions after that of `plugins`."""
    yield from installed(tmp_path / "more", monkeypatch)


@pytest.fixture
def plugins(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    more_plugins: Plugins,  # noqa: ARG001 it comes later on the path
) -> Iterator[Plugins]:
    """A folder of distributions on the path of this process, and of its children."""
    yield from installed(tmp_path / "plugins", monkeypatch)


def installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plugins]:
    """Put a new folder first on Python's path during the test."""
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
    monkeypatch.syspath_prepend(folder)
    plugins = Plugins(folder)
    yield plugins
    plugins.forget()


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(request: pytest.FixtureRequest, invoke: Invoke, process: Process) -> Run:
    """Run `zato`, by default in this process; return its exit code, stdout and stderr."""

    def run(*args: str) -> tuple[int, str, str]:
        if getattr(request, "param", "invoke") == "process":
            done = process(*args)
            return done.returncode, done.stdout, done.stderr
        result = invoke(*args)
        return result.exit_code, result.stdout, result.stderr

    return run


both_ways = pytest.mark.parametrize("run", ["process", "invoke"], indirect=True)
"""Run in another process, and in this one."""


@pytest.fixture
def complete(run: Run, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """Complete the last word of a command line, as bash does."""

    def complete(line: str) -> list[str]:
        with monkeypatch.context() as bash:
            bash.setenv("_ZATO_COMPLETE", "bash_complete")
            bash.setenv("COMP_WORDS", line)
            bash.setenv("COMP_CWORD", str(line.count(" ")))
            code, stdout, stderr = run()
        assert (code, stderr) == (0, "")
        return [answer.partition(",")[2] for answer in stdout.splitlines()]

    return complete


class TestGoodPlugin:
    """A command of another distribution is a command like our own."""

    @both_ways
    def test_command_runs_in_the_main_group(self, plugins: Plugins, run: Run) -> None:
        """It receives its arguments; its return value is not an exit code."""
        plugins.add("good", "hello = good_module:hello\n", good_module=HELLO)

        assert run("hello", "World") == (0, "Hello World\n", "")

    @both_ways
    def test_command_runs_in_the_sso_group(self, plugins: Plugins, run: Run) -> None:
        """It is not a command of the main group."""
        plugins.add("good", "hello = good_module:hello\n", group=SSO_COMMANDS, good_module=HELLO)

        assert run("sso", "hello", "World") == (0, "Hello World\n", "")
        assert "hello" not in run("--help")[1]

    def test_command_is_listed_with_its_help_and_distribution(self, plugins: Plugins, run: Run) -> None:
        """The help may have any characters."""
        source = HELLO.replace("@click.command()", "@click.command(help='Greet\\x1b[31m some\\nbody. More.')")
        plugins.add("zato-hello", "hello = good_module:hello\n", good_module=source)

        assert "  hello        Greet\\x1b[31m some body. (zato-hello 1.0)\n" in run("--help")[1]

    @pytest.mark.parametrize("second", ["go-od", "go_od", "Go.Od"])
    def test_first_distribution_of_a_name_wins(
        self, plugins: Plugins, more_plugins: Plugins, run: Run, second: str
    ) -> None:
        """As for pip, names differ neither in case nor in `-`, `_` and `.`."""
        plugins.add("go-od", "hello = good_module:hello\n", number="2.0", good_module=HELLO)
        more_plugins.add(second, "hello = old_module:hello\n")

        assert run("hello", "World") == (0, "Hello World\n", "")

    @pytest.mark.parametrize(
        "value",
        ["good_module:hello[extra1,extra2]", "good_module : hello [extra]", "good_module:Commands.hello"],
    )
    def test_any_valid_entry_point_is_accepted(self, plugins: Plugins, run: Run, value: str) -> None:
        """The specification allows extras, blanks and nested attributes."""
        lines = f"# a comment\n\nhello={value}\n[other.group]\nhello = no_such_module:hello\n"
        plugins.add("good", lines, good_module=f"{HELLO}\nclass Commands:\n    hello = hello\n")

        assert run("hello", "World") == (0, "Hello World\n", "")

    def test_egg_info_folder_is_a_distribution(self, plugins: Plugins, run: Run) -> None:
        """`setup.py develop` creates one."""
        info = plugins.add("good", "hello = good_module:hello\n", good_module=HELLO)
        info.rename(plugins.folder / "good.egg-info")

        assert run("hello", "World") == (0, "Hello World\n", "")

    @both_ways
    def test_wheel_on_the_path_is_a_distribution(
        self, plugins: Plugins, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A broken command in a wheel explains itself too."""
        inside = Plugins(plugins.folder / "inside")
        inside.add("good", "hello = good_module:hello\nbad = no_such_module:x\n", good_module=HELLO)
        wheel = shutil.make_archive(str(plugins.folder / "wheel"), "zip", inside.folder)
        monkeypatch.setenv("PYTHONPATH", wheel, prepend=os.pathsep)
        monkeypatch.syspath_prepend(wheel)

        assert run("hello", "World") == (0, "Hello World\n", "")
        assert " of good 1.0 can't be loaded" in run("bad")[2]

    @pytest.mark.parametrize(
        ("statement", "expected"),
        [
            ("click.get_current_context().exit(5)", (5, "", "")),
            ("raise click.ClickException('a\\x1bb')", (1, "", "Error: a\\x1bb\n")),
            ("raise click.Abort", (1, "", "Aborted.\n")),
            ("raise KeyboardInterrupt", (130, "", "\nAborted.\n")),
        ],
    )
    @pytest.mark.parametrize("options", ["", "cls=Command, exit_codes=()"])
    @both_ways
    def test_click_s_exit_codes_and_errors_are_kept(
        self, plugins: Plugins, run: Run, options: str, statement: str, expected: tuple[int, str, str]
    ) -> None:
        """A command may use Click's class or ours."""
        source = f"""
import click
from zato_sso_reset.cli.command import Command

@click.command({options})
def ends():
    {statement}
"""
        plugins.add("good", "ends = good_module:ends\n", good_module=source)

        assert run("ends") == expected

    def test_error_of_a_plugin_is_not_an_error_of_stdout(
        self, plugins: Plugins, process: Process, invoke: Invoke
    ) -> None:
        """The missing file of an OSError is shown."""
        source = "import click\n@click.command()\ndef opens():\n    open('/no/such/file')\n"
        plugins.add("good", "opens = good_module:opens\n", good_module=source)
        done = process("opens")

        assert done.returncode not in {0, 74}
        assert "/no/such/file" in done.stderr
        assert isinstance(invoke("opens").exception, FileNotFoundError)


BROKEN = {
    "no_module": ("no_such_module:command", "ModuleNotFoundError: No module named 'no_such_module'"),
    "no_name": ("os:no_such_name", "AttributeError"),
    "raises": ("raising:command", r"ValueError: two\nlines\x1b[31m"),
    "exits": ("exiting:command", "SystemExit: 0"),
    "no_syntax": ("not python:command", "can't be loaded"),
    "empty": ("", "can't be loaded"),
    "no_command": ("os:sep", "is not a Click command, but of type str"),
}
MODULES = {
    "raising": "raise ValueError('two\\nlines\\x1b[31m')\n",
    "exiting": "raise SystemExit(0)\n",
}


class TestBrokenPlugin:
    """A command that can't be loaded explains itself, and harms no other."""

    @pytest.fixture
    def broken(self, plugins: Plugins) -> Plugins:
        """Every kind of broken command, and a good one."""
        lines = "".join(f"{name} = {value}\n" for name, (value, _) in BROKEN.items())
        plugins.add("broken-plugin", lines, **MODULES)
        plugins.add("twin-a", "twin = good_module:hello\n")
        plugins.add("twin-b", "twin = good_module:hello\n")
        plugins.add("good", "hello = good_module:hello\n", good_module=HELLO)
        plugins.add("broken-inside", "bad = no_such_module:command\n", group=SSO_COMMANDS)
        return plugins

    @pytest.mark.parametrize("name", BROKEN)
    @pytest.mark.usefixtures("broken")
    def test_broken_command_names_its_distribution_and_the_reason(self, run: Run, name: str) -> None:
        """The exit code is 1."""
        code, stdout, stderr = run(name)

        assert (code, stdout) == (1, "")
        assert stderr.startswith(f"Error: The command `{name}` of broken-plugin 1.0 ")
        assert BROKEN[name][1] in stderr
        assert stderr[:-1].isprintable()

    def test_distribution_of_python_3_15_lists_its_commands(
        self, plugins: Plugins, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One malformed entry point, for which Python 3.15 refuses all others, harms none of them."""
        info = plugins.add("mixed", "Bad = no module\nhello = good_module:hello\n", good_module=HELLO)

        class Strict(PathDistribution):
            @property
            def entry_points(self) -> NoReturn:
                raise ValueError("Invalid object reference.")

        class Finder:
            @staticmethod
            def find_distributions(_context: object) -> list[Distribution]:
                return [Strict(info)]

            @staticmethod
            def find_spec(*_: object) -> None:
                """Find no module."""

        monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])

        assert run("hello", "World") == (0, "Hello World\n", "")
        code, stdout, stderr = run("Bad")
        assert (code, stdout) == (1, "")
        assert stderr.startswith("Error: The command `Bad` of mixed 1.0 can't be loaded: ")

    @pytest.mark.parametrize("arguments", [("--help",), ("-h",), ("-x", "--why=1", "z", "--", "-y")])
    @pytest.mark.parametrize(
        ("command", "distribution"),
        [(("no_module",), "broken-plugin 1.0"), (("sso", "bad"), "broken-inside 1.0")],
    )
    @pytest.mark.usefixtures("broken")
    def test_broken_command_ignores_its_arguments(
        self, run: Run, command: tuple[str, ...], distribution: str, arguments: tuple[str, ...]
    ) -> None:
        """Not even `--help` hides the problem."""
        code, stdout, stderr = run(*command, *arguments)

        assert (code, stdout) == (1, "")
        assert f" of {distribution} can't be loaded: ModuleNotFoundError: " in stderr
        assert stderr[:-1].isprintable()

    @pytest.mark.usefixtures("broken")
    def test_command_of_two_distributions_names_both(self, run: Run) -> None:
        """Neither of them runs."""
        code, stdout, stderr = run("twin", "World")

        assert (code, stdout) == (1, "")
        assert "twin-a 1.0 and twin-b 1.0" in stderr or "twin-b 1.0 and twin-a 1.0" in stderr
        assert stderr[:-1].isprintable()

    @pytest.mark.usefixtures("broken")
    def test_broken_command_is_marked_in_the_list(self, run: Run) -> None:
        """The reason and the distribution are named."""
        listing = " ".join(run("--help")[1].split())

        assert (
            "no_module Broken: ModuleNotFoundError: No module named 'no_such_module'. (broken-plugin 1.0)"
            in listing
        )
        assert "no_command Broken: not a Click command, but of type str. (broken-plugin 1.0)" in listing
        assert r"raises Broken: ValueError: two\nlines\x1b[31m. (broken-plugin 1.0)" in listing
        assert "twin Broken: offered by more than one distribution. (twin-" in listing

    @pytest.mark.usefixtures("broken")
    @both_ways
    def test_broken_command_harms_no_other(self, run: Run, complete: Callable[[str], list[str]]) -> None:
        """Other commands, the list and completion work."""
        names = [*BROKEN, "from-config", "hello", "plugins", "sso", "twin"]

        assert run("hello", "World") == (0, "Hello World\n", "")
        assert run("sso", "quickstart", "made")[0] == 0
        code, stdout, stderr = run("--help")
        assert (code, stderr) == (0, "")
        assert set(names) <= {line.split()[0] for line in stdout.splitlines() if line}
        assert complete("zato ") == sorted(names)
        assert {"bad", "quickstart", "reset-user-password"} <= set(complete("zato sso "))

    def test_short_help_that_fails_harms_no_other(self, plugins: Plugins, run: Run) -> None:
        """The list marks the command."""
        source = "import click\nclass Bad(click.Command):\n    get_short_help_str = None\nbad = Bad('bad')\n"
        plugins.add("bad", "bad = bad_module:bad\n", bad_module=source)
        listing = " ".join(run("--help")[1].split())

        assert "bad Broken: TypeError: 'NoneType' object is not callable. (bad 1.0)" in listing

    @pytest.mark.parametrize("lines", ["no equals sign\n", b"\xff\xfe = os:sep\n"])
    def test_damaged_entry_points_harm_no_other(
        self,
        plugins: Plugins,
        more_plugins: Plugins,
        run: Run,
        complete: Callable[[str], list[str]],
        lines: str | bytes,
    ) -> None:
        """A distribution with an unreadable `entry_points.txt` has no commands."""
        plugins.add("damaged", lines)
        plugins.add("good", "hello = good_module:hello\n", number="2.0", good_module=HELLO)
        more_plugins.add("good", "hello = old_module:hello\n", number="1.0")

        assert run("hello", "World") == (0, "Hello World\n", "")
        assert run("sso", "quickstart", "made")[0] == 0
        assert complete("zato ") == ["from-config", "hello", "plugins", "sso"]


class TestDamagedMetadata:
    """METADATA is missing, lacks the name, or is not UTF-8."""

    @pytest.fixture(params=["absent", "without a name", "not UTF-8"])
    def damaged(self, request: pytest.FixtureRequest, plugins: Plugins) -> None:
        """A distribution with a good and a broken command."""
        commands = "hello = good_module:hello\nbad = no_such_module:x\n"
        info = plugins.add("nameless", commands, good_module=HELLO)
        if request.param == "absent":
            (info / "METADATA").unlink()
        else:
            (info / "METADATA").write_bytes(b"Summary: \xff\n" if "UTF" in request.param else b"Summary: x\n")

    @pytest.mark.usefixtures("damaged")
    def test_good_command_runs(self, run: Run) -> None:
        """The list calls the distribution unnamed."""
        assert run("hello", "World") == (0, "Hello World\n", "")
        code, stdout, stderr = run("--help")
        assert (code, stderr) == (0, "")
        assert "  hello        (an unnamed distribution)\n" in stdout

    @pytest.mark.usefixtures("damaged")
    def test_broken_command_explains_itself(self, run: Run) -> None:
        """The reason is shown as for any distribution."""
        code, stdout, stderr = run("bad")

        assert (code, stdout) == (1, "")
        assert " of an unnamed distribution can't be loaded: " in stderr
        assert "No module named 'no_such_module'" in stderr
        assert stderr[:-1].isprintable()


class TestLoading:
    """Only the command that is called is loaded."""

    @pytest.fixture(autouse=True)
    def marked(self, plugins: Plugins) -> Path:
        """A plugin that creates a file when it is imported, and one that does not."""
        plugins.add("good", "hello = good_module:hello\n", good_module=HELLO)
        plugins.add("marked", "marked = marked_module:marked\n", marked_module=MARKED)
        return Path("imported")

    @both_ways
    def test_called_plugin_is_loaded(self, run: Run, marked: Path) -> None:
        """Its import creates the file."""
        assert run("marked")[0] == 0
        assert marked.exists()

    @pytest.mark.parametrize(
        "arguments", [("--version",), ("hello", "World"), ("hello", "-h"), ("sso", "-h")]
    )
    @both_ways
    def test_other_plugins_are_not_loaded(self, run: Run, marked: Path, arguments: tuple[str, ...]) -> None:
        """The version and other commands do not need them."""
        assert run(*arguments)[0] == 0
        assert not marked.exists()

    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ("zato ", ["from-config", "hello", "marked", "plugins", "sso"]),
            ("zato ma", ["marked"]),
            ("zato --v", ["--version"]),
            ("zato no-such-command ", None),
            ("zato sso q", ["quickstart"]),
            ("zato sso reset-user-password --e", ["--expiry"]),
        ],
    )
    def test_completion_loads_no_plugin(
        self, complete: Callable[[str], list[str]], marked: Path, line: str, expected: list[str] | None
    ) -> None:
        """Entry points hold the names, and bash shows no more."""
        answers = complete(line)

        assert expected is None or answers == expected
        assert not marked.exists()

    @pytest.mark.parametrize(
        ("shell", "described"),
        [("fish", "plain,marked\tMark. (marked 1.0)"), ("zsh", "plain\nmarked\nMark. (marked 1.0)")],
    )
    def test_fish_and_zsh_describe_commands(self, invoke: Invoke, shell: str, described: str) -> None:
        """The output of a plugin that prints while it is loaded does not spoil the answer."""
        env = {"_ZATO_COMPLETE": f"{shell}_complete", "COMP_WORDS": "zato ma"}
        done = invoke(env={**env, "COMP_CWORD": "ma" if shell == "fish" else "1"})

        assert (done.exit_code, done.stdout, done.stderr) == (0, f"{described}\n", "")


class TestListing:
    """`zato plugins`."""

    @pytest.fixture(autouse=True)
    def two(self, plugins: Plugins) -> None:
        """A good plugin, and a broken one inside a group."""
        plugins.add("zato-hello", "hello = good_module:hello\n", good_module=HELLO)
        plugins.add("broken-inside", "bad = no_such_module:command\n", group=SSO_COMMANDS)

    def test_each_command_is_a_line(self, run: Run) -> None:
        """A broken command has its reason."""
        code, stdout, stderr = run("plugins")
        lines = [" ".join(line.split()) for line in stdout.splitlines()]

        assert (code, stderr) == (0, "")
        assert "zato hello zato-hello 1.0" in lines
        assert f"zato sso reset-user-password zato-sso-reset {version('zato-sso-reset')}" in lines
        problem = "ModuleNotFoundError: No module named 'no_such_module'"
        assert f"zato sso bad broken-inside 1.0 Broken: {problem}." in lines

    def test_json_has_an_object_for_each_command(self, run: Run) -> None:
        """A distribution that offers a command twice is one of two objects."""
        records = {each["command"]: each for each in json.loads(run("plugins", "-o", "json")[1])}
        hello = {"command": "zato hello", "distribution": "zato-hello", "version": "1.0", "problem": None}

        assert records["zato hello"] == hello
        assert records["zato sso bad"]["problem"].startswith("ModuleNotFoundError: ")
        assert records["zato sso quickstart"]["problem"] is None

    def test_plugin_that_prints_does_not_spoil_json(self, plugins: Plugins, run: Run) -> None:
        """Its output while it is loaded goes to stderr."""
        plugins.add("marked", "marked = marked_module:marked\n", marked_module=MARKED)
        code, stdout, stderr = run("plugins", "-o", "json")

        assert (code, stderr) == (0, "imported\n")
        assert "zato marked" in {each["command"] for each in json.loads(stdout)}


class TestBug:
    """An unexpected exception is reported without its message, which may hold a secret."""

    SOURCE = """
import click
from zato_sso_reset.cli import command, options

def inner(secret):
    raise ValueError(secret)

@click.command(cls=command.Command, exit_codes=())
@options.verbose_option
def buggy(*, verbose):
    inner("hush" + "-hush")
"""

    @pytest.fixture(autouse=True)
    def buggy(self, plugins: Plugins) -> None:
        """A command with a bug."""
        plugins.add("buggy", "buggy = buggy_module:buggy\n", buggy_module=self.SOURCE)

    def test_help_without_examples_has_no_such_part(self, run: Run) -> None:
        """A plugin's command may use our class."""
        assert "Examples" not in run("buggy", "--help")[1]

    @both_ways
    def test_bug_is_one_line_with_its_location(self, run: Run) -> None:
        """The hint asks for a report with --verbose."""
        code, stdout, stderr = run("buggy")

        assert (code, stdout) == (16, "")
        assert stderr.startswith("Error: This is a bug: ValueError at buggy_module.py:6.")
        assert "--verbose" in stderr
        assert "hush-hush" not in stderr
        assert stderr[:-1].isprintable()

    @both_ways
    def test_verbose_lists_the_frames_of_a_bug(self, run: Run) -> None:
        """There is still no message and no source code."""
        code, stdout, stderr = run("buggy", "--verbose")
        *frames, last = stderr.splitlines()

        assert (code, stdout) == (16, "")
        assert last.startswith("Error: This is a bug: ValueError at buggy_module.py:6.")
        assert frames[-2].endswith("buggy_module.py:11 in buggy")
        assert frames[-1].endswith("buggy_module.py:6 in inner")
        assert "hush" not in stderr
        assert "Traceback" not in stderr
