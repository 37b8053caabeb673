"""Typed values of settings."""

from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zato_sso_reset.domain.settings import Setting
from zato_sso_reset.errors import ConfigError

NOT_NUMBERS = [
    *("", "x", "-1", "+5", "1.0", "1e3", "0x10", "1_000", " 2 ", "2\n", "\u0662", "\uff12", "²", "True"),
    *(True, 2.0, None, [1], {"a": 1}, -1, 2**32),
    pytest.param("9" * 5000, id="five thousand digits"),
    pytest.param(16**5000, id="a number of five thousand digits"),
]


class TestSetting:
    """`Setting`."""

    @settings(deadline=None, max_examples=100)
    @given(st.integers(0, 2**32 - 1), st.booleans())
    def test_integer_accepts_text_of_ini_and_numbers_of_toml(self, number: int, as_text: bool) -> None:  # noqa: FBT001
        """INI has a number as text, TOML as a number."""
        assert Setting(str(number) if as_text else number, "here").integer(0) == number

    @pytest.mark.parametrize("value", NOT_NUMBERS)
    def test_other_values_are_not_integers(self, value: object) -> None:
        """Signs, fractions, other digits, booleans and numbers of any length are refused, and not shown."""
        with pytest.raises(ConfigError) as caught:
            Setting(value, "here").integer(1)
        assert str(caught.value) == "here is not a whole number from 1 to 4294967295. Correct it."

    @pytest.mark.parametrize("largest", [2**32 - 1, str(2**32 - 1)])
    def test_integers_have_a_range(self, largest: object) -> None:
        """Both ends of the range are accepted, their neighbours are not; the last end is 2**32 - 1."""
        assert [Setting(text, "here").integer(8, 10) for text in ("8", 10)] == [8, 10]
        assert Setting(largest, "here").integer(1) == 2**32 - 1
        for outside in ("7", 11):
            with pytest.raises(ConfigError, match=r"^here is not a whole number from 8 to 10"):
                Setting(outside, "here").integer(8, 10)

    @pytest.mark.parametrize(("value", "boolean"), [("True", True), ("False", False), (True, True)])
    def test_boolean_accepts_the_spelling_of_python_and_of_toml(self, value: object, boolean: bool) -> None:  # noqa: FBT001
        """INI files of Zato spell booleans as Python does."""
        assert Setting(value, "here").boolean() is boolean

    def test_text_is_returned_unchanged(self) -> None:
        """An empty text is refused only if one is required."""
        assert Setting(" a ", "here").text(required=True) == " a "
        assert Setting("", "here").text() == ""

    @pytest.mark.parametrize(
        ("read", "values", "message"),
        [
            (
                Setting.boolean,
                ["", "yes", "true", "1", 1, 0, None, ["True"]],
                "here is neither True nor False. Correct it.",
            ),
            (Setting.text, [["a", "b"], 5, None, True], "here is not text. Quote the value."),
            (partial(Setting.text, required=True), [""], "here is empty. Set a value."),
        ],
    )
    def test_values_of_another_kind_are_refused(
        self, read: Callable[[Setting], object], values: list[object], message: str
    ) -> None:
        """The message names the source, and what the value should be."""
        for value in values:
            with pytest.raises(ConfigError) as caught:
                read(Setting(value, "here"))
            assert str(caught.value) == message

    def test_repr_shows_the_source_alone(self) -> None:
        """A value may be a secret."""
        assert repr(Setting("S3cr3t", "here")) == "Setting(source='here')"
