"""The use case: give a user a new password, and lose nothing whatever fails."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from zato_sso_reset.domain.access import NO_CHANGES, AccessChanged, AccessChanges
from zato_sso_reset.domain.expiry import ExpiryPolicy
from zato_sso_reset.domain.generator import PasswordGenerator
from zato_sso_reset.domain.hashing import password_hasher
from zato_sso_reset.domain.policy import PasswordPolicy
from zato_sso_reset.errors import CommitRefusedError, CommitUnknownError, PasswordRefusedError, ZatoError
from zato_sso_reset.server.config import ServerConfig
from zato_sso_reset.signals import ignore_signals

if TYPE_CHECKING:
    from zato_sso_reset.database.engine import ODB
    from zato_sso_reset.database.users import UserRepository
    from zato_sso_reset.domain.users import NewPassword


def utc_now() -> datetime:
    """Return the time as Zato keeps it: naive UTC."""
    return datetime.now(timezone.utc).replace(tzinfo=None)


class DryRun(Exception):  # noqa: N818 what it says is all there is to it
    """Raised on delivery, rolls everything back."""


@dataclass(frozen=True)
class Outcome:
    """What is delivered: the new password, how the account then stands, what was changed beside it.

    `warnings` are what the administrator should see.
    """

    new: "NewPassword"
    is_locked: bool
    changed: AccessChanged
    warnings: Sequence[str]


class PasswordMaker:
    """Generates, hashes and seals passwords as one server takes them."""

    def __init__(
        self,
        server: ServerConfig,
        note: Callable[[str], None],
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        """Read how; `note` is told.

        Raises:
            ConfigError: the server's configuration does not say how.
        """
        self._hasher = password_hasher(server.sso)
        self._encrypt = server.sso.get("main", "encrypt_password").boolean()
        self._secret_key = server.secret_key
        self._policy = PasswordPolicy.from_settings(server.sso)
        self._generator = PasswordGenerator(self._policy, random_bytes)
        note(f"Hash: {self._hasher}, {'sealed' if self._encrypt else 'not sealed'} with the secret key.")

    def make(self, chosen: str | None = None) -> tuple[str, str]:
        """Return a password, generated if none was chosen, and what is to be stored of it.

        Raises:
            PasswordRefusedError: the server's policy refuses what was chosen, or all that was generated.
        """
        if chosen is None:
            password = self._generator.generate()
        elif refusal := self._policy.refusal(chosen):
            raise PasswordRefusedError(
                f"The server's password policy refuses this one: {refusal}. Choose another."
            )
        else:
            password = chosen
        hashed = self._hasher.hash(password)
        return password, self._secret_key.seal(hashed) if self._encrypt else hashed


def reset_user_password(
    server: ServerConfig,
    username: str,
    *,
    chosen: str | None = None,
    expiry: int | None,
    must_change: bool | None,
    access: AccessChanges = NO_CHANGES,
    deliver: Callable[[Outcome], None],
    note: Callable[[str], None],
    now: Callable[[], datetime] = utc_now,
    random_bytes: Callable[[int], bytes] = os.urandom,
) -> None:
    """Set the `chosen` password or a generated one, handing it to `deliver` before the commit.

    Whatever fails, at whatever instant, the user's password is afterwards the old one, or one that
    was delivered whole, and all of `access` was changed with it, or none. `expiry` is in days;
    `must_change` of None leaves that flag as it is. `note` is told what was found where, never a secret.

    Raises:
        ZatoError: nothing was changed, unless it is a `CommitUnknownError`.
    """
    expiry_policy = ExpiryPolicy.from_settings(server.sso, expiry)
    set_at = now()
    expires_at = expiry_policy.expires_at(set_at)
    maker = PasswordMaker(server, note, random_bytes)
    note(f"Expiry: {expiry_policy.days} days, from {expiry_policy.source}.")

    # hashlib and argon2 release the GIL: SQLAlchemy is imported in the time that hashing takes.
    with ThreadPoolExecutor(max_workers=1) as executor:
        making = executor.submit(maker.make, chosen)
        from zato_sso_reset.database.engine import ODB
        from zato_sso_reset.domain.users import NewPassword

        odb = ODB(server.database)
    note(f"Database: {odb.name}.")
    password, stored = making.result()
    warnings = expiry_policy.warnings(server.sso)

    def find(users: "UserRepository") -> list[NewPassword]:
        user = users.get_by_username(username)
        warnings[:0] = users.access.look(user, set_at).warnings(access)
        return [NewPassword(user, password, stored, set_at, expires_at, must_change)]

    def deliver_one(new: Sequence[NewPassword], changed: AccessChanged) -> None:
        ignore_signals()
        is_locked = new[0].user.is_locked and not access.unlock
        deliver(Outcome(new[0], is_locked, changed, warnings))

    change_passwords(odb, find, deliver_one, access)


def change_passwords(
    odb: "ODB",
    find: Callable[["UserRepository"], Sequence["NewPassword"]],
    deliver: Callable[[Sequence["NewPassword"], AccessChanged], None],
    access: AccessChanges,
) -> None:
    """In one transaction, store the passwords that `find` returns, change access, deliver, then commit.

    Raises:
        CommitRefusedError: the commit failed after the delivery; the old passwords stay.
        CommitUnknownError: it is unknown whether the commit took place.
        Exception: nothing was changed.
    """
    from zato_sso_reset.database.users import with_users

    delivered: Sequence[NewPassword] = ()

    def change(users: "UserRepository") -> None:
        nonlocal delivered
        if new := find(users):
            of, now = [each.user for each in new], new[0].set_at
            changed = users.access.change(of, access, now)
            users.set_passwords(new)
            users.access.check(of, access, now)
            deliver(new, changed)
            delivered = new

    try:
        with_users(odb, change)
    except Exception:
        # Once a password is out, whatever happens says nothing yet of what became of the COMMIT.
        if not delivered:
            raise
    else:
        return
    _look_again(odb, delivered)


def _look_again(odb: "ODB", new: Sequence["NewPassword"]) -> None:
    """Return where a commit that seemed to fail took place all the same."""
    from zato_sso_reset.database.users import with_users

    problem = ""
    try:
        # The rows are locked: a plain read would say "old" while the COMMIT is still on its way.
        held = with_users(odb, lambda users: users.get_passwords(each.user.id for each in new))
    except ZatoError as error:
        problem = str(error)
    except Exception as error:  # noqa: BLE001 whatever it is, the answer is not there
        problem = f"{type(error).__name__} on looking again."
    else:
        # One is enough: a transaction takes place as a whole, or not at all.
        if any(held.get(each.user.id) == each.stored for each in new):
            return
        if any(held.get(each.user.id) == each.user.password for each in new):
            raise CommitRefusedError(
                "The printed password is void: the database refused the commit, and the old password stays. "
                "Run the command again."
            )
        problem = "Somebody else has changed it since."
    raise CommitUnknownError(
        f"It is unknown whether the printed password was stored. Run the command again. {problem}"
    )
