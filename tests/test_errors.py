"""Exit codes, and text that is safe for a terminal."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zato_sso_reset import errors
from zato_sso_reset.errors import ZatoError
from zato_sso_reset.text import printable

EXIT_CODES = {
    "ZatoError": 16,
    "InvalidValueError": 2,
    "AlreadyExistsError": 20,
    "PasswordRefusedError": 21,
    "UserNotFoundError": 22,
    "NotAServerError": 23,
    "DatabaseError": 16,
    "DatabaseUnavailableError": 69,
    "ExhaustedError": 69,
    "FileNotMadeError": 73,
    "OutputError": 74,
    "DatabaseBusyError": 75,
    "CommitUnknownError": 76,
    "DatabaseDeniedError": 77,
    "PermissionDeniedError": 77,
    "ConfigError": 78,
    "CommitRefusedError": 79,
}
"""The exit codes that the documentation promises."""


class TestErrors:
    """The tree of errors."""

    def test_exit_codes_are_the_documented_ones(self) -> None:
        """Every error has one."""
        found = {
            name: kind.exit_code
            for name, kind in vars(errors).items()
            if isinstance(kind, type) and issubclass(kind, ZatoError)
        }

        assert found == EXIT_CODES

    def test_database_errors_are_those_before_the_commit(self) -> None:
        """The outcome of a commit is no DatabaseError: it says itself whether something was changed."""
        found = {kind.__name__ for kind in errors.DatabaseError.__subclasses__()}

        assert found == {"DatabaseUnavailableError", "DatabaseBusyError", "DatabaseDeniedError"}

    def test_text_joins_message_and_hint(self) -> None:
        """The hint is optional."""
        assert str(ZatoError("It failed.", "Try again.")) == "It failed. Try again."
        assert str(ZatoError("It failed.")) == "It failed."


class TestPrintable:
    """`printable`, for names and paths on a terminal."""

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
    def test_unprintable_characters_are_escaped(self, text: str, shown: str) -> None:
        """Control characters, direction overrides and undecodable bytes; letters stay."""
        assert printable(text) == shown

    def test_long_text_is_cut(self) -> None:
        """It ends with three dots; a text within the limit does not."""
        assert printable("x" * 40, 40) == "x" * 40
        assert printable("x" * 41, 40) == "x" * 40 + "..."

    @settings(deadline=None, max_examples=200)
    @given(st.text(st.characters()), st.integers(1, 300))
    def test_result_is_printable_and_within_the_limit(self, text: str, limit: int) -> None:
        """No text is an exception."""
        shown = printable(text, limit)

        assert shown.isprintable()
        assert len(shown) <= limit + 3

    @settings(deadline=None, max_examples=100)
    @given(st.text().filter(str.isprintable))
    def test_printable_text_is_unchanged(self, text: str) -> None:
        """A terminal can show it as it is."""
        assert printable(text, len(text)) == text
