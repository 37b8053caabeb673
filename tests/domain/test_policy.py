"""The server's password policy."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.settings import read_settings
from zato_sso_reset.domain.policy import PasswordPolicy
from zato_sso_reset.errors import ConfigError

LENGTHS = "min_length=8\nmax_length=256\n"


def read_policy(folder: Path, conf: str) -> PasswordPolicy:
    """Return the policy of a server with these lines in its `[password]`."""
    return PasswordPolicy.from_settings(read_settings(folder, f"[password]\n{conf}\n"))


class TestFromSettings:
    """`PasswordPolicy.from_settings`."""

    @pytest.mark.parametrize(
        ("conf", "policy"),
        [
            (
                f'{LENGTHS}min_complexity=3\nreject_list = """\n  QWERTY\n\n  letmein\n"""',
                PasswordPolicy(8, 256, 3, ("qwerty", "letmein")),
            ),
            (LENGTHS, PasswordPolicy(8, 256, 4)),
            ("min_length=0\nmax_length=1", PasswordPolicy(0, 1, 4)),
            (f"{LENGTHS}reject_list=\nmin_complexity=0", PasswordPolicy(8, 256)),
            (f'{LENGTHS}reject_list="""\n\n"""\nmin_complexity=4', PasswordPolicy(8, 256, 4)),
        ],
        ids=["all rules", "stock complexity", "widest lengths", "empty reject_list", "blank reject_list"],
    )
    def test_rules_are_read(self, tmp_path: Path, conf: str, policy: PasswordPolicy) -> None:
        """Lines of the reject list are lower-cased; without min_complexity, a stock server uses 4."""
        assert read_policy(tmp_path, conf) == policy

    @pytest.mark.parametrize(
        ("key", "line", "problem"),
        [
            ("min_length", "", r"sso.conf` has no \[password\] min_length. Add it"),
            ("max_length", "", r"sso.conf` has no \[password\] max_length. Add it"),
            ("min_length", "min_length=eight", r"\[password\] min_length is not a whole number from 0"),
            ("max_length", "max_length=0", r"\[password\] max_length is not a whole number from 1"),
            ("min_complexity", "min_complexity=5", "min_complexity is not a whole number from 0 to 4"),
            ("min_complexity", "min_complexity=-1", "min_complexity is not a whole number from 0 to 4"),
            ("reject_list", "reject_list=a, b", r"\[password\] reject_list is not text. Quote the value"),
        ],
    )
    def test_invalid_rule_is_a_configuration_error(
        self, tmp_path: Path, key: str, line: str, problem: str
    ) -> None:
        """The error names file, section and key of a rule that is missing or out of range."""
        lines = {"min_length": "min_length=8", "max_length": "max_length=256", key: line}

        with pytest.raises(ConfigError, match=problem):
            read_policy(tmp_path, "\n".join(lines.values()))


@pytest.mark.parametrize(
    ("policy", "text"),
    [
        (PasswordPolicy(8, 256), "8 to 256 characters"),
        (PasswordPolicy(8, 9, 0, ("a",)), "8 to 9 characters, without any line of reject_list"),
        (PasswordPolicy(8, 9, 4), "8 to 9 characters, a zxcvbn score of at least 4"),
    ],
)
def test_text_has_the_rules_that_apply(policy: PasswordPolicy, text: str) -> None:
    """A rule that is off is left out."""
    assert str(policy) == text


class TestRefusal:
    """`PasswordPolicy.refusal`."""

    @pytest.mark.parametrize(
        ("length", "refusal"),
        [
            (7, "it is shorter than min_length=8"),
            (8, None),
            (12, None),
            (13, "it is longer than max_length=12"),
        ],
    )
    def test_length_is_counted_in_characters(self, length: int, refusal: str | None) -> None:
        """A password as long as either limit is accepted; bytes do not count."""
        assert PasswordPolicy(8, 12).refusal("é" * length) == refusal

    @settings(deadline=None, max_examples=50)
    @given(st.text(max_size=10), st.sampled_from(["letmein", "LetMeIn", "LETMEIN"]), st.text(max_size=10))
    def test_rejected_word_is_found_anywhere(self, before: str, word: str, after: str) -> None:
        """Its position and case do not matter."""
        policy = PasswordPolicy(0, 256, reject_list=("123456", "letmein"))

        assert policy.refusal(before + word + after) == "it contains a line of reject_list"

    @pytest.mark.parametrize(
        ("password", "score"),
        [("password", 0), ("correct horse", 3), ("Vx-AJBvbZ~XDg6:ZF3", 4), ("Vx-AJBvbZ~XDg6:ZF3" * 10, 4)],
        ids=["weak", "fair", "strong", "longer than zxcvbn accepts"],
    )
    def test_score_must_reach_min_complexity(self, password: str, score: int) -> None:
        """A password is accepted up to its own zxcvbn score; 0 switches the rule off."""
        for least in range(5):
            refusal = f"its zxcvbn score is below min_complexity={least}" if least > score else None
            assert PasswordPolicy(0, 256, min_complexity=least).refusal(password) == refusal
