"""The selection of users: duplicates, and the description of problems."""

from collections import Counter
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.fakes import FakeDatabase, count_gates, fake_user, use_fake_users
from zato_sso_reset.services.selection import SHOWN, Selection, select_listed
from zato_sso_reset.text import plural

any_names = st.lists(st.text(min_size=1) | st.sampled_from(["user1", "USER1", "\0", "a\0b", "\n", "\xff"]))


@given(any_names)
def test_each_listed_user_is_selected_once_and_duplicates_are_problems(names: list[str]) -> None:
    """The order of the list is kept."""
    users = [fake_user(number, username=name) for number, name in enumerate(set(names))]
    with pytest.MonkeyPatch.context() as monkeypatch:
        use_fake_users(monkeypatch)
        selection = select_listed(cast("Any", FakeDatabase(users)), iter(names), count_gates())

    assert list(selection.usernames()) == list(dict.fromkeys(names))
    repeated = sorted(Counter(names) - Counter(set(names)))
    assert selection.problems == [(name, "listed more than once") for name in repeated]


@given(st.lists(st.text(max_size=300), max_size=30))
def test_problems_are_described_in_one_short_line(names: list[str]) -> None:
    """However many there are and whatever their names, the message is safe to print."""
    text = Selection(count_gates(), problems=[(name, "no such user") for name in names]).describe_problems()

    assert text.startswith(f"{plural(len(names), 'user', 'users')} can't be reset: ")
    assert text.isprintable()
    assert len(text) < SHOWN * 110 + 60
    assert text.count("(no such user)") >= min(len(names), SHOWN)
    assert (" more" in text[-9:]) is (len(names) > SHOWN)
