"""Password hashes: the two schemes, and which of them a server takes."""

import hashlib
import hmac
import os
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar, Protocol

from zato_sso_reset.errors import ConfigError
from zato_sso_reset.server.config import SSOSettings

MAX_ROUNDS = 2**31 - 1
"""OpenSSL's limit, a C int."""

_PBKDF2_SHA512 = re.compile(
    r"\$pbkdf2-sha512\$(?P<rounds>[1-9][0-9]{0,9})"
    r"\$(?:[./A-Za-z0-9]{4})*(?:[./A-Za-z0-9]{2,3})?\$[./A-Za-z0-9]{86}"
)

_ARGON2ID = re.compile(
    r"\$argon2id\$v=19\$m=(?P<memory_cost>[1-9][0-9]{0,9}),t=(?P<time_cost>[1-9][0-9]{0,9})"
    r",p=(?P<parallelism>[1-9][0-9]{0,7})\$[+/A-Za-z0-9]+\$[+/A-Za-z0-9]+"
)


class PasswordHasher(Protocol):
    """Makes and checks hashes of one scheme; all are ASCII text that names scheme and parameters."""

    scheme: ClassVar[str]
    """As `sso.toml` calls it."""

    @property
    def costs(self) -> Mapping[str, int]:
        """What makes a hash expensive, by the keys of `sso.toml`."""

    def hash(self, password: str) -> str:
        """Return a hash of `password` (taken as UTF-8) with a salt of its own."""

    def verify(self, password: str, hashed: str) -> bool:
        """Tell whether `hashed` is of this scheme and made from `password`."""

    def identify(self, hashed: str) -> bool:
        """Tell whether `hashed` is of this scheme."""


@dataclass(frozen=True)
class Pbkdf2Sha512Hasher:
    """PBKDF2-HMAC-SHA512, as passlib writes it; the only scheme that a stock Zato server verifies.

    `rounds` are PBKDF2's iterations and `salt_size` is in bytes: 120,000 and 64 in a stock 3.3
    server's `sso.conf`.
    """

    scheme: ClassVar = "pbkdf2_sha512"
    rounds: int
    salt_size: int = 64
    random_bytes: Callable[[int], bytes] = os.urandom

    @property
    def costs(self) -> Mapping[str, int]:
        """The rounds."""
        return {"rounds": self.rounds}

    def __str__(self) -> str:
        return f"PBKDF2-SHA512, {self.rounds} rounds, {self.salt_size} bytes of salt"

    def hash(self, password: str) -> str:
        """Return `$pbkdf2-sha512$ROUNDS$SALT$CHECKSUM`; the checksum has 64 bytes."""
        salt = self.random_bytes(self.salt_size)
        checksum = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, self.rounds)
        return f"$pbkdf2-sha512${self.rounds}${_ab64encode(salt)}${_ab64encode(checksum)}"

    def verify(self, password: str, hashed: str) -> bool:
        """Tell whether `hashed` is made from `password`, whatever its rounds and salt."""
        if not self.identify(hashed):
            return False
        _, _, rounds, salt, expected = hashed.split("$")
        checksum = hashlib.pbkdf2_hmac("sha512", password.encode(), _ab64decode(salt), int(rounds))
        return hmac.compare_digest(checksum, _ab64decode(expected))

    def identify(self, hashed: str) -> bool:
        """Tell whether `hashed` is a well-formed PBKDF2-SHA512 hash."""
        match = _PBKDF2_SHA512.fullmatch(hashed)
        return match is not None and int(match["rounds"]) <= MAX_ROUNDS


