"""The sessions of this project: `nox -l` lists them."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["tests", "lint", "typing", "build"]
nox.options.error_on_missing_interpreters = False

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)
EXTRAS = ".[postgresql,mysql]"


def dependency_group(name: str) -> list[str]:
    """Return the requirements of a dependency group."""
    return list(nox.project.dependency_groups(PROJECT, name))


def run_tests(session: nox.Session, *options: str) -> None:
    """Run the test suite; many tests only wait, so more workers than cores are used."""
    session.run("pytest", "-n", "4", "--dist", "worksteal", *options, *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run all tests on the Python that runs nox; with CI=true, require full coverage."""
    session.install(EXTRAS, *dependency_group("test"))
    coverage = ["--cov", "--cov-report=term", "--cov-fail-under=100"]
    run_tests(session, *(coverage if os.environ.get("CI") == "true" else []))


@nox.session(python=PYTHONS)
def tests_all(session: nox.Session) -> None:
    """Run all tests on each supported Python that is installed."""
    session.install(EXTRAS, *dependency_group("test"))
    run_tests(session)


@nox.session
def minimums(session: nox.Session) -> None:
    """Run all tests with the lowest version of each dependency."""
    extras = PROJECT["project"]["optional-dependencies"].values()
    requirements = [*PROJECT["project"]["dependencies"], *(each for extra in extras for each in extra)]
    lowest = [requirement.replace(">=", "==") for requirement in requirements]
    session.install(".", *lowest, *dependency_group("test"))
    run_tests(session)


@nox.session
def faults(session: nox.Session) -> None:
    """Kill and fail a reset at every system call, then at random; `-- --long` for ten thousand kills."""
    session.install(EXTRAS, *dependency_group("test"))
    session.run("pytest", "-n", "3", "-rP", "-m", "exhaustive", "tests/faults")
    session.run("python", "-m", "tests.faults.loops", *session.posargs)


@nox.session
def mutants(session: nox.Session) -> None:
    """Change `domain` and `server` in a thousand small ways, and count the changes that no test notices."""
    session.install(EXTRAS, *dependency_group("test"), "mutmut>=3.8.1")
    folder = Path("mutants")
    shutil.rmtree(folder, ignore_errors=True)  # mutmut keeps tests that no longer exist
    session.run("mutmut", "run", *session.posargs, silent=True)  # takes some five minutes
    session.run("mutmut", "results")
    session.run("mutmut", "export-cicd-stats", silent=True)
    counts = json.loads((folder / "mutmut-cicd-stats.json").read_text())
    others = counts["total"] - counts["killed"] - counts["timeout"]
    session.log(f"{counts['killed']} mutants killed, {counts['timeout']} timed out, {others} survived.")


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Print the cost of resets relative to the least possible; `-- --quick` takes five minutes."""
    session.install(EXTRAS, *dependency_group("test"), "matplotlib>=3.9")
    session.run("python", "-m", "benchmarks.one_reset", *session.posargs)
    session.run("python", "-m", "benchmarks.bulk", *session.posargs)
    session.run("python", "-m", "benchmarks.status", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, formatting, and the files of the forge."""
    session.install(*dependency_group("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    forms = Path(".github/ISSUE_TEMPLATE")
    for schema, *files in (
        ("workflows", Path(".github/workflows/ci.yml")),
        ("issue-config", forms / "config.yml"),
        ("issue-forms", forms / "bug.yml", forms / "idea.yml"),
    ):
        session.run("check-jsonschema", "--builtin-schema", f"vendor.github-{schema}", *map(str, files))
    session.run("zizmor", "--offline", "--no-progress", ".github")


@nox.session
def typing(session: nox.Session) -> None:
    """Check types, including those of the tests and this file."""
    session.install(EXTRAS, *dependency_group("test"), *dependency_group("typing"))
    session.run("mypy")


@nox.session
def build(session: nox.Session) -> None:
    """Build the wheel, install it without a network as docs/install.md says, and reset a password with it."""
    session.install("build", "twine")
    folder = Path(session.create_tmp())
    shutil.rmtree(folder)
    session.run("python", "-m", "build", "--outdir", str(folder), silent=True)
    session.run("twine", "check", "--strict", *map(str, folder.iterdir()))
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        in_wheel = {Path(name).name for name in archive.namelist() if "/data/share/man/man1/" in name}
    if in_wheel != {page.name for page in Path("docs/man").iterdir()}:
        session.error("The man pages of the wheel are not those of docs/man.")
    page = Path("docs/install.md").read_text("utf-8").replace("~", str(folder))
    section = page.partition("\n## Without a network\n")[2].partition("\n## ")[0]
    collect, install = re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    session.run("bash", "-euc", collect, external=True, silent=True)
    offline = ["unshare", "--map-root-user", "--net"]
    if subprocess.run([*offline, "true"], check=False).returncode != 0:  # noqa: S603
        session.warn("The network can't be cut here.")
        offline = []
    session.run(*offline, "bash", "-euc", install, external=True, silent=True)
    reset_on_new_server(session, folder / "zato-sso-reset/bin/zato", folder / "server1", *offline)


@nox.session
def demo(session: nox.Session) -> None:
    """Create a server directory with a SQLite database, and reset a password in it."""
    session.install(".")
    path = Path(tempfile.mkdtemp(prefix="zato-demo-")) / "server1"
    reset_on_new_server(session, Path(session.bin, "zato"), path)


@nox.session
def picture(session: nox.Session) -> None:
    """Draw the README's picture of the terminal from real output."""
    session.install(".", "rich>=13")
    session.run("python", "docs/picture.py", str(Path(session.bin, "zato")))


@nox.session
def man(session: nox.Session) -> None:
    """Write the man pages in `docs/man` from the commands."""
    session.install(".")
    session.run("python", "docs/man.py")


@nox.session
def help(session: nox.Session) -> None:  # noqa: A001 a session's name
    """Write the help texts in README and docs from the commands."""
    session.install(".")
    session.run("python", "docs/help.py")


def reset_on_new_server(session: nox.Session, zato: Path, path: Path, *prefix: str) -> None:
    """Create a server directory, and reset a password in it, with an installed `zato`."""
    for arguments in (["quickstart", str(path)], ["reset-user-password", str(path), "user1"]):
        session.run(*prefix, str(zato), "sso", *arguments, external=True)
