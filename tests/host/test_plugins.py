"""Commands of other distributions, found through real `*.dist-info` folders."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from click.testing import Result

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

pathlib.Path("imported").touch()

@click.command()
def marked():
    pass
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
        """Have this process import the plugins' modules anew next time."""
        for name, module in list(sys.modules.items()):
            if (getattr(module, "__file__", None) or "").startswith(str(self.folder)):
                del sys.modules[name]


@pytest.fixture
def more_plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plugins]:
    """A folder of distributions that comes after the one of `plugins`."""
    yield from installed(tmp_path / "more", monkeypatch)


@pytest.fixture
def plugins(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    more_plugins: Plugins,  # noqa: ARG001 it comes later on the path
) -> Iterator[Plugins]:
    """A folder of distributions on the path of this process, and of those it starts."""
    yield from installed(tmp_path / "plugins", monkeypatch)


def installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plugins]:
    """Put a new folder first on Python's path, for as long as the test takes."""
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
    monkeypatch.syspath_prepend(folder)
    plugins = Plugins(folder)
    yield plugins
    plugins.forget()


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    request: pytest.FixtureRequest,
    invoke: Callable[..., Result],
    process: Callable[..., CompletedProcess[str]],
) -> Run:
    """Run `zato`, in this process unless it is told otherwise; return its exit code, stdout and stderr."""

    def run(*args: str) -> tuple[int, str, str]:
        if getattr(request, "param", "invoke") == "process":
            done = process(*args)
            return done.returncode, done.stdout, done.stderr
        result = invoke(*args)
        return result.exit_code, result.stdout, result.stderr

    return run


both_ways = pytest.mark.parametrize("run", ["process", "invoke"], indirect=True)
"""Run as a process, and in this one."""


