"""The file of many resets: what a run leaves in it, and how `--resume` goes on."""

import fcntl
import json
import os
import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import Result
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.bulk import OUT, assert_all_old, assert_valid, bulk_arguments, listed, names
from tests.support.limits import size_limit
from tests.support.servers import OLD, USERS, Server, insert_users, quick_server
from zato_sso_reset.cli.json_lines import JsonLinesFile
from zato_sso_reset.errors import ConfigError, FileNotMadeError, OutputError
from zato_sso_reset.services import bulk_reset as bulk

Invoke = Callable[..., Result]

MANY = [f"many{number}" for number in range(8)]


WRITTEN = b"".join(
    json.dumps(
        {
            "username": f"user{number}",
            "password": "p" * 32,
            "password_expiry": f"2028-01-0{number // 3}T00:00:00Z",
            "must_change": False,
        }
    ).encode()
    + b"\n"
    for number in range(9)
)
"""What a run could have written: three batches of three."""


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch, sqlite_server: Server) -> None:
    """Have eight more users, reset in batches of three."""
    monkeypatch.setattr(bulk, "BATCH", 3)
    monkeypatch.setattr(bulk, "AHEAD", 6)
    sqlite_server.edit("sso.conf", "hash_secret", rounds="1")
    insert_users(sqlite_server, MANY)


@pytest.fixture
def done_by_half(bulk_reset: Invoke) -> str:
    """What the file holds after a run over the first five of `MANY`: batches of three and two."""
    assert bulk_reset("--users-from", listed(*MANY[:5]), output=OUT).exit_code == 0
    listed(*MANY)
    return OUT.read_text()


@pytest.fixture
def resume(bulk_reset: Invoke) -> Callable[[], Result]:
    """Go on with all of `MANY`."""
    return lambda: bulk_reset("--users-from", listed(*MANY), "--resume", output=OUT)


Resume = Callable[[], Result]


def void(text: str, *usernames: str) -> str:
    """Return lines as a batch has them that was not committed."""
    template = json.loads(text.splitlines()[-1])
    expiry = template["password_expiry"].replace("Z", "1Z")
    lines = [
        json.dumps({**template, "username": name, "password": "v" * 32, "password_expiry": expiry})
        for name in usernames
    ]
    return "".join(f"{line}\n" for line in lines)


def assert_kept(server: Server, done: Result, exit_code: int, text: str, *words: str) -> None:
    """See one line on stderr that has `words`, and that neither file nor database was changed."""
    before = OUT.read_text(errors="surrogateescape")
    assert (done.exit_code, done.stdout) == (exit_code, ""), done.stderr
    assert re.fullmatch("Error: .+\n", done.stderr)
    for word in words:
        assert word in done.stderr
    assert before == text
    assert_all_old(server)


