"""Password hashing."""

import hmac
import os
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from zato_sso_reset.domain.settings import Settings
from zato_sso_reset.errors import ConfigError

OPENSSL_ROUNDS = 2**31 - 1  # the limit of OpenSSL, a C int
MAX_ROUNDS = 10_000_000  # some five seconds
MAX_MEMORY_COST = 2 * 1024 * 1024  # KiB, as in RFC 9106's first recommended option
MAX_TIME_COST = 100  # passes, each of which starts four threads for each lane
MAX_PASSES = 4 * 1024 * 1024  # KiB times passes: some five seconds
MAX_PARALLELISM = 64  # lanes

_PBKDF2_SHA512 = re.compile(
    r"\$pbkdf2-sha512\$(?P<rounds>[1-9][0-9]{0,9})"
    r"\$(?P<salt>(?:[./A-Za-z0-9]{4})*(?:[./A-Za-z0-9]{2,3})?)\$(?P<checksum>[./A-Za-z0-9]{86})"
)

_ARGON2ID = re.compile(
    r"\$argon2id\$v=19\$m=(?P<memory_cost>[1-9][0-9]{0,9}),t=(?P<time_cost>[1-9][0-9]{0,9})"
    r",p=(?P<parallelism>[1-9][0-9]{0,7})\$[+/A-Za-z0-9]+\$[+/A-Za-z0-9]+"
)


@dataclass(frozen=True)
class Pbkdf2Sha512Hasher:
    """PBKDF2-HMAC-SHA512 in passlib's format; the only scheme that a stock Zato server verifies.

    `rounds` are PBKDF2's iterations, `salt_size` is in bytes: 120,000 and 64 in `sso.conf` of Zato 3.3.
    """

    scheme: ClassVar[str] = "pbkdf2_sha512"
    rounds: int
    salt_size: int = 64
    random_bytes: Callable[[int], bytes] = os.urandom

    @property
    def costs(self) -> Mapping[str, int]:
        """The cost parameters of a hash, by their keys in `sso.toml`."""
        return {"rounds": self.rounds}

    def __str__(self) -> str:
        return f"PBKDF2-SHA512, {self.rounds} rounds, {self.salt_size} bytes of salt"

    def hash(self, password: str) -> str:
        """Return `$pbkdf2-sha512$ROUNDS$SALT$CHECKSUM`, with a new salt and a checksum of 64 bytes."""
        salt = self.random_bytes(self.salt_size)
        checksum = _pbkdf2(password, salt, self.rounds)
        return f"$pbkdf2-sha512${self.rounds}${_ab64encode(salt)}${_ab64encode(checksum)}"


@dataclass(frozen=True)
class Argon2idHasher:
    """Argon2id; the defaults are RFC 9106's second recommended option. `memory_cost` is in KiB."""

    scheme: ClassVar[str] = "argon2id"
    time_cost: int = 3
    memory_cost: int = 65536
    parallelism: int = 4

    @property
    def costs(self) -> Mapping[str, int]:
        """Memory in KiB, passes and lanes, in the order of the hash format."""
        return {"memory_cost": self.memory_cost, "time_cost": self.time_cost, "parallelism": self.parallelism}

    def __str__(self) -> str:
        return f"Argon2id, t={self.time_cost}, m={self.memory_cost} KiB, p={self.parallelism}"

    def hash(self, password: str) -> str:
        """Return `$argon2id$v=19$m=...,t=...,p=...$SALT$TAG`, with a new salt of 16 bytes.

        Raises ConfigError if there is not enough memory.
        """
        from argon2 import PasswordHasher as Argon2
        from argon2.exceptions import HashingError

        with suppress(HashingError):
            return Argon2(self.time_cost, self.memory_cost, self.parallelism).hash(password)
        raise ConfigError(f"Not enough memory for [hash_secret] memory_cost={self.memory_cost}.", "Lower it.")


PasswordHasher: TypeAlias = Pbkdf2Sha512Hasher | Argon2idHasher
"""Hashes passwords with one scheme; a hash is ASCII text that includes scheme and parameters."""


