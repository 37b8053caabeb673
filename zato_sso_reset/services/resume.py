"""The resumption of an interrupted bulk reset."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from zato_sso_reset.domain.hashing import verify
from zato_sso_reset.domain.users import fingerprint
from zato_sso_reset.errors import ConfigError
from zato_sso_reset.server.config import ServerConfig
from zato_sso_reset.services.passwords import hash_reader, utc_now

if TYPE_CHECKING:
    from zato_sso_reset.database.engine import Database


@dataclass
class DeliveredBatch:
    """Lines with the same `password_expiry`, which were delivered together, and their offset in the file.

    `proofs` are the passwords by username, or in a record the fingerprints of what was to be stored.
    """

    offset: int = 0
    password_expiry: str = ""
    proofs: dict[str, str] = field(default_factory=dict, repr=False)


@dataclass
class Delivered:
    """The content of a file: all usernames, the last two batches, the offset after the last complete line.

    `written_at` is the time of the last change to the file, in naive UTC. `void` is the number of lines
    after `end` that were not stored. `is_record` is whether it is a record without passwords.
    """

    written_at: datetime
    is_record: bool = False
    usernames: set[str] = field(default_factory=set)
    previous: DeliveredBatch = field(default_factory=DeliveredBatch)
    last: DeliveredBatch = field(default_factory=DeliveredBatch)
    end: int = 0
    void: int = 0

    @property
    def marks(self) -> list[str]:
        """The `password_expiry` of the last two batches, which tells them apart."""
        return [self.previous.password_expiry, self.last.password_expiry]


def without_void_lines(delivered: Delivered, server: ServerConfig, database: "Database") -> Delivered:
    """Return `delivered` without its last batch, if the database did not store that.

    Raises ConfigError if the lines belong to another server; other errors as `Database.transaction`.
    """
    last, previous = delivered.last.proofs, delivered.previous.proofs
    proves = _has_fingerprint if delivered.is_record else _password_check(server)
    if not last or _was_stored(database, last, proves, delivered.written_at):
        return delivered
    if previous and not _was_stored(database, previous, proves, delivered.written_at):
        message = "The last passwords of --output-file belong to another server."
        raise ConfigError(message, "Use the PATH of that server.")
    usernames = delivered.usernames - last.keys()
    return replace(delivered, usernames=usernames, end=delivered.last.offset, void=len(last))


def _has_fingerprint(proof: str, stored: str) -> bool:
    return fingerprint(stored) == proof


def _password_check(server: ServerConfig) -> Callable[[str, str], bool]:
    """Return a function that returns whether a password is the stored one."""
    read_hash = hash_reader(server)

    def is_stored(password: str, stored: str) -> bool:
        with suppress(ConfigError):
            return verify(password, read_hash(stored))
        return False

    return is_stored


def _was_stored(
    database: "Database",
    proofs: Mapping[str, str],
    proves: Callable[[str, str], bool],
    written_at: datetime,
) -> bool:
    """Return whether a delivered batch was stored, or all its users changed their passwords since.

    A batch is stored as a whole or not at all: one user with another password that is older than the
    delivery shows that it was not. A change in the future is one from before the clock was set back.
    """
    from zato_sso_reset.database.users import open_users

    # Only locking waits for a COMMIT that is still on its way.
    with open_users(database) as users:
        found = users.find(list(proofs), lock=True)
    if any(proves(proofs[user.username], user.password) for user in found.values()):
        return True
    now = utc_now()
    return all(user.set_at and written_at < user.set_at <= now for user in found.values())
