"""The commit and the order of operations, on a unit of work in memory."""

from datetime import datetime
from typing import Any, cast

import pytest

from tests.support.fakes import SOMEBODY_ELSES, FakeDatabase, FakeUserRepository, fake_user, use_fake_users
from tests.support.servers import Server
from zato_sso_reset import errors
from zato_sso_reset.database import engine
from zato_sso_reset.domain.users import NewPassword
from zato_sso_reset.server.config import ServerConfig
from zato_sso_reset.services import bulk_reset, reset
from zato_sso_reset.services.commit import commit, rolled_back_on_error

LONG_AGO = datetime(2026, 1, 2)  # noqa: DTZ001 Zato's times are naive


@pytest.fixture(autouse=True)
def _fake_users(monkeypatch: pytest.MonkeyPatch) -> None:
    use_fake_users(monkeypatch)


def commit_new(database: FakeDatabase) -> None:
    """Store and commit a new password for each user of `database`."""
    new = [NewPassword(user, "new", f"new{user.id}", LONG_AGO, LONG_AGO, None) for user in database.users]
    users = FakeUserRepository(database)
    users.store(new, cast("Any", None))
    commit(cast("Any", users), new)


class TestCommit:
    """`commit`: done, refused, or unknown."""

    @pytest.mark.parametrize(
        ("outcome", "events"),
        [
            ("succeeds", ["store", "commit"]),
            ("stored", ["store", "commit", "close", "open", "look up", "close"]),
        ],
    )
    def test_stored_passwords_are_done(self, outcome: str, events: list[str]) -> None:
        """A failed commit is looked up on a new unit of work, once its own is closed."""
        database = FakeDatabase([fake_user(1), fake_user(2)], outcome)

        commit_new(database)

        assert database.passwords == {"user1": "new1", "user2": "new2"}
        assert database.events == events

    @pytest.mark.parametrize(
        ("count", "consequence"),
        [
            (1, "the new password is void, and the old one stays."),
            (2, "2 new passwords are void, and the old ones stay."),
        ],
    )
    def test_old_passwords_mean_that_the_commit_was_refused(self, count: int, consequence: str) -> None:
        """The error says which passwords hold."""
        database = FakeDatabase([fake_user(number) for number in range(count)], "not stored")

        with pytest.raises(errors.CommitRefusedError) as caught:
            commit_new(database)

        assert caught.value.message == f"The database refused the commit: {consequence}"
        assert caught.value.hint == "Run the command again."
        assert set(database.passwords.values()) == {"old"}

    @pytest.mark.parametrize(
        ("count", "subject"), [(1, "the new password was"), (2, "the last 2 new passwords were")]
    )
    @pytest.mark.parametrize(
        ("outcome", "look_up", "reason"),
        [
            ("overwritten", None, "The password has been changed again since."),
            ("stored", errors.DatabaseBusyError("It is locked.", "Try again."), "It is locked."),
            ("stored", RuntimeError("secret"), "Looking it up failed with RuntimeError."),
        ],
    )
    def test_anything_else_leaves_the_outcome_unknown(
        self, count: int, subject: str, outcome: str, look_up: Exception | None, reason: str
    ) -> None:
        """The error has the reason and the usernames, and no exception that may hold a secret."""
        database = FakeDatabase([fake_user(number) for number in range(count)], outcome, look_up)

        with pytest.raises(errors.CommitUnknownError) as caught:
            commit_new(database)

        assert caught.value.message == f"It is unknown whether {subject} stored. {reason}"
        assert caught.value.hint == "Run the command again."
        assert caught.value.usernames == [f"user{number}" for number in range(count)]
        assert caught.value.__context__ is None
        if outcome == "overwritten":
            assert set(database.passwords.values()) == {SOMEBODY_ELSES}

    def test_deleted_user_leaves_the_outcome_to_the_others(self) -> None:
        """One user is enough, because a batch is committed as a whole."""
        database = FakeDatabase([fake_user(1), fake_user(2)], "stored")
        database.on_event = lambda event: database.users.pop(0) if event == "look up" else None

        commit_new(database)

        assert database.passwords == {"user2": "new2"}


