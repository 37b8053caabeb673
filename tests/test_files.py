"""Reading a server's files, and making files that nobody else can read."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.limits import without_privileges
from zato_sso_reset.errors import ConfigError, FileNotMadeError, PermissionDeniedError
from zato_sso_reset.files import MAX_SIZE, new_private_file, read_text


def make_folder(path: Path) -> None:
    """Make a folder where a file belongs."""
    path.mkdir()


def make_socket(path: Path) -> None:
    """Make a socket where a file belongs."""
    os.chdir(path.parent)  # a socket's path may have 107 bytes
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)


def link_to_device(path: Path) -> None:
    """Link to a device that never ends."""
    path.symlink_to("/dev/zero")


def link_to_itself(path: Path) -> None:
    """Make a link that leads nowhere but to itself."""
    path.symlink_to(path)


class TestReadText:
    """`read_text`."""

    @settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.text(st.characters(codec="utf-8", exclude_characters="\0\ufeff")))
    def test_returns_the_text_as_it_is(self, tmp_path: Path, text: str) -> None:
        """Line ends, letters of any script and the empty text come back unchanged."""
        path = tmp_path / "file"
        path.write_bytes(text.encode())

        assert read_text(path) == text

    def test_takes_off_a_byte_order_mark(self, tmp_path: Path) -> None:
        """What some editors put before the first line is no part of it."""
        path = tmp_path / "file"
        path.write_bytes(b"\xef\xbb\xbf[main]\n")

        assert read_text(path) == "[main]\n"

    def test_takes_a_file_of_just_the_size(self, tmp_path: Path) -> None:
        """A file of 1 MiB is read, one byte more is refused."""
        path = tmp_path / "file"
        path.write_bytes(b"x" * MAX_SIZE)
        assert len(read_text(path)) == MAX_SIZE

        path.write_bytes(b"x" * (MAX_SIZE + 1))
        with pytest.raises(ConfigError, match="file` is larger than 1 MiB"):
            read_text(path)

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (make_folder, "can't be read: Is a directory"),
            (os.mkfifo, "is not a regular file"),
            (make_socket, "can't be read: No such device or address"),
            (link_to_device, "is not a regular file"),
            (link_to_itself, "can't be read: Too many levels of symbolic links"),
        ],
    )
    def test_refuses_what_is_no_file(
        self, tmp_path: Path, make: Callable[[Path], None], message: str
    ) -> None:
        """A folder, a FIFO, a socket, a device, a loop: each is named, and none is waited on."""
        path = tmp_path / "sso.conf"
        make(path)

        with pytest.raises(ConfigError, match=f"sso.conf` {message}"):
            read_text(path)

    def test_says_that_a_file_is_missing(self, tmp_path: Path) -> None:
        """A file that is not there is named, its control characters escaped."""
        with pytest.raises(ConfigError, match=r"a\\x1bb` is missing"):
            read_text(tmp_path / "a\x1bb")

    def test_says_that_a_file_may_not_be_read(self, tmp_path: Path) -> None:
        """A file of somebody else is a matter of permissions, not of configuration."""
        path = tmp_path / "secrets.conf"
        path.touch(0o000)

        with without_privileges(), pytest.raises(PermissionDeniedError, match=r"secrets.conf` may not be"):
            read_text(path)

    @pytest.mark.parametrize("binary", [b"\xff\xfe", b"caf\xe9", b"\0", b"\xed\xa0\x80"])
    @pytest.mark.parametrize("line", [1, 3])
    def test_names_the_line_that_is_no_text(self, tmp_path: Path, binary: bytes, line: int) -> None:
        """Bytes that are not UTF-8, and NUL, are told by file and line."""
        path = tmp_path / "file"
        path.write_bytes(b"key=value\n" * (line - 1) + b"key=" + binary + b"\nkey=value\n")

        with pytest.raises(ConfigError, match=f"file`, line {line}: this is not UTF-8 text"):
            read_text(path)


class TestNewPrivateFile:
    """`new_private_file`."""

    def test_makes_a_file_for_its_owner_alone(self, tmp_path: Path) -> None:
        """Whatever the umask allows, nobody else can read what is written."""
        path = tmp_path / "file"
        before = os.umask(0)
        try:
            with new_private_file(path) as file:
                file.write("Ιωαννης\n")
        finally:
            os.umask(before)

        assert path.stat().st_mode & 0o777 == 0o600
        assert path.read_bytes() == "Ιωαννης\n".encode()

    def test_never_writes_to_a_file_that_is_there(self, tmp_path: Path) -> None:
        """A file that is there keeps its content."""
        path = tmp_path / "file"
        path.write_text("mine")

        with pytest.raises(FileNotMadeError, match="file` can't be made: File exists"):
            new_private_file(path)
        assert path.read_text() == "mine"

    def test_does_not_follow_a_link(self, tmp_path: Path) -> None:
        """A link laid in the way does not lead the content elsewhere."""
        (tmp_path / "link").symlink_to(tmp_path / "elsewhere")

        with pytest.raises(FileNotMadeError, match="link` can't be made: File exists"):
            new_private_file(tmp_path / "link")
        assert not (tmp_path / "elsewhere").exists()

    def test_says_why_it_can_not(self, tmp_path: Path) -> None:
        """A folder that is missing is told as the reason."""
        with pytest.raises(FileNotMadeError, match="can't be made: No such file or directory"):
            new_private_file(tmp_path / "missing" / "file")
