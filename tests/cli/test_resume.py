"""`--resume` of `zato sso reset-user-passwords`, and the file that it continues."""

import fcntl
import json
import os
import re
import resource
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import Result
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.cli.conftest import Invoke, Process, error_line
from tests.support.bulk import (
    OUT,
    assert_all_old,
    assert_valid,
    bulk_arguments,
    listed,
    names,
    unwarned,
)
from tests.support.limits import NOBODY, size_limit
from tests.support.servers import OLD, USERS, Server, insert_users, quick_server
from zato_sso_reset.cli import json_lines
from zato_sso_reset.cli.json_lines import JsonLinesFile
from zato_sso_reset.errors import ConfigError, FileNotMadeError, OutputError
from zato_sso_reset.services import bulk_reset as bulk
from zato_sso_reset.services.passwords import utc_now

MANY = [f"many{number}" for number in range(8)]

THREE_BATCHES = "".join(
    f'{{"username": "user{number}", "password": "{"p" * 32}", '
    f'"password_expiry": "2028-01-0{number // 3}T00:00:00Z", "must_change": false}}\n'
    for number in range(9)
).encode()
"""Lines in batches of three."""

Resume = Callable[[], Result]


@pytest.fixture
def _umask() -> Iterator[None]:
    """Create private files."""
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch, sqlite_server: Server, _umask: None) -> None:
    """Insert eight more users, and reset in batches of three; files are private."""
    monkeypatch.setattr(bulk, "BATCH", 3)
    monkeypatch.setattr(bulk, "AHEAD", 6)
    sqlite_server.edit("sso.conf", "hash_secret", rounds="1")
    insert_users(sqlite_server, MANY)


@pytest.fixture
def reset_many(bulk_reset: Invoke) -> Callable[[int], str]:
    """Reset the first users of `MANY`, and return the file's text."""

    def run(count: int) -> str:
        assert bulk_reset("--users-from", listed(*MANY[:count]), output=OUT).exit_code == 0
        return OUT.read_text()

    return run


@pytest.fixture
def first_five(reset_many: Callable[[int], str]) -> str:
    """Return the file's text after a reset of five users: batches of three and two."""
    return reset_many(5)


@pytest.fixture
def resume(bulk_reset: Invoke) -> Resume:
    """Continue with all of `MANY`."""
    return lambda: bulk_reset("--users-from", listed(*MANY), "--resume", output=OUT)


def less_memory() -> None:
    """Limit the address space of a process."""
    resource.setrlimit(resource.RLIMIT_AS, (2 * 1024**3, 2 * 1024**3))


def void(text: str, *usernames: str) -> str:
    """Return the lines of a batch that was not committed."""
    template = json.loads(text.splitlines()[-1])
    expiry = template["password_expiry"].replace("Z", "1Z")
    lines = [
        json.dumps({**template, "username": name, "password": "v" * 32, "password_expiry": expiry})
        for name in usernames
    ]
    return "".join(f"{line}\n" for line in lines)


def set_old_password(server: Server, *usernames: str, last_set: str | None = None) -> None:
    """Give users the old password again."""
    quoted = ", ".join(f"'{name}'" for name in usernames)
    changes = "password = %s" + (f", password_last_set = '{last_set}'" if last_set else "")
    old = server.database.row("user1")["password"]
    server.database.run(f"UPDATE zato_sso_user SET {changes} WHERE username IN ({quoted})", old)


def assert_resumed(server: Server, done: Result, count: int, beginning: str = "") -> None:
    """Check that a run reset `count` users, and kept the beginning of the file."""
    assert (done.exit_code, done.stdout) == (0, "")
    assert unwarned(done.stderr).endswith(f"Done: {count} passwords reset.\n")
    assert OUT.read_text().startswith(beginning)
    assert sorted(names(OUT.read_text())) == MANY
    assert_valid(server, OUT.read_text())