class TestRolledBackOnError:
    """`rolled_back_on_error`."""

    @pytest.mark.parametrize("error", [errors.DatabaseBusyError, errors.OutputError])
    def test_consequence_is_added_to_database_and_output_errors(self, error: type[errors.ZatoError]) -> None:
        """Neither of them knows whether something was changed."""
        with pytest.raises(error) as caught, rolled_back_on_error("Nobody was changed."):
            raise error("It failed.", "Try again.")

        assert str(caught.value) == "It failed. Nobody was changed. Try again."

    @pytest.mark.parametrize(
        "error", [errors.CommitRefusedError, errors.ConfigError, errors.UserNotFoundError]
    )
    def test_other_errors_are_left_alone(self, error: type[errors.ZatoError]) -> None:
        """They say it themselves, or it goes without saying."""
        with pytest.raises(error) as caught, rolled_back_on_error():
            raise error("It failed.", "Try again.")

        assert str(caught.value) == "It failed. Try again."


class TestOrder:
    """Nothing is delivered before it is stored, or committed before it is delivered."""

    @pytest.fixture
    def database(self, monkeypatch: pytest.MonkeyPatch) -> FakeDatabase:
        """The database of both use cases."""
        database = FakeDatabase([fake_user(number) for number in (1, 2, 3)])
        monkeypatch.setattr(engine, "Database", lambda _config: database)
        monkeypatch.setattr(bulk_reset, "BATCH", 2)
        return database

    @pytest.fixture(params=["one user", "many users"])
    def run(self, request: pytest.FixtureRequest, database: FakeDatabase, sqlite_server: Server) -> Any:
        """Reset the password of one user, or of three, in this process."""
        server = ServerConfig.read(sqlite_server.path, env={}, stdin=None)

        def run(error: Exception | None = None, *, dry_run: bool = False) -> int:
            def deliver(_new: object) -> None:
                database.record("deliver")
                if error:
                    raise error

            options: dict[str, Any] = {"expiry": None, "must_change": None, "deliver": deliver}
            if request.param == "one user":
                reset.reset_user_password(server, "user1", dry_run=dry_run, **options)
                return 1
            options |= {"jobs": 1, "skip_missing": False, "stop": lambda: False}
            names = list(database.passwords)
            resets = bulk_reset.reset_user_passwords(
                server, cast("Any", database), names, dry_run=dry_run, **options
            )
            return len(list(resets))

        return run

    def test_store_deliver_commit(self, database: FakeDatabase, run: Any) -> None:
        """Each unit of work goes through the same operations."""
        units = run()

        assert database.events == ["open", "lock", "store", "deliver", "commit", "close"] * units

    def test_failed_delivery_rolls_back(self, database: FakeDatabase, run: Any) -> None:
        """The old passwords stay, and the error says so."""
        with pytest.raises(errors.OutputError, match=r"^It is full\. Nothing was changed\.$"):
            run(errors.OutputError("It is full."))

        assert database.events == ["open", "lock", "store", "deliver", "roll back"]
        assert set(database.passwords.values()) == {"old"}

    def test_dry_run_delivers_and_commits_nothing(self, database: FakeDatabase, run: Any) -> None:
        """Everything before the delivery is tried."""
        units = run(dry_run=True)

        assert database.events == ["open", "lock", "store", "roll back"] * units
        assert set(database.passwords.values()) == {"old"}

    def test_later_batches_leave_earlier_ones_committed(
        self, database: FakeDatabase, sqlite_server: Server
    ) -> None:
        """A user who vanished, or is no longer approved, ends a bulk reset before that batch."""
        database.users[2] = fake_user(3, approval_status="rejected")
        server = ServerConfig.read(sqlite_server.path, env={}, stdin=None)
        delivered: list[NewPassword] = []

        with pytest.raises(errors.UserNotFoundError, match="`user3` no longer exists, or is no longer app"):
            list(
                bulk_reset.reset_user_passwords(
                    server,
                    cast("Any", database),
                    list(database.passwords),
                    expiry=None,
                    must_change=None,
                    jobs=1,
                    skip_missing=False,
                    deliver=delivered.extend,
                    stop=lambda: False,
                )
            )

        assert [each.user.username for each in delivered] == ["user1", "user2"]
        assert {name for name, stored in database.passwords.items() if stored == "old"} == {"user3"}
