"""The audit trail: what a line looks like."""

import re

from hypothesis import given
from hypothesis import strategies as st

from tests.support.syslog import fields_of
from zato_sso_reset.audit.trail import MAX_VALUE, line


class TestLine:
    """What a line looks like."""

    def test_fields(self) -> None:
        """Texts are quoted, numbers are not, and what is empty is left out."""
        fields = {"command": "reset", "server": "/srv/a b", "exit_code": 22, "tty": "", "sudo_user": None}

        assert line(fields) == 'command="reset" server="/srv/a b" exit_code=22'

    def test_readable(self) -> None:
        """Letters of any script stay as they are."""
        assert line({"user": "Łucja 日本"}) == 'user="Łucja 日本"'

    def test_cut_short(self) -> None:
        """A long value does not push the others out of the line."""
        assert len(line({"user": "x" * 5000, "outcome": "done"})) < MAX_VALUE + 50

    @given(
        st.dictionaries(st.from_regex(re.compile("[a-z_]+"), fullmatch=True), st.text(min_size=1), min_size=1)
    )
    def test_nothing_is_forged(self, fields: dict[str, str]) -> None:
        """Whatever is in a value, it stays in its value, in one line of what can be printed and sent."""
        text = line(fields)

        assert text.isprintable()
        assert text.encode()
        assert list(fields_of(text)) == list(fields)

    @given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=MAX_VALUE))
    def test_what_can_be_printed_is_kept(self, text: str) -> None:
        """A value that needs no escape, and is not too long, reads back as it was."""
        assert fields_of(line({"user": text})) == {"user": text}
