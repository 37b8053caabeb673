"""Bounded reads, and private files."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.limits import without_privileges
from zato_sso_reset.errors import ConfigError, FileNotMadeError, PermissionDeniedError
from zato_sso_reset.files import MAX_SIZE, create_private_file, read_text


def make_socket(path: Path) -> None:
    """Create a socket."""
    os.chdir(path.parent)  # a socket's path may have 107 bytes
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)


class TestReadText:
    """`read_text`."""

    @settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.text(st.characters(codec="utf-8", exclude_characters="\0\ufeff")))
    def test_text_is_unchanged(self, tmp_path: Path, text: str) -> None:
        """Line ends, letters of any script and the empty text are kept."""
        path = tmp_path / "file"
        path.write_bytes(text.encode())

        assert read_text(path) == text

    def test_byte_order_mark_is_removed(self, tmp_path: Path) -> None:
        """Some editors write one."""
        path = tmp_path / "file"
        path.write_bytes(b"\xef\xbb\xbf[main]\n")

        assert read_text(path) == "[main]\n"

    def test_size_is_limited(self, tmp_path: Path) -> None:
        """A config file of 1 MiB is read; one byte more is refused."""
        path = tmp_path / "file"
        path.write_bytes(b"x" * MAX_SIZE)
        assert len(read_text(path)) == MAX_SIZE

        path.write_bytes(b"x" * (MAX_SIZE + 1))
        with pytest.raises(ConfigError, match="file` is larger than 1 MiB"):
            read_text(path)

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (Path.mkdir, "can't be read: Is a directory"),
            (os.mkfifo, "is not a regular file"),
            (make_socket, "can't be read: No such device or address"),
            (lambda path: path.symlink_to("/dev/zero"), "is not a regular file"),
            (lambda path: path.symlink_to(path), "can't be read: Too many levels of symbolic links"),
        ],
        ids=["folder", "FIFO", "socket", "device", "loop"],
    )
    def test_other_kinds_of_file_are_refused(
        self, tmp_path: Path, make: Callable[[Path], None], message: str
    ) -> None:
        """A config file: the message names it, and the command does not wait."""
        path = tmp_path / "sso.conf"
        make(path)

        with pytest.raises(ConfigError, match=f"sso.conf` {message}"):
            read_text(path)

    def test_missing_file_is_named(self, tmp_path: Path) -> None:
        """Control characters in its name are escaped."""
        with pytest.raises(ConfigError, match=r"a\\x1bb` is missing"):
            read_text(tmp_path / "a\x1bb")

    def test_unreadable_file_is_a_permission_error(self, tmp_path: Path) -> None:
        """It is not an error in the configuration."""
        path = tmp_path / "secrets.conf"
        path.touch(0o000)

        with without_privileges(), pytest.raises(PermissionDeniedError, match=r"secrets.conf` may not be"):
            read_text(path)

    @pytest.mark.parametrize("binary", [b"\xff\xfe", b"caf\xe9", b"\0", b"\xed\xa0\x80"])
    @pytest.mark.parametrize("line", [1, 3])
    def test_line_that_is_not_text_is_named(self, tmp_path: Path, binary: bytes, line: int) -> None:
        """Its content is not shown."""
        path = tmp_path / "file"
        path.write_bytes(b"key=value\n" * (line - 1) + b"key=" + binary + b"\nkey=value\n")

        with pytest.raises(ConfigError, match=f"file`, line {line}: not UTF-8 text"):
            read_text(path)


class TestCreatePrivateFile:
    """`create_private_file`."""

    def test_only_the_owner_has_access(self, tmp_path: Path) -> None:
        """The umask does not matter."""
        path = tmp_path / "file"
        before = os.umask(0)
        try:
            with create_private_file(path) as file:
                file.write("Ιωαννης\n")
        finally:
            os.umask(before)

        assert path.stat().st_mode & 0o777 == 0o600
        assert path.read_bytes() == "Ιωαννης\n".encode()

    @pytest.mark.parametrize(
        ("name", "reason"),
        [("file", "File exists"), ("link", "File exists"), ("missing/file", "No such file or directory")],
    )
    def test_existing_file_and_link_are_refused(self, tmp_path: Path, name: str, reason: str) -> None:
        """A file keeps its content, and a link is not followed; a missing folder is the third reason."""
        (tmp_path / "file").write_text("mine")
        (tmp_path / "link").symlink_to(tmp_path / "elsewhere")

        with pytest.raises(FileNotMadeError, match=f"{name}` can't be created: {reason}"):
            create_private_file(tmp_path / name)
        assert (tmp_path / "file").read_text() == "mine"
        assert not (tmp_path / "elsewhere").exists()
