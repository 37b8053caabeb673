"""The commit, and the outcome of one that fails."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from zato_sso_reset.domain.users import NewPassword
from zato_sso_reset.errors import (
    CommitRefusedError,
    CommitUnknownError,
    DatabaseError,
    OutputError,
    ZatoError,
)

if TYPE_CHECKING:
    from zato_sso_reset.database.users import UserRepository


@contextmanager
def rolled_back_on_error(consequence: str = "Nothing was changed.") -> Iterator[None]:
    """Add the consequence of a rollback to errors that leave it open."""
    try:
        yield
    except (DatabaseError, OutputError) as error:
        error.message += f" {consequence}"
        raise


def commit(users: "UserRepository", new: Sequence[NewPassword]) -> None:
    """Commit passwords that have been delivered.

    If the commit fails, a new connection looks up which passwords hold. Raises CommitRefusedError if those
    are the old ones, or CommitUnknownError.
    """
    from zato_sso_reset.database.users import open_users

    with suppress(Exception):  # no error says whether the database committed
        users.commit()
        return
    users.close()  # otherwise, the next transaction would wait for this one on SQLite
    many = len(new) > 1
    try:
        # Only locking waits for a COMMIT that is still on its way; a plain read would see the old password.
        with open_users(users.database) as found:
            stored = found.lock_passwords(each.user.id for each in new)
    except ZatoError as error:
        problem = error.message
    except Exception as error:  # noqa: BLE001 any error leaves the question open
        problem = f"Looking it up failed with {type(error).__name__}."
    else:
        # One user is enough: a transaction is committed as a whole or not at all.
        if any(stored.get(each.user.id) == each.stored for each in new):
            return
        if any(stored.get(each.user.id) == each.user.password for each in new):
            void = f"{len(new)} new passwords are" if many else "the new password is"
            old = "ones stay" if many else "one stays"
            message = f"The database refused the commit: {void} void, and the old {old}."
            raise CommitRefusedError(message, "Run the command again.")
        problem = "The password has been changed again since."
    subject = f"the last {len(new)} new passwords were" if many else "the new password was"
    message = f"It is unknown whether {subject} stored. {problem}"
    raise CommitUnknownError(message, "Run the command again.", [each.user.username for each in new])
