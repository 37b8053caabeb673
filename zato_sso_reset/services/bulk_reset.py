"""The use case: give many users new passwords, batch by batch, at the speed of the hash."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from zato_sso_reset.domain.access import NO_CHANGES, AccessChanged, AccessChanges
from zato_sso_reset.domain.expiry import ExpiryPolicy
from zato_sso_reset.domain.hashing import verify
from zato_sso_reset.errors import ConfigError, UserNotFoundError, printable
from zato_sso_reset.server.config import ServerConfig
from zato_sso_reset.services.reset import PasswordMaker, change_passwords, utc_now

if TYPE_CHECKING:
    from zato_sso_reset.database.engine import ODB
    from zato_sso_reset.database.users import UserRepository
    from zato_sso_reset.domain.users import NewPassword

BATCH = 100
"""Users whose passwords are changed in one transaction."""

AHEAD = 2 * BATCH
"""Users whose passwords are hashed while a batch is written."""


def took_place(
    server: ServerConfig, odb: "ODB", delivered: Mapping[str, str], *, written_at: datetime
) -> bool:
    """Tell whether these passwords of a batch, by username, were stored, or all users changed theirs since.

    A batch is stored as a whole, or not at all. `written_at` (naive UTC) is when it was delivered: another
    password that is older shows that it was not.

    Raises:
        DatabaseError: the database can't be read.
    """
    from zato_sso_reset.database.users import with_users

    encrypted = server.sso.get("main", "encrypt_password").boolean()
    # The rows are locked: a plain read would miss a COMMIT that is still on its way.
    found = with_users(odb, lambda users: users.find(list(delivered), lock=True))
    for user in found.values():
        with suppress(ConfigError):
            held = server.secret_key.unseal(user.password, "") if encrypted else user.password
            if verify(delivered[user.username], held):
                return True
    return all(user.set_at > written_at for user in found.values())


def reset_user_passwords(
    server: ServerConfig,
    odb: "ODB",
    usernames: Iterable[str],
    *,
    expiry: int | None,
    must_change: bool | None,
    jobs: int,
    skip_missing: bool,
    access: AccessChanges = NO_CHANGES,
    deliver: Callable[[Sequence["NewPassword"], AccessChanged], None],
    done: Callable[[int], object],
    stop: Callable[[], object],
    note: Callable[[str], None],
) -> None:
    """Set generated passwords, handing those of a batch to `deliver` before they are committed.

    What `reset.reset_user_password` promises for one user holds for each batch of at most `BATCH`. The
    hashes are made by `jobs` threads, ahead of the batch that is written. `done` is told how many users
    each commit is for. Once `stop` says so, what has been hashed of a batch is the last.

    Raises:
        ZatoError: the batch at hand was not changed, unless it is a `CommitUnknownError`.
    """
    from zato_sso_reset.domain.users import NewPassword

    expiry_policy = ExpiryPolicy.from_settings(server.sso, expiry)
    expiry_policy.expires_at(utc_now())
    maker = PasswordMaker(server, note)
    note(f"Expiry: {expiry_policy.days} days, from {expiry_policy.source}.")

    def find(made: Mapping[str, tuple[str, str]], users: "UserRepository") -> list[NewPassword]:
        found = {name: user for name, user in users.find(list(made), lock=True).items() if user.is_approved}
        if gone := [name for name in made if name not in found and not skip_missing]:
            raise UserNotFoundError(f"No such user any more, or not approved: `{printable(gone[0])}`.")
        set_at = utc_now()
        expires_at = expiry_policy.expires_at(set_at)
        return [
            NewPassword(user, *made[name], set_at, expires_at, must_change) for name, user in found.items()
        ]

    executor = ThreadPoolExecutor(jobs)
    try:
        making = _in_advance(usernames, lambda: executor.submit(maker.make))
        while not stop() and (made := _batch(making, stop)):
            change_passwords(odb, partial(find, made), deliver, access)
            done(len(made))
    finally:
        executor.shutdown(cancel_futures=True)


def _in_advance(
    usernames: Iterable[str], submit: Callable[[], "Future[tuple[str, str]]"]
) -> Iterator[tuple[str, "Future[tuple[str, str]]"]]:
    """Yield usernames with what is being made for them, keeping the threads busy beyond the next batch."""
    pending: deque[tuple[str, Future[tuple[str, str]]]] = deque()
    for username in usernames:
        pending.append((username, submit()))
        if len(pending) > AHEAD:
            yield pending.popleft()
    yield from pending


def _batch(
    making: Iterator[tuple[str, "Future[tuple[str, str]]"]], stop: Callable[[], object]
) -> dict[str, tuple[str, str]]:
    made = {}
    for username, future in islice(making, BATCH):
        made[username] = future.result()
        if stop():
            break
    return made
