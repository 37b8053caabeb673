"""`zato from-config`: what --store-config wrote is run again."""

import json
import os
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from click.testing import Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.servers import LINE, OLD, Server, insert_user

Invoke = Callable[..., Result]
Process = Callable[..., CompletedProcess[str]]

RESET = ("sso", "reset-user-password")

FILE = Path("zato.config")


@pytest.fixture(autouse=True)
def _no_stock_zato(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Leave nothing on PATH that a command could be handed over to."""
    monkeypatch.setenv("PATH", str(tmp_path))


def stored_file() -> Path:
    """Return the file that --store-config made in the current directory."""
    (file,) = Path.cwd().glob("zato.*.config")
    return file


def stored_values(server: Server, username: str) -> tuple[int, int]:
    """Return for how many days the password was set, and whether it must be changed, by raw SQL."""
    ((last_set, expiry, must_change),) = server.database.run(
        "SELECT password_last_set, password_expiry, password_must_change FROM zato_sso_user "
        "WHERE username = %s",
        username,
    )
    lasts = datetime.fromisoformat(expiry) - datetime.fromisoformat(last_set)
    return lasts // timedelta(days=1), must_change


class TestRoundTrip:
    """The command runs again with all its options."""

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            (("--expiry", "50", "--must-change", "no"), (50, 0)),
            (("--expiry", "60", "--must-change", "yes"), (60, 1)),
            (("--must-change", "false"), (730, 0)),
            ((), (730, 1)),
        ],
    )
    def test_expiry_and_must_change_are_the_same(
        self, sqlite_server: Server, invoke: Invoke, options: tuple[str, ...], expected: tuple[int, int]
    ) -> None:
        """A new password is printed and stored, and the rest is as the first time."""
        first = invoke(*RESET, "--store-config", *options, sqlite_server.path, "changing1")
        stored = stored_file()
        sqlite_server.database.run(
            "UPDATE zato_sso_user SET password_expiry = password_last_set, password_must_change = 1"
        )
        second = invoke("from-config", stored)

        matches = LINE.fullmatch(first.stdout), LINE.fullmatch(second.stdout)
        assert (second.exit_code, second.stderr) == (0, "")
        assert matches[0]
        assert matches[1]
        assert matches[0]["password"] != matches[1]["password"]
        assert sqlite_server.opens("changing1", matches[1]["password"])
        assert stored_values(sqlite_server, "changing1") == expected

    def test_other_options_are_the_same(self, sqlite_server: Server, process: Process) -> None:
        """Logs and arguments are stored again, in files of their own, and --verbose tells again."""
        options = ("--store-log", "--store-config", "--verbose")
        first = process(*RESET, *options, sqlite_server.path, "user1")
        stored = stored_file()
        contents = {file: file.read_bytes() for file in Path.cwd().iterdir()}
        second = process("from-config", stored)

        assert (second.returncode, second.stderr) == (0, first.stderr)
        assert len(list(Path.cwd().glob("zato.*.config"))) == 2
        assert len(list(Path.cwd().glob("zato.*.log"))) == 2
        assert {file: file.read_bytes() for file in contents} == contents

    @pytest.mark.usefixtures("sqlite_server")
    def test_path_is_the_same_from_anywhere(
        self, invoke: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """A relative PATH is stored as an absolute one."""
        assert invoke(*RESET, "--store-config", Path("..", "server1"), "user1").exit_code == 0
        stored = stored_file()
        (tmp_path / "a" / "b").mkdir(parents=True)
        monkeypatch.chdir(tmp_path / "a" / "b")

        assert invoke("from-config", stored).exit_code == 0

    @pytest.mark.parametrize(
        "username",
        [
            "-bob",
            "--expiry",
            "--",
            "a=b",
            "#bob",
            " bob",
            "bob ",
            "$HOME",
            "'b'",
            '"b"',
            "b\\n",
            "al\u00edce",
        ],
    )
    def test_username_is_the_same(self, sqlite_server: Server, invoke: Invoke, username: str) -> None:
        """Whatever is in it, it names the same user again."""
        insert_user(sqlite_server, 9, username, {})
        assert invoke(*RESET, "--store-config", "--", sqlite_server.path, username).exit_code == 0
        done = invoke("from-config", stored_file())

        match = LINE.fullmatch(done.stdout)
        assert match
        assert match["username"] == username
        assert sqlite_server.opens(username, match["password"])


class TestOutputs:
    """What a result looks like and where it goes is as the first time."""

    def test_format_is_the_same(self, sqlite_server: Server, invoke: Invoke) -> None:
        """A result is JSON again, and so is an error."""
        invoke(*RESET, "--store-config", "--output", "json", sqlite_server.path, "user1")
        stored = stored_file()
        done = invoke("from-config", stored)
        sqlite_server.database.run("UPDATE zato_sso_user SET approval_status = 'rejected'")
        refused = invoke("from-config", stored)

        assert "output=json\n" in stored.read_text()
        assert sqlite_server.opens("user1", json.loads(done.stdout)["password"])
        assert (refused.exit_code, refused.stdout) == (22, "")
        assert json.loads(refused.stderr)["exit_code"] == 22

    def test_file_is_the_same(
        self, sqlite_server: Server, invoke: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """From anywhere it is made at the same place, where it must not be."""
        options = ("--store-config", "--output-file", "out", "--output", "password")
        assert invoke(*RESET, *options, sqlite_server.path, "user1").exit_code == 0
        stored, out = stored_file(), Path("out").absolute()
        monkeypatch.chdir(tmp_path)

        assert invoke("from-config", stored).exit_code == 73
        assert sqlite_server.opens("user1", out.read_text().rstrip())
        out.unlink()
        assert invoke("from-config", stored).exit_code == 0
        assert sqlite_server.opens("user1", out.read_text().rstrip())

    def test_stdout_is_the_same(self, sqlite_server: Server, invoke: Invoke) -> None:
        """What went there as `-` goes there again, not to a file of that name."""
        invoke(*RESET, "--store-config", "--output-file", "-", sqlite_server.path, "user1")
        stored = stored_file()
        done = invoke("from-config", stored)

        assert "output_file" not in stored.read_text()
        assert LINE.fullmatch(done.stdout)

    def test_dry_run_is_one_again(self, sqlite_server: Server, invoke: Invoke) -> None:
        """What changed nothing changes nothing again."""
        invoke(*RESET, "--store-config", "--dry-run", sqlite_server.path, "user1")
        done = invoke("from-config", stored_file())

        assert (done.exit_code, done.stdout) == (0, "")
        assert done.stderr.startswith("Would reset the password of user `user1`")
        assert sqlite_server.opens("user1", OLD)


class TestChange:
    """`zato sso change-user-password`, whose password is stored nowhere."""

    CHANGE = ("sso", "change-user-password", "--store-config", "--expiry", "99")

    def test_password_is_read_again(self, sqlite_server: Server, invoke: Invoke) -> None:
        """What came from stdin comes from there again."""
        invoke(*self.CHANGE, "--password-stdin", sqlite_server.path, "user1", input="first-of-two")
        stored = stored_file()
        done = invoke("from-config", stored, input="second-of-two")

        assert sorted(stored.read_text().splitlines()[1:]) == [
            "command=sso_change_user_password",
            "expiry=99",
            "password_stdin=True",
            f"path={sqlite_server.path}",
            "store_config=True",
            "username=user1",
        ]
        assert (done.exit_code, done.stderr) == (0, "")
        assert done.stdout == "Changed password for user `user1`\n"
        assert sqlite_server.opens("user1", "second-of-two")
        assert stored_values(sqlite_server, "user1") == (99, 0)

    def test_password_is_asked_for(self, sqlite_server: Server, invoke: Invoke) -> None:
        """One that was an argument is not kept, so that somebody must be there to be asked."""
        invoke(*self.CHANGE, "--password", "first-of-two", sqlite_server.path, "user1")
        stored = stored_file()
        done = invoke("from-config", stored, input="second-of-two")

        assert "first-of-two" not in stored.read_text()
        assert (done.exit_code, done.stdout) == (2, "")
        assert "no terminal to ask on" in done.stderr
        assert sqlite_server.opens("user1", "first-of-two")

    def test_password_may_be_written_by_hand(self, sqlite_server: Server, invoke: Invoke) -> None:
        """A file may have it, as those of the stock command may."""
        FILE.write_text(
            f"command=sso_change_user_password\npath={sqlite_server.path}\nusername=user1\n"
            "password=by=hand -- \u2713 \n"
        )
        done = invoke("from-config", FILE)

        assert done.exit_code == 0
        assert sqlite_server.opens("user1", "by=hand -- \u2713 ")


class TestFile:
    """What a file may hold, and what becomes of one that is wrong."""

    def test_may_be_written_by_hand(self, sqlite_server: Server, invoke: Invoke) -> None:
        """Comments, empty lines and blanks around names are no matter, nor is the order."""
        FILE.write_text(
            "\n  # a comment\nusername=changing1\n must_change =off\n\n# expiry=9\nexpiry=3\n"
            f"store_log=False\npath={sqlite_server.path}\ncommand=sso_reset_user_password"
        )

        assert invoke("from-config", FILE).exit_code == 0
        assert stored_values(sqlite_server, "changing1") == (3, 0)
        assert list(Path.cwd().iterdir()) == [FILE.absolute()]

    @pytest.mark.parametrize(
        ("line", "code", "reason"),
        [
            ("no equals sign", 78, "line 4"),
            ("colour=red", 78, "1 line(s)"),
            ("col\x1bour=red", 78, "does not accept"),
            ("store_log=maybe", 78, "store_log is neither"),
            ("expiry=0", 2, "'--expiry'"),
            ("expiry=", 2, "'--expiry'"),
            ("must_change=maybe", 2, "'--must-change'"),
            ("username=", 2, "'USERNAME'"),
            ("username=nobody", 22, "nobody"),
            ("path=/no/such/path", 23, "/no/such/path"),
        ],
    )
    def test_wrong_line_is_told_of(
        self, sqlite_server: Server, invoke: Invoke, line: str, code: int, reason: str
    ) -> None:
        """One line says what is wrong, and nothing is changed."""
        FILE.write_text(
            f"command=sso_reset_user_password\npath={sqlite_server.path}\nusername=user1\n{line}\n"
        )
        done = invoke("from-config", FILE)

        assert (done.exit_code, done.stdout) == (code, "")
        assert re.fullmatch(r"Error: .+\n", done.stderr)
        assert reason in done.stderr
        assert "\x1b" not in done.stderr
        assert sqlite_server.opens("user1", OLD)

    @pytest.mark.parametrize("missing", ["path", "username"])
    def test_argument_is_missing(self, sqlite_server: Server, invoke: Invoke, missing: str) -> None:
        """Without one of its two arguments the command does nothing."""
        lines = {"path": f"path={sqlite_server.path}\n", "username": "username=user1\n"}
        del lines[missing]
        FILE.write_text(f"command=sso_reset_user_password\n{''.join(lines.values())}")
        done = invoke("from-config", FILE)

        assert (done.exit_code, done.stdout) == (2, "")
        assert re.fullmatch(r"Error: Missing argument .+\n", done.stderr)
        assert sqlite_server.opens("user1", OLD)

    @pytest.mark.parametrize("content", ["", "path=/x\n", "command=\n"])
    def test_names_no_command(self, invoke: Invoke, content: str) -> None:
        """A file without a command is nothing to run again."""
        FILE.write_text(content)
        done = invoke("from-config", FILE)

        assert (done.exit_code, done.stdout) == (78, "")
        assert re.fullmatch(r"Error: .+ no `command=`.+\n", done.stderr)

    def test_unknown_argument_is_not_shown(self, sqlite_server: Server, invoke: Invoke) -> None:
        """What stands before a `=` may be a secret, where the file is another."""
        FILE.write_text(f"command=sso_reset_user_password\n{sqlite_server.key}\n")
        done = invoke("from-config", FILE)

        assert (done.exit_code, done.stdout) == (78, "")
        assert sqlite_server.key.rstrip("=") not in done.stderr

    @pytest.mark.parametrize("kind", ["missing", "folder", "FIFO", "device", "binary"])
    def test_is_no_text_file(self, invoke: Invoke, kind: str) -> None:
        """Whatever else is at this path is refused at once, and named."""
        file = FILE
        if kind == "folder":
            file.mkdir()
        elif kind == "FIFO":
            os.mkfifo(file)
        elif kind == "device":
            file = Path("/dev/zero")
        elif kind == "binary":
            file.write_bytes(b"command=\xff\n")
        done = invoke("from-config", file)

        assert (done.exit_code, done.stdout) == (78, "")
        assert re.fullmatch(r"Error: .+\n", done.stderr)
        assert f"`{file}`" in done.stderr

    @given(
        st.lists(
            st.tuples(
                st.sampled_from(
                    ["command=sso_reset_user_password", "path=", "username=", "expiry=", "verbose=", ""]
                ),
                st.text(),
            ).map("".join)
        ).map("\n".join)
    )
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_any_text_has_a_known_outcome(self, invoke: Invoke, text: str) -> None:
        """No file leads to a traceback: it is malformed, misused, or of no server."""
        FILE.write_text(text, newline="")
        done = invoke("from-config", FILE)

        assert done.exit_code in {2, 23, 78}
        assert done.stdout == ""
        assert done.stderr.startswith("Error: ")
        assert done.stderr[:-1].isprintable()