class TestResume:
    """`--resume` with a file of this server."""

    def test_goes_on_with_the_others(self, sqlite_server: Server, done_by_half: str, resume: Resume) -> None:
        """Who has a valid line keeps it; the others are added."""
        done = resume()

        assert (done.exit_code, done.stdout, done.stderr) == (0, "", "Reset the passwords of 3 user(s).\n")
        assert OUT.read_text().startswith(done_by_half)
        assert sorted(names(OUT.read_text())) == MANY
        assert_valid(sqlite_server, OUT.read_text())

    def test_nothing_is_left(self, sqlite_server: Server, bulk_reset: Invoke, resume: Resume) -> None:
        """A run that ended may be resumed, and does nothing."""
        bulk_reset("--users-from", listed(*MANY), output=OUT)
        before = OUT.read_text()
        done = resume()

        assert (done.exit_code, done.stdout, done.stderr) == (0, "", "Reset the passwords of 0 user(s).\n")
        assert OUT.read_text() == before
        assert_valid(sqlite_server, before)

    def test_all(self, sqlite_server: Server, done_by_half: str, bulk_reset: Invoke) -> None:
        """--all leaves out who has a line."""
        done = bulk_reset("--all", "--exclude", "user1", "--resume", output=OUT)

        assert done.exit_code == 0
        assert OUT.read_text().startswith(done_by_half)
        assert sorted(names(OUT.read_text())) == sorted([*MANY, *(USERS.keys() - {"user1", "pending1"})])
        assert_valid(sqlite_server, OUT.read_text())

    @pytest.mark.parametrize("first", [0, 5])
    def test_lines_that_were_not_stored(
        self, sqlite_server: Server, bulk_reset: Invoke, resume: Resume, first: int
    ) -> None:
        """A last batch that the database did not take is replaced, be it the only one."""
        bulk_reset("--users-from", listed(*MANY[:5]), output=OUT)
        kept = OUT.read_text()
        if not first:
            sqlite_server.database.run("UPDATE zato_sso_user SET password = %s", self.old(sqlite_server))
        lines = (kept if first else "") + void(kept, *MANY[5:8])
        OUT.write_text(lines)
        done = resume()

        assert (done.exit_code, done.stdout) == (0, "")
        told, *beside = done.stderr.splitlines()[0].partition(" They are kept in `")
        assert told == "Warning: The last 3 line(s) were never stored, and are replaced."
        assert done.stderr.endswith(f"\nReset the passwords of {8 - first} user(s).\n")
        if not first:  # they may be another server's
            aside = Path(beside[1].removesuffix("`."))
            assert aside.read_text() == lines
            assert aside.stat().st_mode & 0o777 == 0o600
        assert OUT.read_text().startswith(kept if first else "")
        assert sorted(names(OUT.read_text())) == MANY
        assert_valid(sqlite_server, OUT.read_text())

    @staticmethod
    def old(server: Server) -> object:
        """Return what is stored of `OLD`."""
        return server.database.row("user1")["password"]

    def test_nothing_was_begun(self, sqlite_server: Server, bulk_reset: Invoke) -> None:
        """A run that ended before its first batch left no file: all users are reset."""
        users = listed(*MANY)
        done = bulk_reset("--users-from", users, "--resume", output=OUT)

        assert (done.exit_code, done.stderr) == (0, f"Reset the passwords of {len(MANY)} user(s).\n")
        assert_valid(sqlite_server, OUT.read_text())

    @pytest.mark.parametrize("changed", [2, 3])
    def test_who_has_changed_the_password_since(
        self, sqlite_server: Server, bulk_reset: Invoke, resume: Resume, changed: int
    ) -> None:
        """A batch that was stored stands, be it that all of its users have another password by now."""
        bulk_reset("--users-from", listed(*MANY[:3]), output=OUT)
        lines = OUT.read_text()
        sqlite_server.database.run(
            "UPDATE zato_sso_user SET password = %s, password_last_set = '2999-01-01 00:00:00.000000' "
            f"WHERE username IN ({', '.join(repr(name) for name in MANY[:changed])})",
            self.old(sqlite_server),
        )
        listed(*MANY)
        done = resume()

        assert (done.exit_code, done.stderr) == (0, f"Reset the passwords of {len(MANY) - 3} user(s).\n")
        assert OUT.read_text().startswith(lines)
        assert all(sqlite_server.opens(name, OLD) for name in MANY[:changed])

    @pytest.mark.parametrize("cut", [1, 2, 20, 60, 100])
    def test_half_a_line(self, sqlite_server: Server, done_by_half: str, resume: Resume, cut: int) -> None:
        """Half a line at the end goes, and with it the lines of its batch."""
        OUT.write_text(done_by_half + void(done_by_half, *MANY[5:7])[:-cut])
        done = resume()

        assert done.exit_code == 0
        assert done.stderr.startswith("Warning: The last 1 line(s) were never stored, and are replaced.\n")
        assert OUT.read_text().startswith(done_by_half)
        assert sorted(names(OUT.read_text())) == MANY
        assert_valid(sqlite_server, OUT.read_text())

    @pytest.mark.parametrize("rest", ["", "{", '{"usern', '{"username": "many0", "pass'])
    def test_no_whole_line(self, sqlite_server: Server, resume: Resume, rest: str) -> None:
        """A file with nothing but the beginning of a line begins anew."""
        OUT.write_text(rest)
        OUT.chmod(0o600)
        done = resume()

        assert (done.exit_code, done.stderr) == (0, "Reset the passwords of 8 user(s).\n")
        assert sorted(names(OUT.read_text())) == MANY
        assert_valid(sqlite_server, OUT.read_text())

    def test_a_user_has_changed_the_password(
        self, sqlite_server: Server, done_by_half: str, resume: Resume
    ) -> None:
        """One of the last batch who has another password by now does not make the batch void."""
        theirs = self.old(sqlite_server)
        sqlite_server.database.run("UPDATE zato_sso_user SET password = %s WHERE username = 'many3'", theirs)
        done = resume()

        assert (done.exit_code, done.stderr) == (0, "Reset the passwords of 3 user(s).\n")
        assert OUT.read_text().startswith(done_by_half)
        assert sqlite_server.opens("many3", OLD)
        assert set(names(OUT.read_text())) == set(MANY)

    def test_hashes_may_be_unsealed(self, sqlite_server: Server, bulk_reset: Invoke, resume: Resume) -> None:
        """Where the server does not encrypt, the last batch is found in the database too."""
        sqlite_server.edit("sso.conf", "main", encrypt_password="False")
        bulk_reset("--users-from", listed(*MANY[:5]), output=OUT)
        before = OUT.read_text()
        done = resume()

        assert (done.exit_code, done.stderr) == (0, "Reset the passwords of 3 user(s).\n")
        assert OUT.read_text().startswith(before)

    def test_a_failure_keeps_an_empty_file(self, bulk_reset: Invoke) -> None:
        """A file that was there is there afterwards, so that it can be resumed again."""
        OUT.touch()

        assert bulk_reset("--users-from", listed("nobody"), "--resume", output=OUT).exit_code == 22
        assert OUT.exists()

    def test_others_can_read_it(self, done_by_half: str, resume: Resume) -> None:
        """A file that was opened to others meanwhile is warned of."""
        OUT.chmod(0o644)

        assert "chmod 600" in resume().stderr
        assert OUT.read_text().startswith(done_by_half)


