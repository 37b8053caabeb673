"""The use case: give a user a new password, and lose nothing whatever fails."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from zato_sso_reset.errors import CommitRefusedError, CommitUnknownError, ZatoError
from zato_sso_reset.expiry import ExpiryPolicy
from zato_sso_reset.generator import PasswordGenerator
from zato_sso_reset.hashing import password_hasher
from zato_sso_reset.limits import ignore_signals
from zato_sso_reset.policy import PasswordPolicy
from zato_sso_reset.server import ServerConfig

if TYPE_CHECKING:
    from zato_sso_reset.odb import ODB
    from zato_sso_reset.repository import User, UserRepository


def utc_now() -> datetime:
    """Return the time as Zato keeps it: naive UTC."""
    return datetime.now(timezone.utc).replace(tzinfo=None)


def reset_user_password(
    server: ServerConfig,
    username: str,
    *,
    expiry: int | None,
    must_change: bool | None,
    deliver: Callable[[str], None],
    note: Callable[[str], None],
    now: Callable[[], datetime] = utc_now,
    random_bytes: Callable[[int], bytes] = os.urandom,
) -> None:
    """Set a generated password, handing it to `deliver` after the change and before the commit.

    Whatever fails, at whatever instant, the user's password is afterwards the old one, or one that
    was delivered whole. `expiry` is in days; `must_change` of None leaves that flag as it is.
    `note` is told what was found where, never a secret.

    Raises:
        ZatoError: nothing was changed, unless it is a `CommitUnknownError`.
    """
    expiry_policy = ExpiryPolicy.from_settings(server.sso, expiry)
    set_at = now()
    expires_at = expiry_policy.expires_at(set_at)
    hasher = password_hasher(server.sso)
    encrypt_password = server.sso.get("main", "encrypt_password").boolean()
    password = PasswordGenerator(PasswordPolicy.from_settings(server.sso), random_bytes).generate()
    note(f"Hash: {hasher}, {'sealed' if encrypt_password else 'not sealed'} with the secret key.")
    note(f"Expiry: {expiry_policy.days} days, from {expiry_policy.source}.")

    # hashlib and argon2 release the GIL: SQLAlchemy is imported in the time that hashing takes.
    with ThreadPoolExecutor(max_workers=1) as executor:
        hashing = executor.submit(hasher.hash, password)
        from zato_sso_reset.odb import ODB
        from zato_sso_reset.repository import with_users

        odb = ODB(server.database)
    note(f"Database: {odb.name}.")
    stored = server.secret_key.seal(hashing.result()) if encrypt_password else hashing.result()

    delivered_to: User | None = None

    def change(users: "UserRepository") -> None:
        nonlocal delivered_to
        user = users.get_by_username(username)
        users.set_password(user, stored, now=set_at, expiry=expires_at, must_change=must_change)
        ignore_signals()
        deliver(password)
        delivered_to = user

    try:
        with_users(odb, change)
    except Exception:
        # Once the password is out, whatever happens says nothing yet of what became of the COMMIT.
        if delivered_to is None:
            raise
    else:
        return
    _look_again(odb, delivered_to, stored)


def _look_again(odb: "ODB", user: "User", stored: str) -> None:
    """Return where a commit that seemed to fail took place all the same."""
    from zato_sso_reset.repository import with_users

    problem = ""
    try:
        # The row is locked: a plain read would say "old" while the COMMIT is still on its way.
        held = with_users(odb, lambda users: users.get_password(user))
    except ZatoError as error:
        problem = str(error)
    except Exception as error:  # noqa: BLE001 whatever it is, the answer is not there
        problem = f"{type(error).__name__} on looking again."
    else:
        if held == stored:
            return
        if held == user.password:
            raise CommitRefusedError(
                "The printed password is void: the database refused the commit, and the old password stays. "
                "Run the command again."
            )
        problem = "Somebody else has changed it since."
    raise CommitUnknownError(
        f"It is unknown whether the printed password was stored. Run the command again. {problem}"
    )
