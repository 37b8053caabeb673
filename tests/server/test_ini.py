"""INI files in ConfigObj's dialect."""

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