class TestResume:
    """`--resume` with a file of this server."""

    @pytest.mark.parametrize("done_before", [0, 3, 5, 8])
    def test_users_without_a_line_are_reset(
        self, sqlite_server: Server, reset_many: Callable[[int], str], resume: Resume, done_before: int
    ) -> None:
        """Existing lines stay; without a file, all users are reset."""
        text = reset_many(done_before) if done_before else ""
        done = resume()

        numbers = f"{8 - done_before} passwords reset" + (f" ({done_before} earlier)" if done_before else "")
        assert (
            done.stderr
            == f"Done: {numbers}. The passwords are in `{OUT}`: hand them out, then remove the file.\n"
        )
        assert_resumed(sqlite_server, done, 8 - done_before, text)

    def test_all_leaves_out_users_with_a_line(
        self, sqlite_server: Server, first_five: str, bulk_reset: Invoke
    ) -> None:
        """--all and --exclude work as in a new run."""
        done = bulk_reset("--all", "--exclude", "user1", "--resume", output=OUT)

        assert done.exit_code == 0
        assert OUT.read_text().startswith(first_five)
        assert sorted(names(OUT.read_text())) == sorted([*MANY, *(USERS.keys() - {"user1", "pending1"})])
        assert_valid(sqlite_server, OUT.read_text())

    def test_void_batch_is_replaced(self, sqlite_server: Server, first_five: str, resume: Resume) -> None:
        """A warning has the number of lines that were not stored."""
        OUT.write_text(first_five + void(first_five, *MANY[5:8]))
        done = resume()

        assert done.stderr.startswith("Warning: 3 passwords at the end of the file were not committed")
        assert_resumed(sqlite_server, done, 3, first_five)

    def test_only_void_batch_is_replaced_and_copied(
        self, sqlite_server: Server, first_five: str, resume: Resume
    ) -> None:
        """It may be another server's, so a private copy is kept."""
        set_old_password(sqlite_server, *MANY)
        lines = void(first_five, *MANY[5:8])
        OUT.write_bytes(lines.encode() + b"\xff")
        done = resume()

        match = re.match(
            r"Warning: 3 passwords .+ will be replaced\. The lines are kept in `(.+)`.\n", done.stderr
        )
        assert match
        assert Path(match[1]).read_text() == f"{lines}\\xff\n"
        assert Path(match[1]).stat().st_mode & 0o777 == 0o600
        assert_resumed(sqlite_server, done, 8)

    @pytest.mark.parametrize("cut", [1, 2, 20, 60, 100])
    def test_incomplete_line_is_replaced_with_its_batch(
        self, sqlite_server: Server, first_five: str, resume: Resume, cut: int
    ) -> None:
        """A crash may leave half a line."""
        OUT.write_text(first_five + void(first_five, *MANY[5:7])[:-cut])
        done = resume()

        assert done.stderr.startswith("Warning: 1 password at the end of the file was not committed")
        assert_resumed(sqlite_server, done, 3, first_five)

    @pytest.mark.parametrize("rest", ["", "{", '{"usern', '{"username": "many0", "pass'])
    def test_file_without_a_complete_line_starts_again(
        self, sqlite_server: Server, resume: Resume, rest: str
    ) -> None:
        """An incomplete first line is overwritten."""
        OUT.write_text(rest)
        OUT.chmod(0o600)
        done = resume()

        assert done.stderr.count("\n") == 1
        assert_resumed(sqlite_server, done, 8)

    @pytest.mark.parametrize(("changed", "changes_time"), [(2, False), (2, True), (3, True)])
    def test_passwords_changed_since_are_kept(
        self,
        sqlite_server: Server,
        reset_many: Callable[[int], str],
        resume: Resume,
        changed: int,
        *,
        changes_time: bool,
    ) -> None:
        """One delivered password, or later changes by all users, show that the batch was stored."""
        lines = reset_many(3)
        set_old_password(sqlite_server, *MANY[:changed], last_set=str(utc_now()) if changes_time else None)
        done = resume()

        assert (done.exit_code, unwarned(done.stderr)) == (
            0,
            "Done: 5 passwords reset.\n",
        )
        assert OUT.read_text().startswith(lines)
        assert all(sqlite_server.opens(name, OLD) for name in MANY[:changed])
        assert sorted(names(OUT.read_text())) == MANY

    def test_unreadable_password_counts_as_another(
        self, sqlite_server: Server, reset_many: Callable[[int], str], resume: Resume
    ) -> None:
        """The other users of the batch show that it was stored."""
        lines = reset_many(3)
        sqlite_server.database.run("UPDATE zato_sso_user SET password = 'x' WHERE username = 'many0'")
        done = resume()

        assert (done.exit_code, unwarned(done.stderr)) == (
            0,
            "Done: 5 passwords reset.\n",
        )
        assert OUT.read_text().startswith(lines)

    def test_hashes_may_be_unsealed(
        self, sqlite_server: Server, reset_many: Callable[[int], str], resume: Resume
    ) -> None:
        """The last batch is also found if the server does not encrypt passwords."""
        sqlite_server.edit("sso.conf", "main", encrypt_password="False")
        before = reset_many(5)
        done = resume()

        assert (done.exit_code, unwarned(done.stderr)) == (
            0,
            "Done: 3 passwords reset.\n",
        )
        assert OUT.read_text().startswith(before)

    def test_failure_keeps_an_empty_file(self, bulk_reset: Invoke) -> None:
        """An existing file can be resumed again."""
        OUT.touch()

        error_line(bulk_reset("--users-from", listed("nobody"), "--resume", output=OUT), 22)
        assert OUT.exists()

    @pytest.mark.parametrize(
        ("harm", "problem"),
        [
            (lambda: OUT.chmod(0o640), "is open to other users"),
            (lambda: OUT.chmod(0o602), "is open to other users"),
            (lambda: os.link(OUT, "second"), "has a second name, as a hard link"),
            pytest.param(
                *(lambda: os.chown(OUT, NOBODY, -1), "belongs to another user"),
                marks=pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give a file away"),
            ),
        ],
    )
    def test_file_that_others_can_reach_is_refused(
        self, sqlite_server: Server, first_five: str, resume: Resume, harm: Callable[[], object], problem: str
    ) -> None:
        """A foreign directory: new passwords are written only to a private file of our own."""
        harm()

        assert error_line(resume(), 73) == f"Error: `out.jsonl` {problem}. Use another --output-file.\n"
        assert OUT.read_text() == first_five
        assert_valid(sqlite_server, first_five)


