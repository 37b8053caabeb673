"""The users of a server, in its database."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, Select, bindparam, collate, func, null, select, text, update
from sqlalchemy.exc import DBAPIError

from zato_sso_reset.database.access import AccessRepository
from zato_sso_reset.database.engine import Database
from zato_sso_reset.database.errors import is_not_encodable
from zato_sso_reset.database.schema import check_transactions, has_totp
from zato_sso_reset.database.tables import users
from zato_sso_reset.domain.access import AccessChanges
from zato_sso_reset.domain.users import APPROVED, UNREADABLE, NewPassword, User
from zato_sso_reset.errors import DatabaseUnavailableError, UserNotFoundError
from zato_sso_reset.text import did_you_mean, quoted

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

CANDIDATES = 500  # usernames to compare with a mistyped one, of each kind of similarity
COMPLETIONS = 50  # usernames to offer for completion


@contextmanager
def open_users(database: Database, *, read_only: bool = False) -> Iterator["UserRepository"]:
    """Open a unit of work, rolled back unless it is committed; errors as `Database.transaction`."""
    with database.transaction(read_only=read_only) as connection:
        yield UserRepository(database, connection)


class UserRepository:
    """Reads and writes users within one transaction."""

    def __init__(self, database: Database, connection: Connection) -> None:
        self.database = database
        self.access = AccessRepository(connection)
        self._connection = connection

    def get_approved_for_update(self, username: str) -> User:
        """Lock and return the user with exactly this name; raise UserNotFoundError if none is approved."""
        return self.get_approved(username, lock=True)

    def get_approved(self, username: str, *, lock: bool) -> User:
        """Return the user with exactly this name; raise UserNotFoundError if none is approved."""
        user = self.get(username, lock=lock)
        if not user.is_approved:
            message = f"User {quoted(username)} is not approved, but {quoted(user.approval_status)}."
            raise UserNotFoundError(message, "Approve the user first.")
        return user

    def get(self, username: str, *, lock: bool) -> User:
        """Return the user with exactly this name, approved or not; raise UserNotFoundError if none exists."""
        user = self.find([username], lock=lock).get(username)
        if user is None:
            raise UserNotFoundError(f"No such user {quoted(username)}.", self.suggest(username))
        return user

    def get_for_login(self, username: str) -> User:
        """Return the user that a server finds for a login: MySQL's collations find `alice` for `ALICE`.

        Raises UserNotFoundError if none exists.
        """
        query = _users(self._connection).where(users.c.username == username)
        rows = self._rows(query.order_by(users.c.approval_status != APPROVED), [username])
        if rows:
            return _user(rows[0])
        raise UserNotFoundError(f"No such user {quoted(username)}.", self.suggest(username))

    def find(self, usernames: Sequence[str], *, lock: bool) -> dict[str, User]:
        """Return the users with exactly these names that exist, by name, in the order of their ids."""

        def rows(names: Sequence[str], *, lock: bool) -> Sequence[Row[Any]] | None:
            query = _users(self._connection).where(users.c.username.in_(names)).order_by(users.c.id)
            return self._rows(query.with_for_update() if lock else query, names)

        found = rows(usernames, lock=lock)
        if found is None:  # one of the names would hide all others
            known = [name for name in usernames if rows([name], lock=False) is not None]
            found = rows(known, lock=lock) or []
        # MySQL's collations find `alice` for `ALICE` and `alice `.
        wanted = set(usernames)
        return {row.username: _user(row) for row in found if row.username in wanted}

    def totp_key(self, user: User) -> str:
        """Return a user's sealed TOTP key, empty if there is none."""
        query = select(users.c.totp_key).where(users.c.id == user.id)
        return stored_text(self._connection.scalar(query) or "")

    def page(self, after: int, size: int) -> list[User]:
        """Return the next approved users by id, at most `size`."""
        query = _users(self._connection).where(users.c.id > after, users.c.approval_status == APPROVED)
        return [_user(row) for row in self._connection.execute(query.order_by(users.c.id).limit(size))]

    def usernames(self, prefix: str) -> list[str]:
        """Return the first usernames with exactly this prefix, at most `COMPLETIONS`."""
        name = users.c.username
        query = select(name).where(self._pattern_name.startswith(prefix, autoescape=True)).order_by(name)
        # LIKE ignores case on SQLite and MySQL, so the query asks for more.
        found = self._connection.scalars(query.limit(CANDIDATES))
        return [username for username in found if username.startswith(prefix)][:COMPLETIONS]

    def store(self, new: Sequence[NewPassword], access: AccessChanges) -> dict[str, int]:
        """Change the access and the passwords of users.

        Raises DatabaseUnavailableError if the database did not keep a change, or could not roll it back.
        """
        of, now = [each.user for each in new], new[0].set_at
        changed = self.access.change(of, access, now)
        self._set_passwords(new)
        self.access.check(of, access, now)
        return changed

    def lock_passwords(self, user_ids: Iterable[int]) -> dict[int, str]:
        """Lock the rows of users, and return the stored passwords of those that exist."""
        query = select(users.c.id, users.c.password).where(users.c.id.in_(list(user_ids)))
        rows = self._connection.execute(query.order_by(users.c.id).with_for_update())
        return {row.id: stored_text(row.password) for row in rows}

    def suggest(self, username: str) -> str:
        """Return a hint for a username that does not exist: the nearest ones, or what to check.

        Candidates differ in case alone, end alike, or are neighbours in the order of the index.
        """
        if hint := self.hint_at_policies():
            return hint
        name = users.c.username
        local_part = username.partition("@")[0]  # many users may share the domain of an email address
        near: dict[str, str] = {}
        for query in (
            select(name).where(func.lower(name) == func.lower(username)),
            select(name).where(
                self._pattern_name.endswith(username[len(local_part) // 2 :], autoescape=True)
            ),
            select(name).where(name < username).order_by(name.desc()),
            select(name).where(name > username).order_by(name),
        ):
            rows = self._rows(query.limit(CANDIDATES), [username]) or []
            near |= {found.lower(): found for (found,) in rows if UNREADABLE not in found}
        return did_you_mean(username.lower(), near) or "Check the name; its case matters."

    def hint_at_policies(self) -> str:
        """Return a hint if PostgreSQL's row-level security may hide users, or else an empty text."""
        is_active = "SELECT row_security_active('zato_sso_user')"
        if self._connection.dialect.name == "postgresql" and self._connection.scalar(text(is_active)):
            return "Row-level security may hide users: look at the policies of zato_sso_user."
        return ""

    def mending(self) -> str:
        r"""Return the statement without which a password that users change at a login is lost; see `Account`.

        Zato stores bytes, of which PostgreSQL makes the text `\x...` unless `bytea_output` is `escape`.
        """
        dialect = self._connection.dialect
        if dialect.name != "postgresql" or self._connection.scalar(text("SHOW bytea_output")) == "escape":
            return ""
        name = dialect.identifier_preparer.quote_identifier(self._connection.engine.url.database or "")
        return f"ALTER DATABASE {name} SET bytea_output='escape'"

    def commit(self) -> None:
        """Commit the unit of work; any exception leaves open whether the database committed it."""
        self._connection.commit()

    def close(self) -> None:
        """Close the connection, which releases all locks."""
        self._connection.close()

    @property
    def _pattern_name(self) -> "ColumnElement[str]":
        """The column of usernames for LIKE, which PostgreSQL refuses for a nondeterministic collation."""
        name = users.c.username
        return collate(name, "C") if self._connection.dialect.name == "postgresql" else name

    def _rows(self, query: Select[Any], names: Iterable[str]) -> Sequence[Row[Any]] | None:
        """Return the rows, or None if the database's character set lacks one of the names in the query."""
        # A statement that fails would abort a transaction of PostgreSQL.
        may_abort = self._connection.dialect.name == "postgresql" and not "".join(names).isascii()
        try:
            with self._connection.begin_nested() if may_abort else nullcontext():
                return self._connection.execute(query).all()
        except DBAPIError as error:
            if not is_not_encodable(error):
                raise
            return None

    def _set_passwords(self, new: Sequence[NewPassword]) -> None:
        check_transactions(self._connection, [users.name])
        written = {each.user.id: _columns(each) for each in new}
        names = list(_columns(new[0]))
        statement = update(users).where(users.c.id == bindparam("row_id"))
        statement = statement.values({name: bindparam(name) for name in names})
        parameters = [{"row_id": row_id, **columns} for row_id, columns in written.items()]
        changed = self._connection.execute(statement, parameters).rowcount
        if self._connection.dialect.name == "postgresql":  # deferred triggers would fire after the delivery
            self._connection.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")
        query = select(users.c.id, *(users.c[name] for name in names)).where(users.c.id.in_(list(written)))
        found = {row["id"]: row for row in self._connection.execute(query).mappings()}
        if changed != len(new) or not all(_is_kept(written[each], found.get(each)) for each in written):
            message = "The database did not keep the new password as it was written."
            hint = "Look for triggers on zato_sso_user, and check that its password column has the type TEXT."
            raise DatabaseUnavailableError(message, hint)


def _users(connection: Connection) -> Select[Any]:
    """Return a query for users; its columns are named like the fields of `User`."""
    return select(
        *users.c["id", "user_id", "username", "approval_status", "sign_up_status", "is_locked"],
        *users.c["is_super_user", "password"],
        (users.c.is_totp_enabled if has_totp(connection) else null()).label("is_totp_enabled"),
        users.c.password_must_change.label("must_change"),
        users.c.password_last_set.label("set_at"),
        users.c.password_expiry.label("expires_at"),
    )


def _user(row: Row[Any]) -> User:
    return User(**{**row._asdict(), "password": stored_text(row.password)})


def _columns(new: NewPassword) -> dict[str, object]:
    columns: dict[str, object] = {
        "password": new.stored,
        "password_is_set": True,
        "password_last_set": new.set_at,
        "password_expiry": new.expires_at,
    }
    return columns if new.must_change is None else {**columns, "password_must_change": new.must_change}


def stored_text(stored: str | bytes) -> str:
    """Return a stored password as text; the stock command leaves bytes on SQLite."""
    return stored.decode("latin-1") if isinstance(stored, bytes) else stored


def _is_kept(written: Mapping[str, object], found: Mapping[Any, Any] | None) -> bool:
    return found is not None and all(_is_same(value, found[name]) for name, value in written.items())


def _is_same(written: object, found: object) -> bool:
    if isinstance(written, datetime) and isinstance(found, datetime):
        return abs(written - found) < timedelta(seconds=1)  # MySQL keeps whole seconds
    return written == found
