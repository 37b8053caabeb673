"""Whom to reset: many users, looked up before anything is changed."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from zato_sso_reset.errors import UserNotFoundError, printable

if TYPE_CHECKING:
    from zato_sso_reset.database.engine import ODB
    from zato_sso_reset.database.users import UserRepository
    from zato_sso_reset.domain.users import User

PAGE = 500
"""Users that are looked up at a time; SQLite before 3.32 takes no more than 999 values."""

SHOWN = 10
"""Users that an error names before it counts."""

_END = b"\xff"
"""No byte of UTF-8; a name that some database holds may have a NUL in it."""


class Usernames:
    """A list of usernames in little memory: a hundred thousand take a megabyte or two."""

    def __init__(self) -> None:
        self._text = bytearray()
        self._count = 0

    def append(self, username: str) -> None:
        """Add a username."""
        self._text += username.encode() + _END
        self._count += 1

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[str]:
        start = 0
        while (end := self._text.find(_END, start)) >= 0:
            yield self._text[start:end].decode()
            start = end + 1

    def repeated(self) -> Iterator[str]:
        """Yield each username that has been there before, looking at a part of them all at a time."""
        parts = 1 + min(len(self) // 10_000, 20)  # more would take longer than the look-up
        for part in range(parts):
            seen = set()
            for name in self:
                if hash(name) % parts == part:
                    if name in seen:
                        yield name
                    seen.add(name)


@dataclass
class Selection:
    """The users to reset, and those that were asked for and can't be."""

    usernames: Usernames = field(default_factory=Usernames)
    super_users: int = 0
    problems: list[str] = field(default_factory=list)
    problem_count: int = 0

    def add(self, user: "User") -> None:
        """Take a user in."""
        self.usernames.append(user.username)
        self.super_users += user.is_super_user

    def refuse(self, username: str, problem: str) -> None:
        """Note a user that can't be reset."""
        self.problem_count += 1
        if len(self.problems) < SHOWN:
            self.problems.append(f"`{printable(username, 80)}` ({problem})")

    def describe_problems(self) -> str:
        """Return the first problems and their number."""
        more = f" and {self.problem_count - SHOWN} more" if self.problem_count > SHOWN else ""
        return f"{self.problem_count} can't be reset: {', '.join(self.problems)}{more}"


def select_listed(odb: "ODB", listed: Iterable[str], done: Collection[str] = ()) -> Selection:
    """Look up usernames; those in `done` are left out.

    Raises:
        DatabaseError: the database can't be read.
    """
    from zato_sso_reset.database.users import with_users

    selection = Selection()
    asked = Usernames()
    for name in listed:
        asked.append(name)
    again = set(asked.repeated())
    for name in sorted(again):
        selection.refuse(name, "there twice")
    for names in _pages(name for name in _once(asked, again) if name not in done):
        found = with_users(odb, partial(_find, names))
        for name in names:
            user = found.get(name)
            if user is None:
                selection.refuse(name, "no such user")
            elif not user.is_approved:
                selection.refuse(name, f"not approved, but {printable(user.approval_status, 40)}")
            else:
                selection.add(user)
    return selection


def select_all(odb: "ODB", exclude: Sequence[str], done: Collection[str] = ()) -> Selection:
    """Look up all approved users but those in `exclude`, which must be there; those in `done` are left out.

    Raises:
        UserNotFoundError: one in `exclude` is not there.
        DatabaseError: the database can't be read.
    """
    from zato_sso_reset.database.users import with_users

    selection = Selection()
    known = with_users(odb, partial(_find, exclude))
    for name in exclude:
        if name not in known:
            hint = with_users(odb, partial(_did_you_mean, name), reading=True)
            raise UserNotFoundError(f"No such user `{printable(name)}`, who is to be excluded.{hint}")
    last = 0
    while page := with_users(odb, partial(_page, last)):
        for user in page:
            if user.username not in known and user.username not in done:
                selection.add(user)
        last = page[-1].id
    return selection


def _find(usernames: Sequence[str], users: "UserRepository") -> dict[str, "User"]:
    return users.find(usernames, lock=False)


def _page(after: int, users: "UserRepository") -> list["User"]:
    return users.page(after, PAGE)


def _did_you_mean(username: str, users: "UserRepository") -> str:
    return users.did_you_mean(username)


def _once(usernames: Iterable[str], repeated: Collection[str]) -> Iterator[str]:
    seen = set()
    for name in usernames:
        if name not in seen:
            yield name
        if name in repeated:
            seen.add(name)


def _pages(names: Iterable[str]) -> Iterator[list[str]]:
    iterator = iter(names)
    while page := list(islice(iterator, PAGE)):
        yield page
