"""INI files in ConfigObj's dialect."""

import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.server.conftest import exposed
from zato_sso_reset.errors import ConfigError
from zato_sso_reset.server.ini import IniFile


def read(folder: Path, text: str) -> IniFile:
    """Read an INI file with this text and an escape character in its name."""
    (folder / "s\x1b.conf").write_bytes(text.encode())
    return IniFile(folder / "s\x1b.conf")


def value_of(folder: Path, text: str) -> object:
    """Return the value of a key that is written as `text`."""
    setting = read(folder, f"[main]\nkey={text}\n").find("main", "key")
    assert setting
    assert setting.source == f"`{folder}/s\\x1b.conf`: [main] key"
    return setting.value


class TestFind:
    """`IniFile.find`."""

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("plain", "plain"),
            ("  blanks around  ", "blanks around"),
            ("'  blanks kept  '", "  blanks kept  "),
            ("730 # In days", "730"),
            ('"a#b"', "a#b"),
            ("'a,b'", "a,b"),
            ("a, $b", ["a", "$b"]),
            ("""'say "hi"'""", 'say "hi"'),
            ('''"it's"''', "it's"),
            ("a=b=", "a=b="),
            ("Ιωαννης", "Ιωαννης"),
            ('"""\n  one\n  two\n"""', "\n  one\n  two\n"),
            ("", ""),
            ('""', ""),
            ("a%(other)s\nother=b", "ab"),
        ],
    )
    def test_values_are_read_as_zato_reads_them(self, tmp_path: Path, text: str, value: object) -> None:
        """Quotes keep their content; comments, blanks around and unquoted commas do not belong to text."""
        assert value_of(tmp_path, text) == value

    @settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"], exclude_characters='"%$')))
    def test_quoted_text_may_have_any_characters(self, tmp_path: Path, text: str) -> None:
        """Letters, digits, marks and symbols are all kept."""
        assert value_of(tmp_path, f'"{text}"') == text

    @pytest.mark.parametrize(
        "text", ["", "[main]\n", "[other]\nkey=1\n", "main=1\n", "main=1, 2\n", "[main]\nKEY=1\n"]
    )
    def test_missing_value_is_none(self, tmp_path: Path, text: str) -> None:
        """Case matters; a value is not a section."""
        assert read(tmp_path, text).find("main", "key") is None

    def test_unknown_interpolated_name_is_an_error(self, tmp_path: Path) -> None:
        """The error does not show the value, which may be a secret."""
        with pytest.raises(ConfigError) as caught:
            value_of(tmp_path, "S3cr3t%(other)s")
        assert str(caught.value) == (
            f"`{tmp_path}/s\\x1b.conf`: [main] key refers to a name that the file does not have. Correct it."
        )
        assert "S3cr3t" not in exposed(caught.value)


class TestBounds:
    """Files that ConfigObj would read for minutes."""

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ('[main]\nkey="""' + "x" * 800_000, ", line 2: longer than 4096 characters"),
            ('[main]\nkey="""\n' + "x\n" * 400_000, " has more than 20000 lines"),
            ("[main]\n" + " " * 4000 + "x", ", line 2: longer than 4096 characters, or with more than 200"),
            ("[" * 20_000, ", line 1: longer than 4096 characters"),
        ],
        ids=["one line", "many lines", "blanks", "brackets"],
    )
    def test_size_is_bounded(self, tmp_path: Path, text: str, problem: str) -> None:
        """A foreign directory: an unclosed triple quote of 800 kB, and other slow content."""
        started = time.monotonic()
        with pytest.raises(ConfigError) as caught:
            read(tmp_path, text)

        assert str(caught.value).startswith(f"`{tmp_path}/s\\x1b.conf`{problem}")
        assert time.monotonic() - started < 1

    @pytest.mark.parametrize(
        "lines",
        [
            [f"l{number}=%(l{number + 1})s%(l{number + 1})s" for number in range(30)],
            ["l0=" + "%(l30)s" * 101],
            ['l0="""', *["%(" * 2000] * 200, '"""'],
            ["l0=%(l1)s%(l1)s%(l1)s", 'l1="""', *["x" * 4000] * 10, '"""'],
            ["l0=%(l1)s", "l1=%(l0)s"],
        ],
        ids=["doubled", "many", "unclosed", "large", "loop"],
    )
    def test_interpolation_is_bounded(self, tmp_path: Path, lines: list[str]) -> None:
        """A foreign directory: each line doubles the one after it."""
        started = time.monotonic()
        ini = read(tmp_path, "\n".join(["[main]", *lines, "l30=S3cr3t"]))
        with pytest.raises(ConfigError) as caught:
            ini.find("main", "l0")

        assert str(caught.value) == (
            f"`{tmp_path}/s\\x1b.conf`: [main] l0 refers to itself, "
            "or to too many or too long values. Correct it."
        )
        assert "S3cr3t" not in exposed(caught.value)
        assert time.monotonic() - started < 1

    def test_hundred_references_are_resolved(self, tmp_path: Path) -> None:
        """The bound is that of one value."""
        ini = read(tmp_path, "[main]\na=" + "%(b)s" * 100 + "\nc=%(a)s\nb=x")

        for name in "aab":
            setting = ini.find("main", name)
            assert setting
            assert setting.value == ("x" if name == "b" else "x" * 100)


class TestMalformed:
    """`IniFile` of a malformed file."""

    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ("[main]\nkey=1\nS3cr3t\n", 3),
            ("[main]\nkey='S3cr3t\n", 2),
            ("[main]\nkey=S3cr3t\nkey=S3cr3t\n", 3),
            ("[main]\n[main]\n", 2),
            ("[main\n", 1),
            ("\n\n[[main]\n", 3),
            ('[main]\nkey="""S3cr3t\n', 2),
            ("=S3cr3t\n", 1),
        ],
    )
    def test_error_names_the_line(self, tmp_path: Path, text: str, line: int) -> None:
        """It does not show the line, which may hold a secret."""
        with pytest.raises(ConfigError) as caught:
            read(tmp_path, text)
        assert str(caught.value) == (
            f"`{tmp_path}/s\\x1b.conf`, line {line}: not a `key=value` line, or a duplicate one. Correct it."
        )
        assert "S3cr3t" not in exposed(caught.value)

    @settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.text("[]=#\"'%()$, \nkeymain\\\r\x0b\u2028é\0") | st.text())
    def test_any_text_is_read_or_a_configuration_error(self, tmp_path: Path, text: str) -> None:
        """The error names the file."""
        try:
            setting = read(tmp_path, text).find("main", "key")
        except ConfigError as error:
            assert str(error).startswith(f"`{tmp_path}/s\\x1b.conf`")  # noqa: PT017 both outcomes are right
        else:
            assert setting is None or "key" in text
