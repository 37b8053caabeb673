"""Passwords for one server: generated or chosen, checked, hashed and sealed."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from logging import getLogger

from zato_sso_reset.domain.generator import PasswordGenerator
from zato_sso_reset.domain.hashing import (
    PasswordHasher,
    Pbkdf2Sha512Hasher,
    configured_hasher,
    hasher_of,
)
from zato_sso_reset.domain.policy import PasswordPolicy
from zato_sso_reset.errors import ConfigError, PasswordRefusedError
from zato_sso_reset.server.config import ServerConfig

logger = getLogger(__name__)


def utc_now() -> datetime:
    """Return the current time as Zato stores it: naive UTC."""
    return datetime.now(timezone.utc).replace(tzinfo=None)


class PasswordMaker:
    """Makes passwords that one server accepts."""

    def __init__(self, server: ServerConfig) -> None:
        """Read the server's settings; raise ConfigError if one is missing or malformed."""
        self._hasher = configured_hasher(server.settings)
        self._complete_policy = policy_of(server, has_totp=True)
        self._policy = policy_of(server, has_totp=False)
        self._generator = PasswordGenerator(self._policy)
        sealed = _seals_hashes(server)
        self._seal = server.secret_key.seal if sealed else str
        logger.info("Hash: %s, %s with the secret key.", self._hasher, "sealed" if sealed else "not sealed")

    def make(self, chosen: str | None = None) -> tuple[str, str]:
        """Return the chosen password, or a generated one, and the text to store for it.

        Raises PasswordRefusedError if the policy refuses the chosen password, or every generated one.
        """
        if chosen is not None:
            check_chosen(chosen, self._policy)
        password = self._generator.generate() if chosen is None else chosen
        return password, self._seal(self._hasher.hash(password))

    def check_complexity(self, chosen: str) -> None:
        """Check the complexity of a chosen password where only the tables show whether Zato has a rule."""
        if self._policy != self._complete_policy:
            check_chosen(chosen, self._complete_policy)


def policy_of(server: ServerConfig, *, has_totp: bool) -> PasswordPolicy:
    """Return a server's policy; without a setting, Zato 3.0, which has no TOTP, has no complexity rule."""
    policy = PasswordPolicy.from_settings(server.settings)
    has_rule = has_totp or server.settings.find("password", "min_complexity") is not None
    return policy if has_rule else replace(policy, min_complexity=0)


def check_chosen(chosen: str, policy: PasswordPolicy) -> None:
    """Raise PasswordRefusedError if the policy refuses a chosen password."""
    if refusal := policy.refusal(chosen):
        message = f"The server's password policy refuses this password: {refusal}."
        raise PasswordRefusedError(message, "Choose another.")


@dataclass(frozen=True)
class StoredPassword:
    r"""A stored password: its hash and hasher, and why nobody can log in with it, empty if it can be right.

    `is_hex` is whether a stock server on PostgreSQL stored it as `\x...`, the text for bytes.
    """

    hashed: str = field(default="", repr=False)
    hasher: PasswordHasher | None = None
    problem: str = ""
    is_hex: bool = False


def password_reader(server: ServerConfig) -> Callable[[str], StoredPassword]:
    """Return a function that reads stored passwords; raise ConfigError for a missing or malformed setting."""
    configured = configured_hasher(server.settings)
    read_hash = hash_reader(server)

    def read(stored: str) -> StoredPassword:
        if stored.startswith("\\x"):
            problem = "The password is stored as `\\x...`, with which nobody can log in."
            return StoredPassword(problem=problem, is_hex=True)
        try:
            hashed = read_hash(stored)
        except ConfigError:
            return StoredPassword(problem="The stored password can't be decrypted with the server's key.")
        hasher = hasher_of(hashed)
        if hasher is None:
            return StoredPassword(problem="The stored password is not a hash that Zato verifies.")
        is_foreign = hasher.scheme != configured.scheme == Pbkdf2Sha512Hasher.scheme
        problem = "The stored hash is not PBKDF2-SHA512, the only one that this server verifies."
        return StoredPassword(hashed, hasher, problem if is_foreign else "")

    return read


def hash_reader(server: ServerConfig) -> Callable[[str], str]:
    """Return a function that returns the hash in a stored password; both may raise ConfigError."""
    if not _seals_hashes(server):
        return str
    return lambda stored: server.secret_key.unseal(stored, "The stored password")


def _seals_hashes(server: ServerConfig) -> bool:
    return server.settings.get("main", "encrypt_password").boolean()
