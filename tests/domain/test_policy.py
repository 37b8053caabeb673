"""The server's own rules of passwords."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zato_sso_reset.domain.policy import PasswordPolicy
from zato_sso_reset.errors import ConfigError
from zato_sso_reset.server.config import SSOSettings
from zato_sso_reset.server.ini import ValueResolver


def policy_of(folder: Path, conf: str) -> PasswordPolicy:
    """Return the policy of a server with these lines in its `[password]`."""
    (folder / "sso.conf").write_text(f"[password]\n{conf}\n")
    resolver = ValueResolver(env={}, warn=pytest.fail, secret=lambda _group, key: key)
    return PasswordPolicy.from_settings(SSOSettings(folder, resolver))


class TestFromSettings:
    """`PasswordPolicy.from_settings`."""

    def test_reads_the_rules(self, tmp_path: Path) -> None:
        """Lengths, score and the lines of the reject list, lower-cased and without their blanks."""
        policy = policy_of(
            tmp_path,
            'min_length=8\nmax_length=256\nmin_complexity=3\nreject_list = """\n  QWERTY\n\n  letmein\n"""',
        )

        assert policy == PasswordPolicy(8, 256, 3, ("qwerty", "letmein"))

    @pytest.mark.parametrize("reject_list", ["", "reject_list=\n", 'reject_list="""\n\n"""\n'])
    def test_takes_an_empty_reject_list(self, tmp_path: Path, reject_list: str) -> None:
        """Without any line, no password is rejected."""
        policy = policy_of(tmp_path, f"{reject_list}min_length=8\nmax_length=256\nmin_complexity=0")

        assert policy == PasswordPolicy(8, 256, 0, ())

    def test_is_as_strict_as_a_stock_server_where_no_score_is_given(self, tmp_path: Path) -> None:
        """Without `min_complexity`, the highest score is asked for."""
        assert policy_of(tmp_path, "min_length=8\nmax_length=256").min_complexity == 4

    @pytest.mark.parametrize("key", ["min_length", "max_length"])
    def test_asks_for_the_lengths(self, tmp_path: Path, key: str) -> None:
        """A length that is missing is named."""
        lines = {"min_length": "8", "max_length": "256"}
        lines.pop(key)

        with pytest.raises(ConfigError, match=rf"sso.conf` has no \[password\] {key}. Add it"):
            policy_of(tmp_path, "\n".join(f"{key}={value}" for key, value in lines.items()))

    @pytest.mark.parametrize(
        ("key", "value"),
        [("min_length", "eight"), ("max_length", "0"), ("min_complexity", "5"), ("min_complexity", "-1")],
    )
    def test_refuses_numbers_that_are_none(self, tmp_path: Path, key: str, value: str) -> None:
        """A rule that is no number in range is told by file, section and key."""
        lines = {"min_length": "8", "max_length": "256", key: value}

        with pytest.raises(ConfigError, match=rf"sso.conf`: \[password\] {key} is not a whole number from"):
            policy_of(tmp_path, "\n".join(f"{key}={value}" for key, value in lines.items()))

    def test_refuses_a_list_where_a_text_belongs(self, tmp_path: Path) -> None:
        """A reject list with commas, which INI takes apart, is told."""
        with pytest.raises(ConfigError, match="reject_list is not a text"):
            policy_of(tmp_path, "min_length=8\nmax_length=256\nreject_list=a, b")


class TestRefusal:
    """`PasswordPolicy.refusal`."""

    @pytest.mark.parametrize(("length", "taken"), [(7, False), (8, True), (12, True), (13, False)])
    def test_counts_characters(self, length: int, taken: bool) -> None:  # noqa: FBT001
        """A password of either limit is taken; characters count, not bytes."""
        assert (PasswordPolicy(8, 12).refusal("é" * length) is None) is taken

    @settings(deadline=None, max_examples=50)
    @given(st.text(max_size=10), st.sampled_from(["letmein", "LetMeIn", "LETMEIN"]), st.text(max_size=10))
    def test_finds_a_rejected_word_anywhere(self, before: str, word: str, after: str) -> None:
        """A rejected word refuses a password wherever it stands, in any case."""
        policy = PasswordPolicy(0, 256, reject_list=("123456", "letmein"))

        assert policy.refusal(before + word + after) == "it contains a line of reject_list"

    @pytest.mark.parametrize(
        ("password", "score"), [("password", 0), ("correct horse", 3), ("Vx-AJBvbZ~XDg6:ZF3", 4)]
    )
    def test_asks_for_the_least_score(self, password: str, score: int) -> None:
        """A password is taken up to its own zxcvbn score, and refused above."""
        for least in range(5):
            refusal = PasswordPolicy(0, 256, min_complexity=least).refusal(password)
            assert refusal == (
                None if least <= score else f"its zxcvbn score is below min_complexity={least}"
            )

    def test_scores_a_password_of_any_length(self) -> None:
        """A password longer than zxcvbn takes is no reason to fail."""
        assert PasswordPolicy(8, 256, min_complexity=4).refusal("Vx-AJBvbZ~XDg6:ZF3" * 10) is None
