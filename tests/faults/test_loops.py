"""Rows 1, 24 and 25 at random: the short form of `python -m tests.faults.loops --long`."""

from tests.faults.conftest import first_on
from tests.faults.loops import MANY, bulk_kill_loop, busy_server, kill_loop, race
from tests.support.servers import Server, insert_users


@first_on("postgresql")
def test_kills_at_random_instants(server: Server) -> None:
    """Row 1: the account has its old password, or one that was printed completely."""
    figures = kill_loop(server, kills=3, seed=1)

    assert figures.lost == 0, figures


@first_on("mysql")
def test_kills_of_bulk_resets(server: Server) -> None:
    """Row 1: after --resume, each user has exactly one line, which is valid."""
    insert_users(server, MANY)
    figures = bulk_kill_loop(server, kills=1, seed=1)

    assert figures.lost == 0, figures


def test_kills_of_bulk_resets_with_a_program(sqlite_server: Server) -> None:
    """Row 37: after --resume, each user has the last password that the program kept."""
    insert_users(sqlite_server, MANY)
    figures = bulk_kill_loop(sqlite_server, kills=1, seed=1, to_program=True)

    assert figures.lost == 0, figures


@first_on("mysql")
def test_many_administrators(server: Server) -> None:
    """Row 24: each user has a password of a process that ended with 0."""
    figures = race(server, 5, ["user1", "user1", "user1", "locked1", "MixedCase"])

    assert set(figures.exit_codes) <= {0, 75}
    assert (figures.new, figures.lost) == (3, 0)


@first_on("sqlite")
def test_running_server(server: Server) -> None:
    """Row 25: readers and writers run meanwhile."""
    with busy_server(server):
        figures = race(server, 3, ["user1", "MixedCase"])

    assert set(figures.exit_codes) <= {0, 75}
    assert figures.lost == 0, figures