@pytest.fixture
def complete(run: Run, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """Complete the last word of a command line, as bash asks for it."""

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
    """A command of another distribution is a command like ours."""

    @both_ways
    def test_runs_at_the_top(self, plugins: Plugins, run: Run) -> None:
        """It gets its arguments, and what it returns is no exit code."""
        plugins.add("good", "hello = good_module:hello\n", good_module=HELLO)

        assert run("hello", "World") == (0, "Hello World\n", "")

    @both_ways
    def test_runs_inside_sso(self, plugins: Plugins, run: Run) -> None:
        """A command of the inner group is found there, and only there."""
        plugins.add("good", "hello = good_module:hello\n", group=SSO_COMMANDS, good_module=HELLO)

        assert run("sso", "hello", "World") == (0, "Hello World\n", "")
        assert "hello" not in run("--help")[1]

    def test_is_listed_with_its_distribution(self, plugins: Plugins, run: Run) -> None:
        """The listing tells where each command comes from."""
        plugins.add("good", "hello = good_module:hello\n", good_module=HELLO)

        assert ["hello", "good", "1.0"] in [line.split() for line in run("--help")[1].splitlines()]

    def test_first_of_a_distribution_counts(self, plugins: Plugins, more_plugins: Plugins, run: Run) -> None:
        """A distribution that hides an older one of its name is no duplicate."""
        plugins.add("good", "hello = good_module:hello\n", number="2.0", good_module=HELLO)
        more_plugins.add("good", "hello = old_module:hello\n", number="1.0")

        assert run("hello", "World") == (0, "Hello World\n", "")

    @pytest.mark.parametrize("second", ["go_od", "Go.Od"])
    def test_first_counts_however_its_name_is_spelt(
        self, plugins: Plugins, more_plugins: Plugins, run: Run, second: str
    ) -> None:
        """Names that differ in case and in `-`, `_` and `.` alone are one, as pip has it."""
        plugins.add("go-od", "hello = good_module:hello\n", good_module=HELLO)
        more_plugins.add(second, "hello = old_module:hello\n")

        assert run("hello", "World") == (0, "Hello World\n", "")

    @pytest.mark.parametrize(
        "value",
        ["good_module:hello[extra1,extra2]", "good_module : hello [extra]", "good_module:Commands.hello"],
    )
    def test_is_written_in_any_valid_way(self, plugins: Plugins, run: Run, value: str) -> None:
        """Extras, blanks and nested attributes are as the specification of entry points has them."""
        lines = f"# a comment\n\nhello={value}\n[other.group]\nhello = no_such_module:hello\n"
        plugins.add("good", lines, good_module=f"{HELLO}\nclass Commands:\n    hello = hello\n")

        assert run("hello", "World") == (0, "Hello World\n", "")

    def test_may_be_in_an_egg_info_folder(self, plugins: Plugins, run: Run) -> None:
        """What `setup.py develop` leaves is a distribution, too."""
        info = plugins.add("good", "hello = good_module:hello\n", good_module=HELLO)
        info.rename(plugins.folder / "good.egg-info")

        assert run("hello", "World") == (0, "Hello World\n", "")

    @both_ways
    def test_may_be_in_a_zip_file(self, plugins: Plugins, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        """A wheel on Python's path is a distribution, and what is wrong inside it is told the same way."""
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
    @pytest.mark.parametrize("kind", ["click.Command", "zato_sso_reset.cli.command.Command"])
    @both_ways
    def test_ends_as_it_says(
        self, plugins: Plugins, run: Run, kind: str, statement: str, expected: tuple[int, str, str]
    ) -> None:
        """Exit codes and errors of Click are the process's."""
        source = f"import click\nimport zato_sso_reset.cli.command\n@click.command(cls={kind})\ndef ends():\n"
        plugins.add("good", "ends = good_module:ends\n", good_module=f"{source}    {statement}\n")

        assert run("ends") == expected

    def test_its_own_error_is_not_taken_for_ours(
        self, plugins: Plugins, process: Callable[..., CompletedProcess[str]], invoke: Callable[..., Result]
    ) -> None:
        """A file that it does not find has nothing to do with stdout, and its name is not lost."""
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
    """A command that can't be had says so, and harms no other."""

    @pytest.fixture
    def broken(self, plugins: Plugins) -> Plugins:
        """Every kind of broken command, beside a good one."""
        lines = "".join(f"{name} = {value}\n" for name, (value, _) in BROKEN.items())
        plugins.add("broken-plugin", lines, **MODULES)
        plugins.add("twin-a", "twin = good_module:hello\n")
        plugins.add("twin-b", "twin = good_module:hello\n")
        plugins.add("good", "hello = good_module:hello\n", good_module=HELLO)
        plugins.add("broken-inside", "bad = no_such_module:command\n", group=SSO_COMMANDS)
        return plugins

    @pytest.mark.parametrize("name", BROKEN)
    @pytest.mark.usefixtures("broken")
    def test_names_the_distribution_and_why(self, run: Run, name: str) -> None:
        """One line names the distribution and what is wrong with it, and the exit code is 1."""
        code, stdout, stderr = run(name)

        assert (code, stdout) == (1, "")
        assert stderr.startswith(f"Error: The command `{name}` of broken-plugin 1.0 ")
        assert BROKEN[name][1] in stderr
        assert stderr[:-1].isprintable()

    @pytest.mark.parametrize("arguments", [("--help",), ("-h",), ("-x", "--why=1", "z", "--", "-y")])
    @pytest.mark.parametrize(
        ("command", "distribution"),
        [(("no_module",), "broken-plugin 1.0"), (("sso", "bad"), "broken-inside 1.0")],
    )
    @pytest.mark.usefixtures("broken")
    def test_says_the_same_with_any_arguments(
        self, run: Run, command: tuple[str, ...], distribution: str, arguments: tuple[str, ...]
    ) -> None:
        """Neither `--help` nor any other argument hides what is wrong."""
        code, stdout, stderr = run(*command, *arguments)

        assert (code, stdout) == (1, "")
        assert f" of {distribution} can't be loaded: ModuleNotFoundError: " in stderr
        assert stderr[:-1].isprintable()

    @pytest.mark.usefixtures("broken")
    def test_of_two_distributions_is_neither(self, run: Run) -> None:
        """A name that two distributions offer is ambiguous, and both are named."""
        code, stdout, stderr = run("twin", "World")

        assert (code, stdout) == (1, "")
        assert "twin-a 1.0 and twin-b 1.0" in stderr or "twin-b 1.0 and twin-a 1.0" in stderr
        assert stderr[:-1].isprintable()

    @pytest.mark.usefixtures("broken")
    @both_ways
    def test_harms_no_other(self, run: Run, complete: Callable[[str], list[str]]) -> None:
        """Other commands, the listing and completion work on."""
        names = [*BROKEN, "from-config", "hello", "sso", "twin"]

        assert run("hello", "World") == (0, "Hello World\n", "")
        assert run("sso", "quickstart", "made")[0] == 0
        code, stdout, stderr = run("--help")
        assert (code, stderr) == (0, "")
        assert set(names) <= {line.split()[0] for line in stdout.splitlines() if line}
        assert complete("zato ") == sorted(names)
        assert {"bad", "quickstart", "reset-user-password"} <= set(complete("zato sso "))

    @pytest.mark.parametrize("lines", ["no equals sign\n", b"\xff\xfe = os:sep\n"])
    def test_damaged_list_of_commands_harms_no_other(
        self,
        plugins: Plugins,
        more_plugins: Plugins,
        run: Run,
        complete: Callable[[str], list[str]],
        lines: str | bytes,
    ) -> None:
        """A distribution whose `entry_points.txt` can't be read is left out, and nothing else changes."""
        plugins.add("damaged", lines)
        plugins.add("good", "hello = good_module:hello\n", number="2.0", good_module=HELLO)
        more_plugins.add("good", "hello = old_module:hello\n", number="1.0")

        assert run("hello", "World") == (0, "Hello World\n", "")
        assert run("sso", "quickstart", "made")[0] == 0
        assert complete("zato ") == ["from-config", "hello", "sso"]


class TestDamagedMetadata:
    """A distribution that does not say its name is known by its folder."""

    @pytest.fixture(params=["absent", "without a name", "not UTF-8"])
    def damaged(self, request: pytest.FixtureRequest, plugins: Plugins) -> None:
        """A distribution with a good and a broken command, whose METADATA says nothing."""
        info = plugins.add(
            "nameless", "hello = good_module:hello\nbad = no_such_module:x\n", good_module=HELLO
        )
        if request.param == "absent":
            (info / "METADATA").unlink()
        else:
            (info / "METADATA").write_bytes(b"Summary: \xff\n" if "UTF" in request.param else b"Summary: x\n")

    @pytest.mark.usefixtures("damaged")
    def test_good_command_runs(self, run: Run) -> None:
        """What the command needs is there."""
        assert run("hello", "World") == (0, "Hello World\n", "")
        assert run("--help")[0] == 0

    @pytest.mark.usefixtures("damaged")
    def test_broken_command_names_the_folder(self, run: Run) -> None:
        """The line leads to what to uninstall."""
        code, stdout, stderr = run("bad")

        assert (code, stdout) == (1, "")
        assert " of nameless" in stderr
        assert "No module named 'no_such_module'" in stderr
        assert stderr[:-1].isprintable()


class TestLoading:
    """Only the command that is called is loaded."""

    @pytest.fixture(autouse=True)
    def marked(self, plugins: Plugins) -> Path:
        """A plugin that leaves a file when it is imported, beside one that does not."""
        plugins.add("good", "hello = good_module:hello\n", good_module=HELLO)
        plugins.add("marked", "marked = marked_module:marked\n", marked_module=MARKED)
        return Path("imported")

    @both_ways
    def test_called_plugin_is_loaded(self, run: Run, marked: Path) -> None:
        """The file is there once the plugin's own command ran."""
        assert run("marked")[0] == 0
        assert marked.exists()

    @pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("hello", "World"), ("sso", "-h")])
    @both_ways
    def test_no_other_is_loaded(self, run: Run, marked: Path, arguments: tuple[str, ...]) -> None:
        """Another command, and the listing, leave it alone."""
        assert run(*arguments)[0] == 0
        assert not marked.exists()

    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ("zato ", ["from-config", "hello", "marked", "sso"]),
            ("zato ma", ["marked"]),
            ("zato --v", ["--version"]),
            ("zato no-such-command ", None),
            ("zato sso q", ["quickstart"]),
            ("zato sso reset-user-password --e", ["--expiry"]),
        ],
    )
    def test_completion_loads_none(
        self, complete: Callable[[str], list[str]], marked: Path, line: str, expected: list[str] | None
    ) -> None:
        """Names are completed from the lists of the distributions alone."""
        answers = complete(line)

        assert expected is None or answers == expected
        assert not marked.exists()


