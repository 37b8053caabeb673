"""Random and mutated input for the three parsers and the command line."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.faults.conftest import RESET, Invoke
from tests.support.servers import LINE, Server, quick_server

FILES = ("secrets.conf", "server.conf", "sso.conf", "sso.toml")

SERVER1 = Path("server1")
"""A path so short that mutations of a file seldom change the path."""

VALID = {
    "server.conf": """
[odb]
db_name=server1/zato.db
engine=sqlite
host=
port=
username=
password=zato+secret://zato.server_conf.odb.password
""",
    "sso.conf": """
[main]
encrypt_password=True
[sql]
name=
[hash_secret]
rounds=1
salt_size=8
[password]
expiry=730
min_length=8
max_length=64
min_complexity=0
reject_list = '''
  qwerty
'''
""",
    "sso.toml": """
[main]
encrypt_password = true
[sql]
name = ""
url = "sqlite:///server1/zato.db"
[hash_secret]
scheme = "argon2id"
time_cost = 1
memory_cost = 8
parallelism = 1
[password]
expiry = 90
min_length = 8
max_length = 64
min_complexity = 0
reject_list = '''
  qwerty
'''
""",
}
"""Files with all settings that are read, and little else; hashing is fast."""

PIECES = (
    *(b"\0", b"\x1b[31m", b"\xff", b"\n", b"\r", b"[", b"[x", b"]", b"=", b"#", b",", b'"', b"'''", b'"""'),
    *(b"\\", b"%(x)s", b"$UNSET", b"$$", b"zato+secret://zato.x", b"zato+stdin:///", b"True", b"-1", b"0"),
    *(
        b"nan",
        b"1e999",
        b"2026-01-02",
        b"{a=1}",
        b"[[sql]]",
        b'"\\u0000"',
        b'"\\ud800"',
        b"../",
        b"/dev/zero",
    ),
    *(b"9" * 5000, b"[" * 2000, b"x" * 5000, b"\xef\xbb\xbf", b"\xd9\xa2", b"\xe2\x80\xa8", b"\xe2\x80\xae"),
)
"""Text that a parser may trip over."""

UNITS = {"byte": rb"(?s).", "token": rb"=|\n|[^=\n]+", "line": rb".*\n|.+"}

mutations = st.lists(
    st.tuples(
        st.sampled_from(sorted(UNITS)),
        st.sampled_from(["delete", "duplicate", "replace", "insert"]),
        st.integers(0, 1000),
        st.sampled_from(PIECES) | st.binary(max_size=2),
    ),
    min_size=1,
    max_size=3,
)

arguments = (
    st.sampled_from(
        [
            *("server1", "user1", "MixedCase", "--", "-", "", "-bob", "-h", "--help", "--expiry", "2"),
            *("--expiry=2", "--expiry=0", "--must-change", "--must-change=no", "yes", "user1\udcff"),
            *("--verbose", "--verbose=1", "--store-log", "--store-config", "--expir"),
        ]
    )
    | st.text(st.characters(), max_size=20)
    | st.builds("{}={}".format, st.sampled_from(["--expiry", "--must-change", "--x"]), st.text(max_size=20))
)

fuzz = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
"""The examples of a test share a server, whose password changes."""


def mutate(content: bytes, unit: str, action: str, number: int, piece: bytes) -> bytes:
    """Return `content` with one byte, token or line changed."""
    parts = re.findall(UNITS[unit], content) or [b""]
    at = number % len(parts)
    part = parts[at]
    changed = {"delete": [], "duplicate": [part, part], "replace": [piece], "insert": [part, piece]}
    return b"".join([*parts[:at], *changed[action], *parts[at + 1 :]])


@pytest.fixture
def small_server() -> Server:
    """A server in the current directory, with the files of `VALID`."""
    server = quick_server(SERVER1)
    for file in ("server.conf", "sso.conf"):
        (server.repo / file).write_text(VALID[file])
    return server


@pytest.fixture
def reset(small_server: Server, invoke: Invoke) -> Invoke:
    """Run a reset, and check that it either succeeds or changes nothing and prints one error line."""

    def run(*args: object) -> Result:
        before = small_server.database.dump("zato_sso_user")
        done = invoke(*RESET, *args)
        lines = done.stderr.removesuffix("\n").split("\n")
        assert done.exception is None or isinstance(done.exception, SystemExit)
        assert all(line.isprintable() for line in lines)
        assert sum(line.startswith("Error: ") for line in lines) == (done.exit_code != 0)
        if match := LINE.fullmatch(done.stdout):
            assert done.exit_code == 0
            assert small_server.opens(match["username"], match["password"])
        else:
            asked_for_help = done.stdout.startswith("Usage: ")
            assert done.exit_code in ({0} if asked_for_help else {2, 21, 22, 23, 69, 73, 77, 78}), done.stderr
            assert asked_for_help or done.stdout == ""
            assert small_server.database.dump("zato_sso_user") == before
        return done

    return run


@pytest.mark.parametrize("file", FILES)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
@fuzz
def test_random_file(small_server: Server, reset: Invoke, file: str, content: bytes) -> None:
    """INI and TOML: any bytes, and any text."""
    (small_server.repo / file).write_bytes(content)

    reset(SERVER1, "user1")


@pytest.mark.parametrize("file", FILES)
@given(mutations)
@fuzz
def test_mutated_file(
    small_server: Server,
    reset: Invoke,
    file: str,
    changes: Sequence[tuple[str, str, int, bytes]],
) -> None:
    """INI and TOML: a valid file with a few bytes, tokens or lines removed, doubled or replaced."""
    key, proof, empty = small_server.key, small_server.seal("3.141592..."), small_server.seal("")
    secrets = (
        f"[secret_keys]\nkey1={key}\n[zato]\nwell_known_data={proof}\nserver_conf.odb.password={empty}\n"
    )
    content = VALID.get(file, secrets).encode()
    for change in changes:
        content = mutate(content, *change)
    (small_server.repo / file).write_bytes(content)

    assert re.fullmatch(r"(Warning: .*\n)*(Error: .*\n)?", reset(SERVER1, "user1").stderr)


@given(st.lists(arguments, max_size=6) | st.permutations(["server1", "user1", "--verbose", "--expiry=2"]))
@settings(fuzz, max_examples=60)
def test_random_argv(reset: Invoke, argv: Sequence[str]) -> None:
    """argv: any arguments in any order."""
    reset(*argv)
