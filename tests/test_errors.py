"""What errors carry, and what may be shown on a terminal."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zato_sso_reset import errors
from zato_sso_reset.errors import ZatoError, printable

EXIT_CODES = {
    "ZatoError": 16,
    "InvalidValueError": 2,
    "AlreadyExistsError": 20,
    "PasswordRefusedError": 21,
    "UserNotFoundError": 22,
    "NotAServerError": 23,
    "DatabaseError": 16,
    "DatabaseUnavailableError": 69,
    "FileNotMadeError": 73,
    "OutputError": 74,
    "DatabaseBusyError": 75,
    "CommitUnknownError": 76,
    "DatabaseDeniedError": 77,
    "PermissionDeniedError": 77,
    "ConfigError": 78,
    "CommitRefusedError": 79,
}
"""What the documentation promises."""


class TestExitCodes:
    """The exit code of each error."""

    def test_are_the_documented_ones(self) -> None:
        """Each error has the exit code that scripts rely on, and there is no error without one."""
        found = {
            name: kind.exit_code
            for name, kind in vars(errors).items()
            if isinstance(kind, type) and issubclass(kind, ZatoError)
        }

        assert found == EXIT_CODES

    @pytest.mark.parametrize("name", ["DatabaseUnavailableError", "DatabaseBusyError", "DatabaseDeniedError"])
    def test_database_errors_are_caught_as_one(self, name: str) -> None:
        """Whatever a database answers is a DatabaseError."""
        with pytest.raises(errors.DatabaseError, match="The message"):
            raise getattr(errors, name)("The message.")

    @pytest.mark.parametrize("name", ["CommitUnknownError", "CommitRefusedError"])
    def test_the_end_of_a_commit_is_not_looked_into_again(self, name: str) -> None:
        """What was found out about a commit is no DatabaseError, which would be looked into."""
        assert not issubclass(getattr(errors, name), errors.DatabaseError)


class TestPrintable:
    """`printable`, through which names and paths reach a terminal."""

    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("alice", "alice"),
            ("Ιωαννης", "Ιωαννης"),
            ("\x1b[31mred", "\\x1b[31mred"),
            ("a\r\nb", "a\\r\\nb"),
            ("\x00\x9b", "\\x00\\x9b"),
            ("abc\u202edef", "abc\\u202edef"),
            ("\udcff", "\\udcff"),
        ],
    )
    def test_escapes_what_a_terminal_would_act_on(self, text: str, shown: str) -> None:
        """Control characters, direction overrides and stray bytes are spelled out, letters stay."""
        assert printable(text) == shown

    def test_cuts_what_is_too_long(self) -> None:
        """A longer text ends in three dots, a text of just the limit does not."""
        assert printable("x" * 40, 40) == "x" * 40
        assert printable("x" * 41, 40) == "x" * 40 + "..."

    @settings(deadline=None, max_examples=200)
    @given(st.text(st.characters()), st.integers(1, 300))
    def test_is_printable_and_short_whatever_comes_in(self, text: str, limit: int) -> None:
        """No text at all gets a control character, or more than the limit, through."""
        shown = printable(text, limit)

        assert shown.isprintable()
        assert len(shown) <= limit + 3

    @settings(deadline=None, max_examples=100)
    @given(st.text().filter(str.isprintable))
    def test_leaves_printable_text_alone(self, text: str) -> None:
        """What a terminal can show is shown as it is."""
        assert printable(text, len(text)) == text