class TestUnforeseenError:
    """A bug in a command of ours is told of, but not what the error says: it may hold a secret."""

    SOURCE = """
import click
from zato_sso_reset.cli import command, options

def inner(secret):
    raise ValueError(secret)

@click.command(cls=command.Command)
@options.verbose_option
def buggy(*, verbose):
    inner("hush" + "-hush")
"""

    @pytest.fixture(autouse=True)
    def buggy(self, plugins: Plugins) -> None:
        """A command that fails in a way nobody foresaw."""
        plugins.add("buggy", "buggy = buggy_module:buggy\n", buggy_module=self.SOURCE)

    @both_ways
    def test_is_one_line_without_its_message(self, run: Run) -> None:
        """The line names the kind of error and where it struck, and asks for a report."""
        code, stdout, stderr = run("buggy")

        assert (code, stdout) == (16, "")
        assert stderr.startswith("Error: This is a bug: ValueError at buggy_module.py:6.")
        assert "--verbose" in stderr
        assert "hush-hush" not in stderr
        assert stderr[:-1].isprintable()

    @both_ways
    def test_verbose_shows_where_but_not_what(self, run: Run) -> None:
        """With --verbose the way to the error is shown, still without its message or its code."""
        code, stdout, stderr = run("buggy", "--verbose")
        *frames, last = stderr.splitlines()

        assert (code, stdout) == (16, "")
        assert last.startswith("Error: This is a bug: ValueError at buggy_module.py:6.")
        assert frames[-2].endswith("buggy_module.py:11 in buggy")
        assert frames[-1].endswith("buggy_module.py:6 in inner")
        assert "hush" not in stderr
        assert "Traceback" not in stderr
