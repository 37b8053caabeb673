"""Rows 1, 24 and 25 at random: the short form of `python -m tests.faults.loops --long`."""

from tests.faults.loops import MANY, bulk_kill_loop, busy_server, kill_loop, race
from tests.support.servers import Server, insert_users


class TestLoops:
    """Nothing is lost."""

    def test_kills_at_random_instants(self, server: Server) -> None:
        """Row 1: the account has its old password, or one that was printed whole."""
        figures = kill_loop(server, kills=3, seed=1)

        assert figures.lost == 0, figures

    def test_kills_of_many_resets(self, server: Server) -> None:
        """After --resume each user has exactly one line, which is valid; none was reset without need."""
        insert_users(server, MANY)
        figures = bulk_kill_loop(server, kills=1, seed=1)

        assert figures.lost == 0, figures

    def test_many_administrators(self, server: Server) -> None:
        """Row 24: of one user and of others, each has a password of a process that ended with 0."""
        figures = race(server, 5, ["user1", "user1", "user1", "locked1", "MixedCase"])

        assert set(figures.exit_codes) <= {0, 75}
        assert (figures.new, figures.lost) == (3, 0)

    def test_beside_a_running_server(self, server: Server) -> None:
        """Row 25: readers and writers go on all the while."""
        with busy_server(server):
            figures = race(server, 3, ["user1", "MixedCase"])

        assert set(figures.exit_codes) <= {0, 75}
        assert figures.lost == 0, figures
