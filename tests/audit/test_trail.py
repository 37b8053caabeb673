"""The format of an audit line."""

import re

from hypothesis import given
from hypothesis import strategies as st

from tests.support.syslog import fields_of
from zato_sso_reset.audit.trail import MAX_VALUE, format_fields

names = st.from_regex(re.compile("[a-z_]+"), fullmatch=True)


def test_texts_are_quoted_and_empty_fields_left_out() -> None:
    """Numbers are not quoted; letters of any script stay as they are."""
    fields = {"command": "reset", "user": "Łucja 日本", "exit_code": 22, "tty": "", "sudo_user": None}

    assert format_fields(fields) == 'command="reset" user="Łucja 日本" exit_code=22'


def test_long_values_are_cut() -> None:
    """A long value leaves room for the others."""
    assert len(format_fields({"user": "x" * 5000, "outcome": "done"})) < MAX_VALUE + 50


@given(st.dictionaries(names, st.text(min_size=1), min_size=1))
def test_values_cannot_forge_fields(fields: dict[str, str]) -> None:
    """Any value stays in its field, on one printable line."""
    text = format_fields(fields)

    assert text.isprintable()
    assert text.encode()
    assert list(fields_of(text)) == list(fields)


@given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=MAX_VALUE))
def test_printable_value_reads_back_unchanged(text: str) -> None:
    """A value that needs no escape, and is not too long, is kept."""
    assert fields_of(format_fields({"user": text})) == {"user": text}
