"""Password generation."""

import os
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass

from zato_sso_reset.domain.policy import PasswordPolicy
from zato_sso_reset.errors import PasswordRefusedError

PASSWORD_BYTES = 24  # 192 bits, as in stock Zato: 32 characters of URL-safe base64
ATTEMPTS = 100  # a policy that refuses this many random passwords is assumed to refuse all of them


@dataclass(frozen=True)
class PasswordGenerator:
    """Generates passwords that comply with `policy`, from `random_bytes`."""

    policy: PasswordPolicy
    random_bytes: Callable[[int], bytes] = os.urandom

    def generate(self) -> str:
        """Return a password of 32 characters with 192 bits of randomness.

        Raises PasswordRefusedError if the policy refused `ATTEMPTS` passwords in a row.
        """
        for _ in range(ATTEMPTS):
            password = urlsafe_b64encode(self.random_bytes(PASSWORD_BYTES)).decode()
            refusal = self.policy.refusal(password)
            if refusal is None:
                return password
        message = f"The server's password policy refuses every generated password: {refusal}."
        raise PasswordRefusedError(message, "Relax [password] in `sso.conf`, or override it in `sso.toml`.")
