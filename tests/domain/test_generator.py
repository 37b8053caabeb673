"""Password generation."""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zato_sso_reset.domain.generator import PasswordGenerator
from zato_sso_reset.domain.policy import PasswordPolicy
from zato_sso_reset.errors import PasswordRefusedError

LENIENT = PasswordPolicy(min_length=8, max_length=256)


class TestPasswordGenerator:
    """`PasswordGenerator`."""

    @settings(deadline=None, max_examples=50)
    @given(st.binary(min_size=24, max_size=24))
    def test_password_keeps_all_192_bits(self, chunk: bytes) -> None:
        """The 32 URL-safe characters decode to all 24 random bytes."""
        password = PasswordGenerator(LENIENT, {24: chunk}.__getitem__).generate()

        assert len(password) == 32
        assert urlsafe_b64decode(password) == chunk

    def test_randomness_is_the_systems(self) -> None:
        """No two passwords are the same."""
        generator = PasswordGenerator(LENIENT)

        assert generator.random_bytes is os.urandom
        assert len({generator.generate() for _ in range(100)}) == 100

    def test_refused_password_is_replaced(self) -> None:
        """A password that the policy refuses is never returned; the next one is."""
        refused, accepted = urlsafe_b64decode("xxPassWordxx".ljust(32, "A")), bytes(24)
        chunks = iter([refused, accepted])
        policy = PasswordPolicy(min_length=8, max_length=256, reject_list=("password",))

        password = PasswordGenerator(policy, lambda _: next(chunks)).generate()

        assert password == urlsafe_b64encode(accepted).decode()

    @pytest.mark.parametrize("start", ["gAAA", "zato.secf."])
    def test_password_like_an_encrypted_one_is_replaced(self, start: str) -> None:
        """As stock does not: its API would try to decrypt it."""
        assert LENIENT.refusal(f"{start}bcdefgh")
        assert LENIENT.refusal(f"x{start}bcdefgh") is None
        chunks = iter([urlsafe_b64decode("gAAA".ljust(32, "b")), bytes(24)])

        assert PasswordGenerator(LENIENT, lambda _: next(chunks)).generate() == "A" * 32

    @pytest.mark.parametrize(
        ("policy", "rule"),
        [
            (PasswordPolicy(min_length=33, max_length=256), "it is shorter than min_length=33"),
            (PasswordPolicy(min_length=8, max_length=31), "it is longer than max_length=31"),
            (PasswordPolicy(8, 256, reject_list=("aaaa",)), "it contains a line of reject_list"),
        ],
    )
    def test_policy_that_refuses_everything_is_an_error(self, policy: PasswordPolicy, rule: str) -> None:
        """After a hundred passwords the error names the rule and the remedy, but no password."""
        chunks = iter([bytes(24)] * 100)

        with pytest.raises(PasswordRefusedError) as caught:
            PasswordGenerator(policy, lambda _: next(chunks)).generate()

        assert str(caught.value) == (
            f"The server's password policy refuses every generated password: {rule}. "
            "Relax [password] in `sso.conf`, or override it in `sso.toml`."
        )
        assert not list(chunks)