class TestOtherFiles:
    """`--resume` with a file that can't be continued."""

    def test_file_of_another_server_is_an_error(
        self, sqlite_server: Server, first_five: str, invoke: Invoke, tmp_path: Path
    ) -> None:
        """It stays as it is, and no user is reset."""
        other = quick_server(tmp_path / "other")
        insert_users(other, MANY)
        done = invoke(*bulk_arguments(other, "--users-from", "users.txt", "--yes", "--resume", output=OUT))

        assert "belong to another server" in error_line(done, 78)
        assert OUT.read_text() == first_five
        assert_all_old(other)
        assert_valid(sqlite_server, first_five)

    @pytest.mark.parametrize(
        "text",
        [
            *("notes", "notes\n", "{}\n", "[]\n", "1\n", '"username"\n', "\n", '{"username": "many0"}\n'),
            '{"username": "many0", "password": "x", "password_expiry": 1}\n',
            '{"username": 1, "password": 2, "password_expiry": 3}\n',
            '{"username": null, "password": "x", "password_expiry": "x"}\n',
            '{"username": ["many0"], "password": ["x"], "password_expiry": ["x"]}\n',
            '{"username": "\\ud800", "password": "x", "password_expiry": "x"}\n',
            *("[" * 100_000 + "\n", "1" * 5000 + "\n", "\udcff\n", "\0" * 100),
        ],
    )
    def test_other_content_is_an_error(self, sqlite_server: Server, resume: Resume, text: str) -> None:
        """The file stays as it is, whether it ends with a line end or not."""
        OUT.write_text(text, errors="surrogateescape")

        assert "line 1: not written by this command" in error_line(resume(), 78)
        assert OUT.read_text(errors="surrogateescape") == text
        assert_all_old(sqlite_server)

    @pytest.mark.parametrize("line", [1, 6])
    def test_sparse_file_needs_no_memory(
        self, sqlite_server: Server, first_five: str, process: Process, line: int
    ) -> None:
        """A foreign directory: 30 GB without a line end."""
        if line == 1:
            OUT.write_text("")
        os.truncate(OUT, 30 * 1024**3)
        users = listed(*MANY)
        arguments = bulk_arguments(sqlite_server, "--users-from", users, "--yes", "--resume", output=OUT)
        done = process(*arguments, preexec_fn=less_memory)

        assert f"line {line}: not written by this command" in error_line(done, 78)
        assert OUT.stat().st_size == 30 * 1024**3
        if line == 1:
            return
        assert_valid(sqlite_server, first_five)

    def test_endless_file_is_an_error(
        self, first_five: str, resume: Resume, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A foreign directory: the number of lines is bounded."""
        monkeypatch.setattr(json_lines, "MAX_USERS", 4)

        assert "line 5: not written by this command" in error_line(resume(), 78)
        assert OUT.read_text() == first_five

    def test_other_content_after_the_first_line_is_an_error(
        self, sqlite_server: Server, first_five: str, resume: Resume
    ) -> None:
        """The error has the number of the line."""
        OUT.write_text(first_five + "notes\n")

        assert "line 6: not written" in error_line(resume(), 78)
        assert OUT.read_text() == first_five + "notes\n"
        assert_valid(sqlite_server, first_five)

    @pytest.mark.parametrize("kind", ["fifo", "link", "folder", "below a file"])
    def test_other_kinds_of_file_are_errors(
        self, sqlite_server: Server, bulk_reset: Invoke, first_five: str, kind: str
    ) -> None:
        """A link is not followed, and a FIFO does not block."""
        path = Path("other")
        if kind == "fifo":
            os.mkfifo(path)
        elif kind == "link":
            path.symlink_to(OUT)
        elif kind == "folder":
            path.mkdir()
        else:
            path = OUT / "other"
        error = error_line(bulk_reset("--users-from", "users.txt", "--resume", output=path), 73)

        assert re.search("(can't be opened: .+|is not a regular file)\\. Use another --output-file\\.", error)
        assert OUT.read_text() == first_five
        assert_valid(sqlite_server, first_five)

    def test_file_in_use_is_an_error(self, sqlite_server: Server, first_five: str, resume: Resume) -> None:
        """Two runs never write to one file; the second one closes it again."""
        with OUT.open("rb+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            error = error_line(resume(), 73)
            links = [link.readlink() for link in Path("/dev/fd").iterdir() if link.is_symlink()]

        assert "Another process is writing to" in error
        assert links.count(OUT.absolute()) == 1
        assert OUT.read_text() == first_five
        assert_valid(sqlite_server, first_five)


class TestDiskIsFull:
    """Lines that can't be written completely."""

    @pytest.mark.parametrize("bytes_more", [0, 1, 50, 200])
    def test_batch_is_cut_off_again(
        self, sqlite_server: Server, first_five: str, invoke: Invoke, bytes_more: int
    ) -> None:
        """Earlier batches stay, and --resume continues once there is space."""
        arguments = bulk_arguments(
            sqlite_server, "--users-from", listed(*MANY), "--yes", "--resume", output=OUT
        )
        size = Path(sqlite_server.database.name).stat().st_size
        # The database needs space too, so the file is made at least as large.
        lead = first_five.splitlines(keepends=True)[0]
        OUT.write_text(lead * (1 + size // len(lead)) + first_five)
        before = OUT.read_text()
        with size_limit(len(before) + bytes_more):
            error = error_line(invoke(*arguments), 74)

        assert error.startswith(
            "Error: `out.jsonl` can't be written to: File too large. Nothing was changed."
        )
        assert OUT.read_text() == before
        assert_valid(sqlite_server, first_five)
        assert invoke(*arguments).exit_code == 0
        assert_valid(sqlite_server, OUT.read_text()[len(before) - len(first_five) :])

    def test_new_file_without_a_line_is_removed(self) -> None:
        """A run whose first batch can't be written leaves no file."""
        with (
            closing(JsonLinesFile(OUT, resume=False)) as file,
            size_limit(10),
            pytest.raises(OutputError),
        ):
            file.write_line("a" * 100)

        assert not OUT.exists()

    def test_void_lines_that_can_not_be_cut_off_are_an_error(self) -> None:
        """Otherwise, valid lines would follow them."""
        OUT.write_text("void")
        file = JsonLinesFile(OUT, resume=True)
        with OUT.open("rb") as read_only, closing(file):
            os.dup2(read_only.fileno(), file._fd)  # noqa: SLF001 the file can no longer be written to
            with pytest.raises(OutputError, match="can't be written to: Invalid argument"):
                file.cut(0)
            file.withdraw()

        assert OUT.read_text() == "void"


class TestJsonLinesFile:
    """`JsonLinesFile` itself."""

    def test_existing_file_is_an_error(self) -> None:
        """A file created since the first check is not overwritten."""
        OUT.write_text("kept")
        with pytest.raises(FileNotMadeError, match="already exists"):
            JsonLinesFile(OUT, resume=False)

        assert OUT.read_text() == "kept"

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.lists(
            st.tuples(
                st.integers(0, 1000),
                st.integers(0, 200) | st.just(1000),
                st.binary(max_size=20)
                | st.sampled_from([b"\n", b'"', b"{", b"[" * 3000, b"\\ud800", b"1e999"]),
            ),
            max_size=4,
        )
    )
    @example([])
    @example([(1038, 1, b"")])
    def test_mutated_file_is_read_or_refused(self, changes: list[tuple[int, int, bytes]]) -> None:
        """Each change replaces a number of bytes at an offset."""
        content = THREE_BATCHES
        for start, length, new in changes:
            content = content[:start] + new + content[start + length :]
        OUT.write_bytes(content)
        with closing(JsonLinesFile(OUT, resume=True)) as file:
            try:
                delivered = file.read()
            except ConfigError as error:
                refusal: ConfigError = error
            else:
                assert content[: delivered.end].endswith(b"\n") or delivered.end == 0
                assert b"\n" not in content[delivered.end :]
                assert delivered.previous.offset <= delivered.last.offset <= delivered.end
                last = delivered.last.proofs.keys() | delivered.previous.proofs.keys()
                assert last <= delivered.usernames
                return
        assert str(refusal).isprintable()
        assert refusal.__context__ is None

    def test_last_two_batches_are_read(self) -> None:
        """The expiry marks a batch; the passwords are not in its repr."""
        OUT.write_bytes(THREE_BATCHES)
        with closing(JsonLinesFile(OUT, resume=True)) as file:
            delivered = file.read()

        assert delivered.usernames == {f"user{number}" for number in range(9)}
        assert delivered.previous.proofs.keys() == {"user3", "user4", "user5"}
        assert delivered.last.proofs.keys() == {"user6", "user7", "user8"}
        assert delivered.last.offset == len(THREE_BATCHES) * 2 // 3
        assert delivered.end == len(THREE_BATCHES)
        assert "p" * 32 not in repr(delivered)
