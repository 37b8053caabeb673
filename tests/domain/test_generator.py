"""Generated passwords."""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zato_sso_reset.domain.generator import PasswordGenerator
from zato_sso_reset.domain.policy import PasswordPolicy
from zato_sso_reset.errors import PasswordRefusedError

LENIENT = PasswordPolicy(min_length=8, max_length=256)


def in_turn(*chunks: bytes) -> Callable[[int], bytes]:
    """Return a source of randomness that gives `chunks`, and sees that each is asked for whole."""
    left = iter(chunks)

    def random_bytes(count: int) -> bytes:
        chunk = next(left)
        assert len(chunk) == count
        return chunk

    return random_bytes


class TestPasswordGenerator:
    """`PasswordGenerator`."""

    @settings(deadline=None, max_examples=50)
    @given(st.binary(min_size=24, max_size=24))
    def test_keeps_all_192_bits(self, chunk: bytes) -> None:
        """The password is 32 URL-safe characters, from which all 24 random bytes can be had back."""
        password = PasswordGenerator(LENIENT, in_turn(chunk)).generate()

        assert len(password) == 32
        assert urlsafe_b64decode(password) == chunk

    def test_takes_its_randomness_from_the_system(self) -> None:
        """Without a source of its own, no two passwords are the same."""
        generator = PasswordGenerator(LENIENT)

        assert generator.random_bytes is os.urandom
        assert len({generator.generate() for _ in range(100)}) == 100

    def test_generates_again_what_the_policy_refuses(self) -> None:
        """A password with a rejected word in it is never returned; the next one is."""
        refused, taken = urlsafe_b64decode("xxPassWordxx".ljust(32, "A")), bytes(24)
        policy = PasswordPolicy(min_length=8, max_length=256, reject_list=("password",))

        password = PasswordGenerator(policy, in_turn(refused, taken)).generate()

        assert password == urlsafe_b64encode(taken).decode()

    @pytest.mark.parametrize(
        ("policy", "rule"),
        [
            (PasswordPolicy(min_length=33, max_length=256), "it is shorter than min_length=33"),
            (PasswordPolicy(min_length=8, max_length=31), "it is longer than max_length=31"),
            (PasswordPolicy(8, 256, reject_list=tuple("abcdefghij")), "it contains a line of reject_list"),
        ],
    )
    def test_gives_up_on_a_policy_that_takes_none(self, policy: PasswordPolicy, rule: str) -> None:
        """A policy that refuses every password is told, with the rule that does it and how to mend it."""
        with pytest.raises(PasswordRefusedError, match=f"{rule}. Relax .password. in `sso.conf`"):
            PasswordGenerator(policy).generate()

    def test_tries_a_bounded_number_of_times(self) -> None:
        """A policy that refuses for ever is asked a hundred times, and no password is in the error."""
        asked: list[int] = []

        def random_bytes(count: int) -> bytes:
            asked.append(count)
            return bytes(count)

        with pytest.raises(PasswordRefusedError) as caught:
            PasswordGenerator(PasswordPolicy(40, 256), random_bytes).generate()

        assert asked == [24] * 100
        assert "AAAA" not in str(caught.value)