def verify(password: str, hashed: str) -> bool:
    """Return whether `hashed`, of either scheme and with affordable costs, is a hash of `password`."""
    if not _is_affordable(hasher_of(hashed)):
        return False
    if match := _match_pbkdf2(hashed):
        salt, rounds = _ab64decode(match["salt"]), int(match["rounds"])
        return hmac.compare_digest(_pbkdf2(password, salt, rounds), _ab64decode(match["checksum"]))
    from argon2 import PasswordHasher as Argon2
    from argon2.exceptions import VerificationError

    try:
        return Argon2().verify(hashed, password)
    except (ValueError, VerificationError):
        return False


def hasher_of(hashed: str) -> PasswordHasher | None:
    """Return a hasher with the scheme and costs of `hashed`, or None if they can't be recognised."""
    if match := _match_pbkdf2(hashed):
        return Pbkdf2Sha512Hasher(rounds=int(match["rounds"]))
    if match := _ARGON2ID.fullmatch(hashed):
        return Argon2idHasher(**{name: int(cost) for name, cost in match.groupdict().items()})
    return None


def needs_rehash(hasher: PasswordHasher, setting: PasswordHasher) -> bool:
    """Return whether a hash has another scheme than the server's setting, or any lower cost."""
    return hasher.scheme != setting.scheme or any(
        hasher.costs[name] < cost for name, cost in setting.costs.items()
    )


def configured_hasher(settings: Settings) -> PasswordHasher:
    """Return the hasher that a server's settings ask for.

    The scheme is `[hash_secret] scheme` of `sso.toml`; else PBKDF2-SHA512 if the server sets its rounds,
    because such a server verifies nothing else; else Argon2id.

    Raises ConfigError if the scheme is unknown, or one of its parameters is missing or out of range.
    """
    scheme = settings.find("hash_secret", "scheme")
    is_pinned = settings.find("hash_secret", "rounds") is not None
    name = scheme.text() if scheme else ("pbkdf2_sha512" if is_pinned else "argon2id")
    if name == "pbkdf2_sha512":
        rounds = settings.get("hash_secret", "rounds").integer(1, MAX_ROUNDS)
        # passlib, with which a stock Zato verifies, accepts at most 1024 bytes of salt.
        return Pbkdf2Sha512Hasher(rounds, settings.get("hash_secret", "salt_size").integer(8, 1024))
    if name == "argon2id":
        default = Argon2idHasher()
        parallelism = _parameter(settings, "parallelism", default.parallelism, 1, MAX_PARALLELISM)
        # RFC 9106, section 3.1: at least 8 KiB for each lane.
        least = 8 * parallelism
        memory = _parameter(settings, "memory_cost", default.memory_cost, least, MAX_MEMORY_COST)
        most = min(MAX_TIME_COST, MAX_PASSES // memory)
        passes = _parameter(settings, "time_cost", default.time_cost, 1, most)
        return Argon2idHasher(passes, memory, parallelism)
    source = settings.get("hash_secret", "scheme").source
    raise ConfigError(f"{source} is an unknown scheme.", 'Use "pbkdf2_sha512" or "argon2id".')


def _match_pbkdf2(hashed: str) -> re.Match[str] | None:
    match = _PBKDF2_SHA512.fullmatch(hashed)
    return match if match and int(match["rounds"]) <= OPENSSL_ROUNDS else None


def _is_affordable(hasher: PasswordHasher | None) -> bool:
    """Return whether a hash that somebody else may have made can be verified in some seconds."""
    if isinstance(hasher, Pbkdf2Sha512Hasher):
        return hasher.rounds <= MAX_ROUNDS
    return (
        hasher is not None
        and hasher.time_cost <= MAX_TIME_COST
        and hasher.time_cost * hasher.memory_cost <= MAX_PASSES
        and hasher.parallelism <= MAX_PARALLELISM
    )


def _parameter(settings: Settings, key: str, default: int, minimum: int, maximum: int) -> int:
    setting = settings.find("hash_secret", key)
    return setting.integer(minimum, maximum) if setting else default


def _pbkdf2(password: str, salt: bytes, rounds: int) -> bytes:
    """Return 64 bytes of PBKDF2-HMAC-SHA512, with a newer OpenSSL than that of most Pythons' hashlib."""
    from cryptography.hazmat.primitives.hashes import SHA512
    from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

    return PBKDF2HMAC(SHA512(), 64, salt, rounds).derive(password.encode())


def _ab64encode(data: bytes) -> str:
    return b64encode(data, b"./").rstrip(b"=").decode()


def _ab64decode(text: str) -> bytes:
    return b64decode(text + "=" * (-len(text) % 4), b"./")
