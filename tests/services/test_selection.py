"""`selection`: many names in little memory, and which of them are there twice."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from zato_sso_reset.services.selection import SHOWN, Selection, Usernames

any_names = st.lists(st.text(min_size=1) | st.sampled_from(["user1", "USER1", "\0", "a\0b", "\n", "\xff"]))


def usernames(names: list[str]) -> Usernames:
    """Return these as `Usernames`."""
    made = Usernames()
    for name in names:
        made.append(name)
    return made


class TestUsernames:
    """`Usernames`."""

    @given(any_names)
    def test_gives_back_what_it_took(self, names: list[str]) -> None:
        """All names come back in their order, whatever they are made of, as often as they are asked for."""
        made = usernames(names)

        assert list(made) == list(made) == names
        assert len(made) == len(names)

    @given(any_names)
    def test_tells_which_are_repeated(self, names: list[str]) -> None:
        """Each name is told once for each time that it was there before."""
        expected = Counter(names) - Counter(set(names))

        assert Counter(usernames(names).repeated()) == expected

    @settings(max_examples=3, deadline=None)
    @given(st.sets(st.integers(0, 24_999), max_size=5))
    def test_tells_which_of_many_are_repeated(self, repeated: set[int]) -> None:
        """So it is where they are looked at in parts."""
        made = usernames([f"user{number}" for number in [*range(25_000), *repeated]])

        assert set(made.repeated()) == {f"user{number}" for number in repeated}

    def test_takes_little_memory(self) -> None:
        """A name takes its bytes and one more."""
        made = usernames(["user1"] * 1000)

        assert len(made._text) == 6000  # noqa: SLF001


class TestSelection:
    """`Selection`."""

    @given(st.lists(st.text(max_size=300), max_size=30))
    def test_describes_problems_in_a_line(self, names: list[str]) -> None:
        """However many there are and whatever their names, the message is short and safe to print."""
        selection = Selection()
        for name in names:
            selection.refuse(name, "no such user")
        text = selection.describe_problems()

        assert text.startswith(f"{len(names)} can't be reset: ")
        assert text.isprintable()
        assert len(text) < SHOWN * 110 + 60
        assert text.count("(no such user)") >= min(len(names), SHOWN)
        assert (" more" in text[-9:]) is (len(names) > SHOWN)