class TestOtherFiles:
    """`--resume` with a file that is not to be gone on with."""

    def test_of_another_server(
        self, sqlite_server: Server, done_by_half: str, invoke: Invoke, tmp_path: Path
    ) -> None:
        """Its last batches are not what this server holds, so it is kept byte for byte."""
        other = quick_server(tmp_path / "other")
        insert_users(other, MANY)
        done = invoke(*bulk_arguments(other, "--users-from", "users.txt", "--yes", "--resume", output=OUT))

        assert_kept(other, done, 78, done_by_half, "belong to another server")
        assert_valid(sqlite_server, done_by_half)

    @pytest.mark.parametrize(
        "text",
        [
            "notes",
            "notes\n",
            "{}\n",
            "[]\n",
            "1\n",
            '"username"\n',
            "\n",
            '{"username": "many0"}\n',
            '{"username": "many0", "password": "x", "password_expiry": 1}\n',
            '{"username": 1, "password": 2, "password_expiry": 3}\n',
            '{"username": null, "password": "x", "password_expiry": "x"}\n',
            '{"username": ["many0"], "password": ["x"], "password_expiry": ["x"]}\n',
            '{"username": "\\ud800", "password": "x", "password_expiry": "x"}\n',
            "[" * 100_000 + "\n",
            "1" * 5000 + "\n",
            "\udcff\n",
            "\0" * 100,
        ],
    )
    def test_is_no_such_file(self, sqlite_server: Server, resume: Resume, text: str) -> None:
        """A file of another kind is kept byte for byte, whether it ends in a line end or not."""
        OUT.write_text(text, errors="surrogateescape")

        assert_kept(sqlite_server, resume(), 78, text, "line 1: not written by this command")

    def test_is_one_only_at_first(self, sqlite_server: Server, done_by_half: str, resume: Resume) -> None:
        """The number of the first line of another kind is told."""
        OUT.write_text(done_by_half + "notes\n")
        done = resume()

        assert done.exit_code == 78
        assert "line 6: not written" in done.stderr
        assert OUT.read_text() == done_by_half + "notes\n"
        assert_valid(sqlite_server, done_by_half)

    @pytest.mark.parametrize("make", ["fifo", "link", "folder", "below a file"])
    def test_can_not_be_opened(
        self, sqlite_server: Server, bulk_reset: Invoke, done_by_half: str, make: str
    ) -> None:
        """What is not a regular file under its own name is refused with 73, and nothing waits for it."""
        path = Path("other")
        if make == "fifo":
            os.mkfifo(path)
        elif make == "link":
            path.symlink_to(OUT)
        elif make == "folder":
            path.mkdir()
        elif make == "below a file":
            path = OUT / "other"
        done = bulk_reset("--users-from", "users.txt", "--resume", output=path)

        assert (done.exit_code, done.stdout) == (73, "")
        assert re.fullmatch("Error: .+ (can't be opened: .+|is not a regular file\\. .+\\.)\n", done.stderr)
        assert OUT.read_text() == done_by_half
        assert_valid(sqlite_server, done_by_half)

    def test_another_process_writes_to_it(
        self, sqlite_server: Server, done_by_half: str, resume: Resume
    ) -> None:
        """Two runs never write to one file."""
        with OUT.open("rb+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            done = resume()

        assert (done.exit_code, done.stdout) == (73, "")
        assert "Another process is writing to" in done.stderr
        assert OUT.read_text() == done_by_half
        assert_valid(sqlite_server, done_by_half)


class TestDiskIsFull:
    """Lines that can't be written whole."""

    @pytest.mark.parametrize("bytes_more", [0, 1, 50, 200])
    def test_batch_is_cut_off_again(
        self, sqlite_server: Server, done_by_half: str, invoke: Invoke, bytes_more: int
    ) -> None:
        """The run ends with 74; the batches before stand, and when there is room, --resume goes on."""
        arguments = bulk_arguments(
            sqlite_server, "--users-from", "users.txt", "--yes", "--resume", output=OUT
        )
        size = Path(sqlite_server.database.name).stat().st_size
        # The database must have room too, so the file is made at least as large.
        lead = done_by_half.splitlines(keepends=True)[0]
        OUT.write_text(lead * (1 + size // len(lead)) + done_by_half)
        before = OUT.read_text()
        with size_limit(len(before) + bytes_more):
            done = invoke(*arguments)

        assert (done.exit_code, done.stdout) == (74, "")
        problem = "`out.jsonl` can't be written to: File too large."
        assert done.stderr == f"Error: {problem} Nothing was changed. Free some space.\n"
        assert OUT.read_text() == before
        assert_valid(sqlite_server, done_by_half)
        assert invoke(*arguments).exit_code == 0
        assert_valid(sqlite_server, OUT.read_text()[len(before) - len(done_by_half) :])

    def test_new_file_goes_again(self) -> None:
        """Where not one batch could be written, no file is left."""
        with closing(JsonLinesFile(OUT, resume=False)) as lines, size_limit(10), pytest.raises(OutputError):
            lines.write_line("a" * 100)

        assert not OUT.exists()

    def test_void_end_can_not_be_cut_off(self) -> None:
        """Nothing is written after lines that are void, which would be lost in them."""
        OUT.write_text("void")
        lines = JsonLinesFile(OUT, resume=True)
        with OUT.open("rb") as read_only, closing(lines):
            os.dup2(read_only.fileno(), lines._fd)  # noqa: SLF001 a file that may no longer be written to
            with pytest.raises(OutputError, match="can't be written to: Invalid argument"):
                lines.cut(0)
            lines.withdraw()

        assert OUT.read_text() == "void"


class TestJsonLinesFile:
    """`JsonLinesFile` itself."""

    def test_is_made_but_once(self) -> None:
        """A file that came in between is not written over."""
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
    def test_reads_what_was_mutated(self, changes: list[tuple[int, int, bytes]]) -> None:
        """Whatever befell a file, it is read or refused, and what is read ends with a line end.

        Each change is: from here, so many bytes become these.
        """
        content = WRITTEN
        for start, length, new in changes:
            content = content[:start] + new + content[start + length :]
        OUT.write_bytes(content)
        with closing(JsonLinesFile(OUT, resume=True)) as lines:
            try:
                delivered = lines.read()
            except ConfigError as error:
                refusal: ConfigError = error
            else:
                assert content[: delivered.end].endswith(b"\n") or delivered.end == 0
                assert b"\n" not in content[delivered.end :]
                assert delivered.previous.offset <= delivered.last.offset <= delivered.end
                last = delivered.last.passwords.keys() | delivered.previous.passwords.keys()
                assert last <= delivered.usernames
                return
        assert str(refusal).isprintable()
        assert refusal.__context__ is None

    def test_reads_the_last_two_batches(self) -> None:
        """They are told apart by when their passwords expire."""
        OUT.write_bytes(WRITTEN)
        with closing(JsonLinesFile(OUT, resume=True)) as lines:
            delivered = lines.read()

        assert delivered.usernames == {f"user{number}" for number in range(9)}
        assert delivered.previous.passwords.keys() == {"user3", "user4", "user5"}
        assert delivered.last.passwords.keys() == {"user6", "user7", "user8"}
        assert delivered.last.offset == len(WRITTEN) * 2 // 3
        assert delivered.end == len(WRITTEN)
        assert "p" * 32 not in repr(delivered)
