"""Where a server's secret key comes from, and the proof that it is the right one."""

import io
import os
import resource
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import TextIO

import pytest
from cryptography.fernet import Fernet

from tests.server.conftest import read
from tests.support.servers import Server
from zato_sso_reset.errors import ConfigError
from zato_sso_reset.server.config import WELL_KNOWN_DATA


def stream(content: bytes) -> TextIO:
    """Return a standard input with this in it."""
    return io.TextIOWrapper(io.BytesIO(content), "utf-8")


class TestSecretKey:
    """Where key1 is, and the proof that it is the right one."""

    @pytest.mark.parametrize("spelling", ["$ZATO_KEY", "$zato_key", "$Zato_Key"])
    def test_may_be_in_the_environment(self, server1: Server, spelling: str) -> None:
        """A name is looked up upper-cased."""
        server1.edit("secrets.conf", "secret_keys", key1=spelling)

        config = read(server1, env={"ZATO_KEY": server1.key})

        assert config.secret_key.unseal(server1.seal("text"), "here") == "text"

    def test_may_be_overridden(self, server1: Server) -> None:
        """The variable of the setting itself stands above the file."""
        server1.edit("secrets.conf", "secret_keys", key1="overridden")

        config = read(server1, {"Zato_Config_Server_secrets__conf_secret_keys_key1": server1.key})

        assert config.secret_key.unseal(server1.seal("text"), "here") == "text"

    @pytest.mark.parametrize("end", ["", "\n", "\r\n", "\nand more\n"])
    def test_may_come_from_standard_input(self, server1: Server, end: str) -> None:
        """The first line is the key; what follows is left for others, as a list of users may."""
        server1.edit("secrets.conf", "secret_keys", key1="zato+stdin:///")

        stdin = stream(f"{server1.key}{end}".encode())
        config = read(server1, stdin=stdin)

        assert config.secret_key.unseal(server1.seal("text"), "here") == "text"
        assert stdin.read() == end.lstrip("\r\n")

    @pytest.mark.parametrize(
        "open_stdin",
        [
            lambda: None,
            lambda: stream(b""),
            lambda: stream(b"\n"),
            lambda: stream(b"\xff\xfe\n"),
            lambda: stream(b"S3cr3t\n"),
            lambda: os.fdopen(os.open(os.devnull, os.O_WRONLY), encoding="utf-8"),
        ],
        ids=["closed", "empty", "a blank line", "binary", "no key", "not readable"],
    )
    def test_says_that_standard_input_has_none(
        self, server1: Server, open_stdin: Callable[[], TextIO | None]
    ) -> None:
        """Without a key on standard input there is nothing to go on with."""
        server1.edit("secrets.conf", "secret_keys", key1="zato+stdin:///")
        stdin = open_stdin()
        try:
            with pytest.raises(ConfigError, match=r"`secrets.conf`"):
                read(server1, stdin=stdin)
        finally:
            if stdin:
                stdin.close()

    def test_endless_line_on_standard_input_is_not_read(
        self, server1: Server, process: Callable[..., CompletedProcess[str]]
    ) -> None:
        """No more than a key's length is read: the process does not fill the memory."""
        server1.edit("secrets.conf", "secret_keys", key1="zato+stdin:///")
        limit = 1 << 30
        with Path("/dev/zero").open("rb") as zeros:
            done = process(
                "sso",
                "reset-user-password",
                server1.path,
                "user1",
                stdin=zeros,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
            )

        assert (done.returncode, done.stdout) == (78, "")
        assert "`secrets.conf`" in done.stderr

    def test_must_be_that_of_this_server(self, server1: Server) -> None:
        """Another server's key is found out, by what it can't decrypt."""
        server1.edit("secrets.conf", "secret_keys", key1=Fernet.generate_key().decode())

        with pytest.raises(ConfigError, match=r"secrets.conf`: \[zato\] well_known_data can't be decrypted"):
            read(server1)

    @pytest.mark.parametrize(
        "text", ["", "3.141592", WELL_KNOWN_DATA + "\n", "3.141592\N{HORIZONTAL ELLIPSIS}"]
    )
    def test_must_decrypt_the_proof_exactly(self, server1: Server, text: str) -> None:
        """A proof that says anything else proves nothing."""
        server1.edit("secrets.conf", "zato", well_known_data=server1.seal(text))

        with pytest.raises(ConfigError, match=r"well_known_data is not the data that proves the key"):
            read(server1)

    def test_proof_is_eleven_characters(self) -> None:
        """The proof is what every Zato has, its three dots included."""
        assert WELL_KNOWN_DATA == "3.141592" + 3 * "."

    def test_is_not_kept_as_a_secret_of_its_own(self, server1: Server) -> None:
        """`secrets.conf` can't point to itself."""
        server1.edit("secrets.conf", "zato", well_known_data="zato+secret://zato.other")

        with pytest.raises(ConfigError, match=r"`secrets.conf` refers to a secret of its own"):
            read(server1)
