"""The reset of many users' passwords, batch by batch."""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from logging import getLogger

from zato_sso_reset.database.engine import Database
from zato_sso_reset.database.users import open_users
from zato_sso_reset.domain.access import NO_CHANGES, AccessChanges
from zato_sso_reset.domain.expiry import ExpiryPolicy
from zato_sso_reset.domain.users import NewPassword, iso_utc
from zato_sso_reset.errors import UserNotFoundError
from zato_sso_reset.server.config import ServerConfig
from zato_sso_reset.services.commit import commit, rolled_back_on_error
from zato_sso_reset.services.passwords import PasswordMaker, utc_now
from zato_sso_reset.text import quoted

logger = getLogger(__name__)

BATCH = 100  # users whose passwords are changed in one transaction
AHEAD = 2 * BATCH  # users whose passwords are being hashed when a batch begins


@dataclass(frozen=True)
class Batch:
    """A committed batch: the new passwords, the other changes, the number of users that no longer exist."""

    new: Sequence[NewPassword]
    changed: Mapping[str, int]
    missing: int


def reset_user_passwords(
    server: ServerConfig,
    database: Database,
    usernames: Iterable[str],
    *,
    expiry: int | None,
    must_change: bool | None,
    access: AccessChanges = NO_CHANGES,
    jobs: int,
    skip_missing: bool,
    dry_run: bool = False,
    earlier: Collection[str] = (),
    deliver: Callable[[Sequence[NewPassword]], None],
    stop: Callable[[], bool],
    hashed: Callable[[], object] = lambda: None,
) -> Iterator[Batch]:
    """Set generated passwords, calling `deliver` for each batch before its commit; yield each batch after it.

    The promise of `reset_user_password` holds for each batch of at most `BATCH` users: after a ZatoError,
    the current one is unchanged, unless it is a `CommitUnknownError`. Hashes are computed by `jobs` threads,
    ahead of the batch that is being written; `hashed` is called after each. Once `stop` returns true, the
    users hashed so far are the last batch. A `dry_run` neither delivers nor commits. The expiry marks a
    batch: it is none of `earlier`, nor that of the batch before, even if the clock stands still.
    """
    expiry_policy = ExpiryPolicy.from_settings(server.settings, expiry)
    expiry_policy.expires_at(utc_now())
    maker = PasswordMaker(server)
    logger.info("Expiry: %s days, from %s.", expiry_policy.days, expiry_policy.source)

    executor = ThreadPoolExecutor(jobs)
    consequence = "Nothing was changed."
    try:
        for made in _hashed_batches(usernames, lambda: executor.submit(maker.make), stop, hashed):
            with rolled_back_on_error(consequence), open_users(database) as users:
                found = users.find(list(made), lock=True)
                approved = {name: user for name, user in found.items() if user.is_approved}
                missing = [name for name in made if name not in approved]
                if missing and not skip_missing:
                    message = f"User {quoted(missing[0])} no longer exists, or is no longer approved."
                    raise UserNotFoundError(message, users.hint_at_policies())
                set_at = utc_now()
                expires_at = _unlike(expiry_policy.expires_at(set_at), earlier)
                earlier = [iso_utc(expires_at)]
                new = [
                    NewPassword(user, *made[name], set_at, expires_at, must_change)
                    for name, user in approved.items()
                ]
                changed = users.store(new, access) if new else {}
                if new and not dry_run:
                    deliver(new)
                    commit(users, new)
            yield Batch(new, changed, len(missing))
            consequence = "The current batch was not changed."
    finally:
        executor.shutdown(cancel_futures=True)


def _unlike(time: datetime, earlier: Collection[str]) -> datetime:
    """Return the latest time up to `time` that is not `earlier`."""
    while iso_utc(time) in earlier:
        time -= timedelta(microseconds=1)
    return time


def _hashed_batches(
    usernames: Iterable[str],
    submit: Callable[[], "Future[tuple[str, str]]"],
    stop: Callable[[], bool],
    hashed: Callable[[], object],
) -> Iterator[dict[str, tuple[str, str]]]:
    """Yield usernames with their passwords and stored texts, keeping the threads busy meanwhile."""
    remaining = iter(usernames)
    pending: deque[tuple[str, Future[tuple[str, str]]]] = deque()
    while not stop():
        pending.extend((name, submit()) for name in islice(remaining, AHEAD - len(pending)))
        made: dict[str, tuple[str, str]] = {}
        while pending and len(made) < BATCH and not (made and stop()):
            name, future = pending.popleft()
            made[name] = future.result()
            hashed()
        if not made:
            return
        yield made
