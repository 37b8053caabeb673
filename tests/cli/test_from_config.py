"""`zato from-config`: commands run again from the file of --store-config."""

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cli.conftest import RESET, Invoke, Process, delivered_password, error_line
from tests.support.bulk import as_time
from tests.support.servers import OLD, Server, insert_user

FILE = Path("zato.config")


@pytest.fixture(autouse=True)
def _no_stock_zato(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Leave no stock zato on PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))


def stored_file() -> Path:
    """Return the file that --store-config created in the current directory."""
    [file] = Path.cwd().glob("zato.*.config")
    return file


def stored_values(server: Server, username: str) -> tuple[int, int]:
    """Return the days until a password expires, counted from its change, and the must-change flag."""
    row = server.database.row(username)
    lasts = as_time(row["password_expiry"]) - as_time(row["password_last_set"])
    return lasts // timedelta(days=1), row["password_must_change"]


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
        """The second run generates another password."""
        first = invoke(*RESET, "--store-config", *options, sqlite_server.path, "changing1")
        sqlite_server.database.run(
            "UPDATE zato_sso_user SET password_expiry = password_last_set, password_must_change = 1"
        )
        second = invoke("from-config", stored_file())

        assert second.exit_code == 0
        assert second.stderr == first.stderr
        assert first.stdout != second.stdout
        assert sqlite_server.opens("changing1", delivered_password(second.stdout, "changing1"))
        assert stored_values(sqlite_server, "changing1") == expected

    def test_log_and_stored_arguments_are_new_files(self, sqlite_server: Server, process: Process) -> None:
        """--verbose works again too."""
        first = process(*RESET, "--store-log", "--store-config", "--verbose", sqlite_server.path, "user1")
        contents = {file: file.read_bytes() for file in Path.cwd().iterdir()}
        second = process("from-config", stored_file())

        assert (second.returncode, second.stderr.splitlines()[1:]) == (0, first.stderr.splitlines()[1:])
        assert len(list(Path.cwd().glob("zato.*.config"))) == 2
        assert len(list(Path.cwd().glob("zato.*.log"))) == 2
        assert {file: file.read_bytes() for file in contents} == contents

    @pytest.mark.usefixtures("sqlite_server")
    def test_relative_path_works_from_another_directory(
        self, invoke: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """It is stored as an absolute path."""
        assert invoke(*RESET, "--store-config", Path("..", "server1"), "user1").exit_code == 0
        stored = stored_file()
        (tmp_path / "a" / "b").mkdir(parents=True)
        monkeypatch.chdir(tmp_path / "a" / "b")

        assert invoke("from-config", stored).exit_code == 0

    @pytest.mark.parametrize(
        "username",
        [
            *("-bob", "--expiry", "--", "a=b", "#bob", " bob", "bob "),
            *("$HOME", "'b'", '"b"', "b\\n", "al\u00edce"),
        ],
    )
    def test_username_is_the_same(self, sqlite_server: Server, invoke: Invoke, username: str) -> None:
        """No character changes its meaning in the file."""
        insert_user(sqlite_server, 9, username, {})
        assert invoke(*RESET, "--store-config", "--", sqlite_server.path, username).exit_code == 0
        done = invoke("from-config", stored_file())

        assert sqlite_server.opens(username, delivered_password(done.stdout, username))


class TestOutputs:
    """The format and the destination of the result."""

    def test_json_is_stored(self, sqlite_server: Server, invoke: Invoke) -> None:
        """Results and errors are JSON again."""
        invoke(*RESET, "--store-config", "--output", "json", sqlite_server.path, "user1")
        stored = stored_file()
        done = invoke("from-config", stored)

        assert "output=json\n" in stored.read_text()
        assert sqlite_server.opens("user1", json.loads(done.stdout)["password"])
        sqlite_server.database.run("UPDATE zato_sso_user SET approval_status = 'rejected'")
        refused = invoke("from-config", stored)
        assert (refused.exit_code, refused.stdout) == (22, "")
        assert json.loads(refused.stderr)["exit_code"] == 22

    def test_output_file_is_stored(
        self, sqlite_server: Server, invoke: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """Its path is absolute, and it must not exist when the command runs again."""
        options = ("--store-config", "--output-file", "out", "--output", "password")
        assert invoke(*RESET, *options, sqlite_server.path, "user1").exit_code == 0
        stored, out = stored_file(), Path("out").absolute()
        monkeypatch.chdir(tmp_path)

        error_line(invoke("from-config", stored), 73)
        assert sqlite_server.opens("user1", out.read_text().rstrip())
        out.unlink()
        assert invoke("from-config", stored).exit_code == 0
        assert sqlite_server.opens("user1", out.read_text().rstrip())

    def test_stdout_is_stored_as_the_default(self, sqlite_server: Server, invoke: Invoke) -> None:
        """`-` does not become a file of that name."""
        invoke(*RESET, "--store-config", "--output-file", "-", sqlite_server.path, "user1")

        assert "output_file" not in stored_file().read_text()
        assert delivered_password(invoke("from-config", stored_file()).stdout)

    def test_dry_run_is_stored(self, sqlite_server: Server, invoke: Invoke) -> None:
        """The second run changes nothing either."""
        invoke(*RESET, "--store-config", "--dry-run", sqlite_server.path, "user1")
        done = invoke("from-config", stored_file())

        assert (done.exit_code, done.stdout) == (0, "")
        assert done.stderr.startswith("Would reset the password of user `user1`")
        assert sqlite_server.opens("user1", OLD)


class TestChange:
    """`zato sso change-user-password`, whose password is never stored."""

    CHANGE = ("sso", "change-user-password", "--store-config", "--expiry", "99")

    def test_password_from_stdin_is_read_again(self, sqlite_server: Server, invoke: Invoke) -> None:
        """The option is stored, the password is not."""
        invoke(*self.CHANGE, "--password-stdin", sqlite_server.path, "user1", input="first-of-two")
        stored = stored_file()
        done = invoke("from-config", stored, input="second-of-two")

        assert sorted(stored.read_text().splitlines()[1:]) == [
            *("command=sso_change_user_password", "expiry=99", "password_stdin=True"),
            *(f"path={sqlite_server.path}", "store_config=True", "username=user1"),
        ]
        assert (done.exit_code, done.stderr) == (0, "")
        assert done.stdout == "Changed password for user `user1`\n"
        assert sqlite_server.opens("user1", "second-of-two")
        assert stored_values(sqlite_server, "user1") == (99, 0)

    def test_password_from_the_option_is_prompted_for(self, sqlite_server: Server, invoke: Invoke) -> None:
        """Without a terminal to ask on, the second run is refused."""
        invoke(*self.CHANGE, "--password", "first-of-two", sqlite_server.path, "user1")

        assert "first-of-two" not in stored_file().read_text()
        error = error_line(invoke("from-config", stored_file(), input="second-of-two"), 2)
        assert "no terminal to ask on" in error
        assert sqlite_server.opens("user1", "first-of-two")

    def test_password_in_the_file_is_used(self, sqlite_server: Server, invoke: Invoke) -> None:
        """A file written by hand may have one, as for the stock command."""
        FILE.write_text(
            f"command=sso_change_user_password\npath={sqlite_server.path}\nusername=user1\n"
            "password=by=hand -- \u2713 \n"
        )

        assert invoke("from-config", FILE).exit_code == 0
        assert sqlite_server.opens("user1", "by=hand -- \u2713 ")


class TestFile:
    """The syntax of the file, and errors in it."""

    def test_comments_blanks_and_order_do_not_matter(self, sqlite_server: Server, invoke: Invoke) -> None:
        """A file may be written by hand."""
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
            ("colour=red", 78, "1 line that"),
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
    def test_wrong_line_is_an_error(
        self, sqlite_server: Server, invoke: Invoke, line: str, code: int, reason: str
    ) -> None:
        """Nothing is changed."""
        FILE.write_text(
            f"command=sso_reset_user_password\npath={sqlite_server.path}\nusername=user1\n{line}\n"
        )

        assert reason in error_line(invoke("from-config", FILE), code)
        assert sqlite_server.opens("user1", OLD)

    @pytest.mark.parametrize("missing", ["path", "username"])
    def test_missing_argument_is_a_usage_error(
        self, sqlite_server: Server, invoke: Invoke, missing: str
    ) -> None:
        """Both arguments are required."""
        lines = {"path": f"path={sqlite_server.path}\n", "username": "username=user1\n"}
        del lines[missing]
        FILE.write_text(f"command=sso_reset_user_password\n{''.join(lines.values())}")

        assert error_line(invoke("from-config", FILE), 2).startswith("Error: Missing argument ")
        assert sqlite_server.opens("user1", OLD)

    @pytest.mark.parametrize("content", ["", "path=/x\n", "command=\n"])
    def test_missing_command_is_an_error(self, invoke: Invoke, content: str) -> None:
        """The error names the missing line."""
        FILE.write_text(content)

        assert " no `command=`" in error_line(invoke("from-config", FILE), 78)

    def test_unknown_argument_is_not_shown(self, sqlite_server: Server, invoke: Invoke) -> None:
        """In another kind of file, the text before a `=` may be a secret."""
        FILE.write_text(f"command=sso_reset_user_password\n{sqlite_server.key}\n")

        assert sqlite_server.key.rstrip("=") not in error_line(invoke("from-config", FILE), 78)

    @pytest.mark.parametrize("kind", ["missing", "folder", "FIFO", "device", "binary"])
    def test_other_kinds_of_file_are_errors(self, invoke: Invoke, kind: str) -> None:
        """The file is named, and a FIFO does not block."""
        file = FILE
        if kind == "folder":
            file.mkdir()
        elif kind == "FIFO":
            os.mkfifo(file)
        elif kind == "device":
            file = Path("/dev/zero")
        elif kind == "binary":
            file.write_bytes(b"command=\xff\n")

        assert f"`{file}`" in error_line(invoke("from-config", file), 78)

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
    def test_any_text_has_a_documented_exit_code(self, invoke: Invoke, text: str) -> None:
        """No file causes a traceback."""
        FILE.write_text(text, newline="")
        done = invoke("from-config", FILE)

        assert done.exit_code in {2, 23, 78}
        error_line(done, done.exit_code)
