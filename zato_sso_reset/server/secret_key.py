"""The secret key of a server, which seals its secrets and its users' hashes."""

from contextlib import suppress

from zato_sso_reset.errors import ConfigError


class SecretKey:
    """A Fernet key (URL-safe base64 of 32 bytes)."""

    def __init__(self, key: str) -> None:
        """Take the key as text.

        Raises:
            ConfigError: it is no Fernet key.
        """
        from cryptography.fernet import Fernet

        with suppress(ValueError):
            self._fernet = Fernet(key.encode())
            return
        # Raised out here: the error that was suppressed may hold the key.
        raise ConfigError(
            "[secret_keys] key1 of `secrets.conf` is not a Fernet key. Restore the server's own."
        )

    def __repr__(self) -> str:
        return "SecretKey(...)"

    def seal(self, text: str) -> str:
        """Return `text` encrypted, as an ASCII token."""
        return self._fernet.encrypt(text.encode()).decode("ascii")

    def unseal(self, token: str, source: str) -> str:
        """Return the text of a token that was found at `source`.

        Raises:
            ConfigError: the token is corrupt, or another key's.
        """
        from cryptography.fernet import InvalidToken

        with suppress(InvalidToken, ValueError):
            return self._fernet.decrypt(token.encode()).decode()
        raise ConfigError(
            f"{source} can't be decrypted with [secret_keys] key1 of `secrets.conf`: "
            "one of the two is damaged or another server's. Restore the server's own."
        )