@dataclass(frozen=True)
class Argon2idHasher:
    """Argon2id; the default is RFC 9106's second recommended option. `memory_cost` is in KiB."""

    scheme: ClassVar = "argon2id"
    time_cost: int = 3
    memory_cost: int = 65536
    parallelism: int = 4

    @property
    def costs(self) -> Mapping[str, int]:
        """Memory in KiB, passes over it, and lanes, in the order of a hash."""
        return {
            "memory_cost": self.memory_cost,
            "time_cost": self.time_cost,
            "parallelism": self.parallelism,
        }

    def __str__(self) -> str:
        return f"Argon2id, t={self.time_cost}, m={self.memory_cost} KiB, p={self.parallelism}"

    def hash(self, password: str) -> str:
        """Return `$argon2id$v=19$m=...,t=...,p=...$SALT$TAG`; salt and tag have 16 and 32 bytes.

        Raises:
            ConfigError: there is not enough memory.
        """
        from argon2 import PasswordHasher as Argon2
        from argon2.exceptions import HashingError

        with suppress(HashingError):
            return Argon2(self.time_cost, self.memory_cost, self.parallelism).hash(password)
        raise ConfigError(f"Not enough memory for memory_cost={self.memory_cost} of [hash_secret]. Lower it.")

    def verify(self, password: str, hashed: str) -> bool:
        """Tell whether `hashed` is made from `password`, whatever its parameters."""
        from argon2 import PasswordHasher as Argon2
        from argon2.exceptions import VerificationError

        try:
            return self.identify(hashed) and Argon2().verify(hashed, password)
        except (ValueError, VerificationError):
            return False

    def identify(self, hashed: str) -> bool:
        """Tell whether `hashed` is an Argon2id hash."""
        return hashed.startswith("$argon2id$")


def verify(password: str, hashed: str) -> bool:
    """Tell whether `hashed`, of either scheme, is made from `password`."""
    hashers: tuple[PasswordHasher, ...] = (Pbkdf2Sha512Hasher(rounds=1), Argon2idHasher())
    return any(hasher.verify(password, hashed) for hasher in hashers)


def made_with(hashed: str) -> PasswordHasher | None:
    """Return what makes hashes of the same scheme and costs, or None where these can't be told."""
    if Pbkdf2Sha512Hasher(rounds=1).identify(hashed):
        return Pbkdf2Sha512Hasher(rounds=int(hashed.split("$")[2]))
    if match := _ARGON2ID.fullmatch(hashed):
        return Argon2idHasher(**{name: int(cost) for name, cost in match.groupdict().items()})
    return None


def is_below(hasher: PasswordHasher, setting: PasswordHasher) -> bool:
    """Tell whether a hash is of another scheme than a server's setting, or of any lower cost."""
    return hasher.scheme != setting.scheme or any(
        hasher.costs[name] < cost for name, cost in setting.costs.items()
    )


def password_hasher(sso: SSOSettings) -> PasswordHasher:
    """Return the hasher that a server's settings ask for.

    That is what `sso.toml` says in `[hash_secret] scheme`; else PBKDF2-SHA512 where the server pins
    its rounds, because then it verifies nothing else; else Argon2id.

    Raises:
        ConfigError: the scheme is unknown, or a parameter of it is missing or out of range.
    """
    scheme = sso.find("hash_secret", "scheme")
    pinned = "pbkdf2_sha512" if sso.find("hash_secret", "rounds") else "argon2id"
    name = scheme.text() if scheme else pinned
    if name == "pbkdf2_sha512":
        return Pbkdf2Sha512Hasher(
            # 1024 bytes is the longest salt that passlib reads, with which stock Zato verifies.
            rounds=sso.get("hash_secret", "rounds").integer(1, MAX_ROUNDS),
            salt_size=sso.get("hash_secret", "salt_size").integer(8, 1024),
        )
    if name == "argon2id":
        default = Argon2idHasher()
        parallelism = _parameter(sso, "parallelism", default.parallelism, 1, 2**24 - 1)
        return Argon2idHasher(
            time_cost=_parameter(sso, "time_cost", default.time_cost, 1, 2**32 - 1),
            # RFC 9106, section 3.1: at least 8 KiB for each lane.
            memory_cost=_parameter(sso, "memory_cost", default.memory_cost, 8 * parallelism, 2**32 - 1),
            parallelism=parallelism,
        )
    source = sso.get("hash_secret", "scheme").source
    raise ConfigError(f'{source} is an unknown scheme. Write "pbkdf2_sha512" or "argon2id".')


def _parameter(sso: SSOSettings, key: str, default: int, minimum: int, maximum: int) -> int:
    setting = sso.find("hash_secret", key)
    return setting.integer(minimum, maximum) if setting else default


def _ab64encode(data: bytes) -> str:
    return b64encode(data, b"./").rstrip(b"=").decode("ascii")


def _ab64decode(text: str) -> bytes:
    return b64decode(text + "=" * (-len(text) % 4), b"./")
