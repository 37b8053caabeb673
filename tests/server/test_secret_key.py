"""The secret key, seen against the library that stock Zato uses it with."""

import pytest
from cryptography.fernet import Fernet
from hypothesis import given, settings
from hypothesis import strategies as st

from zato_sso_reset.errors import ConfigError
from zato_sso_reset.server.secret_key import SecretKey

KEY = "pSr7m91wRFBJwr626iD6kSUwqh8Dv37mmnN97miYVRY="


class TestSecretKey:
    """`SecretKey`."""

    @settings(deadline=None, max_examples=50)
    @given(st.text())
    def test_seals_what_fernet_opens(self, text: str) -> None:
        """A token is ASCII text from which Fernet gets the same text back."""
        token = SecretKey(KEY).seal(text)

        assert token.isascii()
        assert Fernet(KEY).decrypt(token).decode() == text

    @settings(deadline=None, max_examples=50)
    @given(st.text())
    def test_unseals_what_fernet_sealed(self, text: str) -> None:
        """Any text that Fernet sealed is had back."""
        assert SecretKey(KEY).unseal(Fernet(KEY).encrypt(text.encode()).decode(), "here") == text

    def test_seals_anew_each_time(self) -> None:
        """The same text never gives the same token."""
        assert SecretKey(KEY).seal("text") != SecretKey(KEY).seal("text")

    @pytest.mark.parametrize(
        "key", ["", "key", KEY[:-4], "A" * 64, "ключ", "\udcff", KEY[:-1], "$ZATO_KEY", "zato+stdin:///"]
    )
    def test_refuses_what_is_no_fernet_key(self, key: str) -> None:
        """A key of another length or form is told by where it belongs."""
        with pytest.raises(ConfigError, match=r"\[secret_keys\] key1 of `secrets.conf` is not a Fernet key"):
            SecretKey(key)

    @settings(deadline=None, max_examples=50)
    @given(st.text(st.characters()))
    def test_refuses_what_is_no_token(self, token: str) -> None:
        """A text that is no token at all is told by where it was found."""
        with pytest.raises(ConfigError, match=r"^here can't be decrypted with .* Restore the server's own"):
            SecretKey(KEY).unseal(token, "here")

    @pytest.mark.parametrize(
        "token",
        [
            Fernet(Fernet.generate_key()).encrypt(b"text").decode(),
            Fernet(KEY).encrypt(b"text").decode()[:-8],
            Fernet(KEY).encrypt(b"\xff\xfe").decode(),
        ],
        ids=["of another key", "cut short", "not of a text"],
    )
    def test_refuses_a_token_that_is_damaged(self, token: str) -> None:
        """Another server's token, a part of one, or one of something that is no text is refused."""
        with pytest.raises(ConfigError, match=r"^here can't be decrypted"):
            SecretKey(KEY).unseal(token, "here")

    def test_shows_no_key(self) -> None:
        """Neither `repr` nor `str` of the object has a part of the key."""
        secret_key = SecretKey(KEY)

        for shown in (repr(secret_key), str(secret_key), f"{[secret_key]}"):
            assert KEY[:8] not in shown
            assert "SecretKey(...)" in shown
