"""The selection of the users to reset, before anything is changed."""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

from zato_sso_reset.database.engine import Database
from zato_sso_reset.database.users import open_users
from zato_sso_reset.domain.access import AccessChanges
from zato_sso_reset.domain.expiry import ExpiryPolicy
from zato_sso_reset.domain.login import LoginSettings
from zato_sso_reset.domain.users import UNREADABLE, User
from zato_sso_reset.domain.warnings import ClosedGates, Reset
from zato_sso_reset.errors import UserNotFoundError
from zato_sso_reset.server.config import ServerConfig
from zato_sso_reset.services.passwords import utc_now
from zato_sso_reset.text import plural, printable, quoted

PAGE = 500  # users to look up at a time; SQLite before 3.32 accepts at most 999 parameters
SHOWN = 10  # users that an error names


@dataclass
class Selection:
    """The users to reset, the gates that stay closed for them, and the problems of the other requested users.

    Each problem belongs to a username.
    """

    closed: ClosedGates
    total: int = 0
    super_users: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)
    _pages: list[str] = field(default_factory=list)

    def add(self, users: Sequence[User]) -> None:
        """Select users; a page of names as JSON takes a quarter of the memory of a list."""
        self._pages.append(json.dumps([user.username for user in users]))
        self.total += len(users)
        self.super_users += sum(user.is_super_user for user in users)
        self.closed.add(users)

    def usernames(self) -> Iterator[str]:
        """Yield the usernames of the selected users."""
        return chain.from_iterable(map(json.loads, self._pages))

    def describe_problems(self) -> str:
        """Return the number of problems, and the first of them."""
        shown = [f"{quoted(name, 80)} ({problem})" for name, problem in self.problems[:SHOWN]]
        more = f" and {len(self.problems) - SHOWN} more" if len(self.problems) > SHOWN else ""
        users = plural(len(self.problems), "user", "users")
        return f"{users} can't be reset: {', '.join(shown)}{more}"


def closed_gates(
    server: ServerConfig,
    database: Database,
    *,
    expiry: int | None,
    must_change: bool | None,
    access: AccessChanges,
) -> ClosedGates:
    """Return a count of the gates that a reset with these options leaves closed, of no user yet."""
    now = utc_now()
    expires_at = ExpiryPolicy.from_settings(server.settings, expiry).expires_at(now)
    with open_users(database, read_only=True) as users:
        reset = Reset(now, expires_at, must_change, access, users.mending())
    return ClosedGates(reset, LoginSettings(server.settings))


def select_listed(
    database: Database, listed: Iterable[str], closed: ClosedGates, already_reset: Collection[str] = ()
) -> Selection:
    """Look up usernames, without those that are `already_reset`; errors as `Database.transaction`."""
    counts = Counter(listed)
    repeated = sorted(name for name, count in counts.items() if count > 1)
    selection = Selection(closed, problems=[(name, "listed more than once") for name in repeated])
    names = [name for name in counts if name not in already_reset]
    for start in range(0, len(names), PAGE):
        page = names[start : start + PAGE]
        with open_users(database) as users:
            found = users.find(page, lock=False)
            may_hide = len(found) < len(page) and users.hint_at_policies()
        missing = "no such user, or hidden by row-level security" if may_hide else "no such user"
        selected = []
        for name in page:
            user = found.get(name)
            if user is None:
                selection.problems.append((name, missing))
            elif not user.is_approved:
                status = printable(user.approval_status, 40)
                selection.problems.append((name, f"not approved, but {status}"))
            else:
                selected.append(user)
        selection.add(selected)
    return selection


def select_all(
    database: Database, exclude: Sequence[str], closed: ClosedGates, already_reset: Collection[str] = ()
) -> Selection:
    """Look up all approved users, without `exclude` and without those that are `already_reset`.

    Raises UserNotFoundError if a user in `exclude` does not exist; other errors as `Database.transaction`.
    """
    with open_users(database, read_only=True) as users:
        excluded = users.find(exclude, lock=False)
        for name in exclude:
            if name not in excluded:
                raise UserNotFoundError(f"No such user {quoted(name)} to exclude.", users.suggest(name))
    selection = Selection(closed)
    last = 0
    while True:
        with open_users(database) as users:
            page = users.page(last, PAGE)
        if not page:
            return selection
        unreadable = [user.username for user in page if UNREADABLE in user.username]
        selection.problems += [(name, "the username is not a valid text") for name in unreadable]
        known = [user for user in page if UNREADABLE not in user.username and user.username not in excluded]
        selection.add([user for user in known if user.username not in already_reset])
        last = page[-1].id
