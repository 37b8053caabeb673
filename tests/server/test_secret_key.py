"""The secret key: Fernet as stock Zato uses it, where the key comes from, and the proof that it is right."""

import io
import os
import resource
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import TextIO

import pytest
from cryptography.fernet import Fernet
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.server.conftest import read
from tests.support.servers import Server
from zato_sso_reset.errors import ConfigError
from zato_sso_reset.server.config import WELL_KNOWN_DATA
from zato_sso_reset.server.secret_key import SecretKey

KEY = "pSr7m91wRFBJwr626iD6kSUwqh8Dv37mmnN97miYVRY="


def stdin_with(content: bytes) -> TextIO:
    """Return a standard input with this content."""
    return io.TextIOWrapper(io.BytesIO(content), "utf-8")


class TestSecretKey:
    """`SecretKey`."""

    @settings(deadline=None, max_examples=50)
    @given(st.text())
    def test_tokens_are_those_of_fernet(self, text: str) -> None:
        """Fernet decrypts what is sealed, and its own tokens are unsealed; sealing twice differs."""
        token = SecretKey(KEY).seal(text)

        assert token.isascii()
        assert token != SecretKey(KEY).seal(text)
        assert Fernet(KEY).decrypt(token).decode() == text
        assert SecretKey(KEY).unseal(Fernet(KEY).encrypt(text.encode()).decode(), "here") == text

    def test_generated_key_is_a_fernet_key(self) -> None:
        """Each generated key is a new one."""
        Fernet(SecretKey.generate())
        assert SecretKey.generate() != SecretKey.generate()

    def test_key_of_other_tools_is_a_key(self) -> None:
        """`openssl rand -base64 32` prints the characters `+` and `/` instead of `-` and `_`."""
        url_safe = "-_" * 21 + "8="
        other = url_safe.replace("-", "+").replace("_", "/")

        assert SecretKey(other).unseal(Fernet(url_safe).encrypt(b"text").decode(), "here") == "text"

    @pytest.mark.parametrize(
        "key",
        [
            *("", "key", KEY[:-4], "A" * 64, "ключ", "\udcff", KEY[:-1], "$ZATO_KEY", "zato+stdin:///"),
            *(f"{KEY}\n", f"{KEY[:9]} {KEY[9:]}", f"{KEY[:9]}\n\n\n\n{KEY[9:]}"),
        ],
    )
    def test_other_text_is_not_a_key(self, key: str) -> None:
        """The error names the setting, but not its value."""
        with pytest.raises(ConfigError) as caught:
            SecretKey(key)
        assert str(caught.value) == (
            "[secret_keys] key1 of `secrets.conf` is not a Fernet key. Restore the server's own key."
        )

    @pytest.mark.parametrize(
        "token",
        [
            Fernet(Fernet.generate_key()).encrypt(b"text").decode(),
            Fernet(KEY).encrypt(b"text").decode()[:-8],
            Fernet(KEY).encrypt(b"unpadded").decode().rstrip("="),
            Fernet(KEY).encrypt(b"\xff\xfe").decode(),
            *("", "token", "\udcff", "\N{SUPERSCRIPT TWO}", "\0"),
        ],
        ids=["another key", "truncated", "unpadded", "not text", *range(5)],
    )
    def test_damaged_token_is_a_configuration_error(self, token: str) -> None:
        """The error names the source of the token."""
        with pytest.raises(ConfigError) as caught:
            SecretKey(KEY).unseal(token, "here")
        assert str(caught.value) == (
            "here can't be decrypted with [secret_keys] key1 of `secrets.conf`: "
            "one of them is damaged or another server's. Restore the server's own."
        )

    def test_repr_shows_no_key(self) -> None:
        """A key may be printed within another object."""
        assert f"{[SecretKey(KEY)]} {SecretKey(KEY)}" == "[SecretKey(...)] SecretKey(...)"


