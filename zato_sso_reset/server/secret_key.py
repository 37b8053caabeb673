"""The secret key of a server, which seals its secrets and its users' hashes."""

from contextlib import suppress

from zato_sso_reset.errors import ConfigError


class SecretKey:
    """A Fernet key: URL-safe base64 of 32 bytes."""

    def __init__(self, key: str) -> None:
        """Create a key from its text; raise ConfigError if it is not a Fernet key."""
        from cryptography.fernet import Fernet

        with suppress(ValueError):
            self._fernet = Fernet(key.encode())
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
            return self._fernet.decrypt(token.encode()).decode()
        problem = "one of them is damaged or another server's."
        message = f"{source} can't be decrypted with [secret_keys] key1 of `secrets.conf`: {problem}"
        raise ConfigError(message, "Restore the server's own.")
