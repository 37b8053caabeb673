"""Passwords that nobody chose."""

import os
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass

from zato_sso_reset.domain.policy import PasswordPolicy
from zato_sso_reset.errors import PasswordRefusedError

PASSWORD_BYTES = 24
"""192 bits, as stock Zato's: 32 characters of URL-safe base64."""

ATTEMPTS = 100
"""A policy that refuses this many random passwords refuses all of them, for any practical purpose."""


@dataclass(frozen=True)
class PasswordGenerator:
    """Generates passwords from `random_bytes` until `policy` takes one."""

    policy: PasswordPolicy
    random_bytes: Callable[[int], bytes] = os.urandom

    def generate(self) -> str:
        """Return a password of 32 characters, 192 bits of randomness.

        Raises:
            PasswordRefusedError: the policy refused all of `ATTEMPTS` passwords.
        """
        for _ in range(ATTEMPTS):
            password = urlsafe_b64encode(self.random_bytes(PASSWORD_BYTES)).decode("ascii")
            refusal = self.policy.refusal(password)
            if refusal is None:
                return password
        raise PasswordRefusedError(
            f"The server's password policy refuses every generated password: {refusal}. "
            "Relax [password] in `sso.conf`, or override it in `sso.toml`."
        )
