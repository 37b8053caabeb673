"""The reset of one user's password."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from logging import getLogger

from zato_sso_reset.domain.access import NO_CHANGES, AccessChanges
from zato_sso_reset.domain.expiry import ExpiryPolicy
from zato_sso_reset.domain.login import LoginSettings
from zato_sso_reset.domain.policy import PasswordPolicy
from zato_sso_reset.domain.users import NewPassword
from zato_sso_reset.domain.warnings import Reset
from zato_sso_reset.server.config import ServerConfig
from zato_sso_reset.services.commit import commit, rolled_back_on_error
from zato_sso_reset.services.passwords import PasswordMaker, policy_of, utc_now

logger = getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """A reset: the new password, the account's lock after it, the other changes, warnings for the user."""

    new: NewPassword
    is_locked: bool
    changed: Mapping[str, int]
    warnings: Sequence[str]


def policy_for(server: ServerConfig, username: str) -> PasswordPolicy:
    """Look up a user, and return the policy for a password of one's choice.

    Errors as `reset_user_password`, which looks again.
    """
    from zato_sso_reset.database.engine import Database
    from zato_sso_reset.database.users import open_users

    with rolled_back_on_error(), open_users(Database(server.database), read_only=True) as users:
        user = users.get_approved(username, lock=False)
    return policy_of(server, has_totp=user.is_totp_enabled is not None)


def reset_user_password(
    server: ServerConfig,
    username: str,
    *,
    chosen: str | None = None,
    expiry: int | None,
    must_change: bool | None,
    access: AccessChanges = NO_CHANGES,
    dry_run: bool = False,
    deliver: Callable[[Outcome], None],
) -> Outcome:
    """Set the `chosen` password or a generated one, calling `deliver` before the commit.

    After a ZatoError other than `CommitUnknownError`, nothing was changed. After any failure, even a crash in
    the middle of the commit, the user has the old password or one that was delivered; `access` is changed
    together with it. `deliver` may leave signals ignored until the commit is answered. `expiry` is in
    days; None for `must_change` leaves the flag unchanged. A `dry_run` neither delivers nor commits.
    """
    expiry_policy = ExpiryPolicy.from_settings(server.settings, expiry)
    set_at = utc_now()
    expires_at = expiry_policy.expires_at(set_at)
    maker = PasswordMaker(server)
    logger.info("Expiry: %s days, from %s.", expiry_policy.days, expiry_policy.source)

    # The hash is computed while SQLAlchemy is imported: hashing releases the GIL.
    with ThreadPoolExecutor(max_workers=1) as executor:
        hashing = executor.submit(maker.make, chosen)
        from zato_sso_reset.database.engine import Database
        from zato_sso_reset.database.users import open_users

        database = Database(server.database)
    password, stored = hashing.result()
    logger.info("Database: %s.", database.name)

    with rolled_back_on_error(), open_users(database) as users:
        user = users.get_approved_for_update(username)
        if chosen is not None and user.is_totp_enabled is not None:
            maker.check_complexity(chosen)
        reset = Reset(set_at, expires_at, must_change, access, users.mending())
        closed = reset.closed_gates(user, LoginSettings(server.settings))
        warnings = [gate.warning for gate in closed] + users.access.get(user, set_at).warnings(access)
        new = NewPassword(user, password, stored, set_at, expires_at, must_change)
        changed = users.store([new], access)
        outcome = Outcome(new, user.is_locked and not access.unlock, changed, warnings)
        if not dry_run:
            deliver(outcome)
            commit(users, [new])
    return outcome