class TestSources:
    """The sources of key1."""

    @pytest.mark.parametrize(
        ("key1", "variable"),
        [
            ("$ZATO_KEY", "ZATO_KEY"),
            ("$zato_key", "ZATO_KEY"),
            ("overridden", "Zato_Config_Server_secrets__conf_secret_keys_key1"),
        ],
    )
    def test_key_may_be_in_the_environment(self, server1: Server, key1: str, variable: str) -> None:
        """A variable may be named by the setting, or override it."""
        server1.edit("secrets.conf", "secret_keys", key1=key1)

        config = read(server1, {variable: f" {server1.key}\n"})

        assert config.secret_key.unseal(server1.seal("text"), "here") == "text"

    @pytest.mark.parametrize("end", ["", "\n", "\r\n", "\nand more\n"])
    def test_key_may_be_read_from_stdin(self, server1: Server, end: str) -> None:
        """Only the first line is read: a list of users may follow."""
        server1.edit("secrets.conf", "secret_keys", key1="zato+stdin:///")

        stdin = stdin_with(f"{server1.key}{end}".encode())
        config = read(server1, stdin=stdin)

        assert config.secret_key.unseal(server1.seal("text"), "here") == "text"
        assert stdin.read() == end.lstrip("\r\n")

    @pytest.mark.parametrize(
        ("open_stdin", "problem"),
        [
            (lambda: None, "has key1 read from standard input, which is empty. Pipe the key in."),
            (lambda: stdin_with(b""), "which is empty"),
            (lambda: stdin_with(b"\n"), "which is empty"),
            (lambda: stdin_with(b"\xff\xfe\n"), "which is empty"),
            (lambda: stdin_with(b"S3cr3t\n"), "is not a Fernet key"),
            (lambda: stdin_with(b"A" * 1025), "is not a Fernet key"),
            (lambda: os.fdopen(os.open(os.devnull, os.O_WRONLY), encoding="utf-8"), "which is empty"),
        ],
        ids=["closed", "empty", "a blank line", "binary", "not a key", "a long line", "not readable"],
    )
    def test_stdin_without_a_key_is_a_configuration_error(
        self, server1: Server, open_stdin: Callable[[], TextIO | None], problem: str
    ) -> None:
        """The error says what stdin lacks."""
        server1.edit("secrets.conf", "secret_keys", key1="zato+stdin:///")
        stdin = open_stdin()
        try:
            with pytest.raises(ConfigError, match=problem):
                read(server1, stdin=stdin)
        finally:
            if stdin:
                stdin.close()

    def test_endless_line_on_stdin_is_not_read(
        self, server1: Server, process: Callable[..., CompletedProcess[str]]
    ) -> None:
        """The process reads no more than a key's length, and does not fill the memory."""
        server1.edit("secrets.conf", "secret_keys", key1="zato+stdin:///")
        limit = 1 << 30
        with Path("/dev/zero").open("rb") as zeros:
            done = process(
                *("sso", "reset-user-password", server1.path, "user1"),
                stdin=zeros,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
            )

        assert (done.returncode, done.stdout) == (78, "")
        assert "`secrets.conf`" in done.stderr


class TestProof:
    """`[zato] well_known_data`."""

    def test_proof_is_the_one_of_every_zato(self) -> None:
        """Its three dots are three characters."""
        assert WELL_KNOWN_DATA == "3.141592" + 3 * "."

    @pytest.mark.parametrize(
        "text", ["", "3.141592", WELL_KNOWN_DATA + "\n", "3.141592\N{HORIZONTAL ELLIPSIS}"]
    )
    def test_other_data_does_not_prove_the_key(self, server1: Server, text: str) -> None:
        """The decrypted data must be exactly the proof."""
        server1.edit("secrets.conf", "zato", well_known_data=server1.seal(text))

        with pytest.raises(ConfigError) as caught:
            read(server1)
        assert str(caught.value) == (
            f"`{server1.repo}/secrets.conf`: [zato] well_known_data does not prove the secret key. "
            "Restore the server's own."
        )

    def test_secrets_can_not_refer_to_secrets(self, server1: Server) -> None:
        """The key is needed before any secret can be read."""
        server1.edit("secrets.conf", "zato", well_known_data="zato+secret://zato.other")

        with pytest.raises(ConfigError) as caught:
            read(server1)
        assert str(caught.value) == (
            "`secrets.conf` refers to one of its own secrets. Replace the reference by its value."
        )
