"""The secret key of a server, which seals its secrets and its users' hashes."""

import re
from contextlib import suppress

from zato_sso_reset.errors import ConfigError


class SecretKey:
    """A Fernet key: URL-safe base64 of 32 bytes."""

    def __init__(self, key: str) -> None:
        """Create a key from its text; raise ConfigError if it is not a Fernet key."""
        from cryptography.fernet import Fernet

        with suppress(ValueError):
            self._fernet = Fernet(_strict_base64(key))
            return
        # The suppressed error may hold the key.
        message = "[secret_keys] key1 of `secrets.conf` is not a Fernet key."
        raise ConfigError(message, "Restore the server's own key.")

    def __repr__(self) -> str:
        return "SecretKey(...)"

    @staticmethod
    def generate() -> str:
        """Return the text of a new key."""
        from cryptography.fernet import Fernet

        return Fernet.generate_key().decode()

    def seal(self, text: str) -> str:
        """Return `text` encrypted, as an ASCII token."""
        return self._fernet.encrypt(text.encode()).decode()

    def unseal(self, token: str, source: str) -> str:
        """Return the text of a token from `source`; raise ConfigError if it is corrupt or of another key."""
        from cryptography.fernet import InvalidToken

        with suppress(InvalidToken, ValueError):
            return self._fernet.decrypt(_strict_base64(token)).decode()
        problem = "one of them is damaged or another server's."
        message = f"{source} can't be decrypted with [secret_keys] key1 of `secrets.conf`: {problem}"
        raise ConfigError(message, "Restore the server's own.")


def _strict_base64(text: str) -> str:
    """Return URL-safe base64, or raise ValueError; Python 3.15 accepts it unpadded, and warns about `+`."""
    if len(text) % 4 or not re.fullmatch("[-+/_A-Za-z0-9]+={0,2}", text):
        raise ValueError
    return text.replace("+", "-").replace("/", "_")
