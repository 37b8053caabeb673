"""INI files, read by the rules of a stock Zato server."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zato_sso_reset.errors import ConfigError
from zato_sso_reset.server.ini import ConfFile, Setting, ValueResolver


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose path tells nothing of a component."""
    folder = tmp_path / "prod1"
    folder.mkdir()
    return folder


def resolver(env: dict[str, str] | None = None, warn: Callable[[str], None] = pytest.fail) -> ValueResolver:
    """Return a resolver that knows one secret."""
    return ValueResolver(env or {}, warn, lambda group, key: {("zato", "a.b.c"): "z@to/p:w"}[group, key])


def value_of(folder: Path, text: str, env: dict[str, str] | None = None) -> object:
    """Return the value of `[main] key` where that is what the file says after `key=`."""
    (folder / "sso.conf").write_text(f"[main]\nkey={text}\n")
    return ConfFile(folder / "sso.conf", resolver(env)).get("main", "key").value


class TestValues:
    """What stands after the `=`."""

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("plain", "plain"),
            ("  blanks around  ", "blanks around"),
            ("'  blanks kept  '", "  blanks kept  "),
            ("730 # In days", "730"),
            ('"a#b"', "a#b"),
            ("'a,b'", "a,b"),
            ("""'say "hi"'""", 'say "hi"'),
            ('''"it's"''', "it's"),
            ("a=b=", "a=b="),
            ("Ιωαννης", "Ιωαννης"),
            ('"""\n  one\n  two\n"""', "\n  one\n  two\n"),
            ("", ""),
            ('""', ""),
            ("$", "$"),
            ("$$NAME", "$$NAME"),
            ("in$NAME", "in$NAME"),
            ("zato+secret://", "zato+secret://"),
            ("zato+secret://zato", "zato+secret://zato"),
        ],
    )
    def test_are_read_as_zato_reads_them(self, folder: Path, text: str, value: str) -> None:
        """Quotes keep what is in them; comments and blanks outside go; a lone or double `$` stays."""
        assert value_of(folder, text, {"NAME": "not this", "": "nor this"}) == value

    @pytest.mark.parametrize(
        ("text", "env", "value"),
        [
            ("$NAME", {"NAME": "from env"}, "from env"),
            ("$name", {"NAME": "from env"}, "from env"),
            ("$name", {"name": "exact", "NAME": "upper"}, "exact"),
            ('"$NAME "', {"NAME": "from env"}, "from env"),
            ("$NAME", {"NAME": ""}, ""),
            ("$NAME", {"NAME": "$OTHER", "OTHER": "not this"}, "$OTHER"),
            ("$NAME", {"NAME": "zato+secret://zato.a.b.c"}, "z@to/p:w"),
            ("zato+secret://zato.a.b.c", {}, "z@to/p:w"),
        ],
    )
    def test_point_to_the_environment_and_to_secrets(
        self, folder: Path, text: str, env: dict[str, str], value: str
    ) -> None:
        """`$NAME` is looked up as it is and upper-cased, and may yield a secret, whose key has dots."""
        assert value_of(folder, text, env) == value

    @pytest.mark.parametrize("text", ["$ecretPassw0rd", "$ecret-Pässw0rd"])
    def test_stay_as_written_where_the_environment_lacks_the_name(self, folder: Path, text: str) -> None:
        """The administrator is warned of the place, not told the value, which may be a password."""
        (folder / "sso.conf").write_text(f"[main]\nkey={text}\n")
        warnings: list[str] = []

        setting = ConfFile(folder / "sso.conf", resolver(warn=warnings.append)).get("main", "key")

        assert setting.value == text
        assert len(warnings) == 1
        assert warnings[0].startswith(f"`{folder / 'sso.conf'}`: [main] key ")
        assert "not set" in warnings[0]
        assert text[1:] not in warnings[0]

    def test_are_lists_where_a_comma_is_not_quoted(self, folder: Path) -> None:
        """Parts of a list are not looked up, and the list is no text."""
        (folder / "sso.conf").write_text("[main]\nkey=$NAME, b\n")
        setting = ConfFile(folder / "sso.conf", resolver({"NAME": "not this"})).get("main", "key")

        assert setting.value == ["$NAME", "b"]
        with pytest.raises(ConfigError, match=r"sso.conf`: \[main\] key is not a text. Quote the value"):
            setting.text()

    def test_may_refer_to_a_name_of_the_file(self, folder: Path) -> None:
        """`%(name)s` is another value of the section; one that is not there is told by its place."""
        assert value_of(folder, "a%(other)s\nother=b") == "ab"
        with pytest.raises(ConfigError, match=r"sso.conf`: \[main\] key refers to a name that the file"):
            value_of(folder, "%(other)s")

    @settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"], exclude_characters='"%$')))
    def test_are_anything_at_all_in_quotes(self, folder: Path, text: str) -> None:
        """Any letters, digits, marks and symbols in quotes are the value."""
        assert value_of(folder, f'"{text}"') == text


class TestEnvironment:
    """Environment variables that stand in for the file."""

    @pytest.mark.parametrize(
        ("directory", "file", "names"),
        [
            ("server1", "sso.conf", ["Server_sso__conf", "Unknown_sso__conf"]),
            ("SERVER1", "sso.conf", ["Server_sso__conf", "Unknown_sso__conf"]),
            ("prod1", "server.conf", ["Server_server__conf"]),
            ("scheduler", "sso.conf", ["Scheduler_sso__conf", "Unknown_sso__conf"]),
            ("scheduler", "server.conf", ["Server_server__conf"]),
            ("web-admin", "sso.conf", ["Dashboard_sso__conf", "Unknown_sso__conf"]),
            ("dashboard", "sso.conf", ["Dashboard_sso__conf", "Unknown_sso__conf"]),
            ("user-conf", "sso.conf", ["User_Config_sso__conf", "Unknown_sso__conf"]),
            ("prod1", "sso.conf", ["Unknown_sso__conf"]),
            ("prod1", "a-b.conf", ["Unknown_a__b__conf"]),
        ],
    )
    @pytest.mark.parametrize("text", ["key=in the file", "other=there"])
    def test_override_in_each_spelling(
        self, tmp_path: Path, directory: str, file: str, names: list[str], text: str
    ) -> None:
        """The component is that of the path or of the bare name, whether the file has the key or not."""
        path = tmp_path / directory / file
        path.parent.mkdir()
        path.write_text(f"[main]\n{text}\n")

        for name in names:
            variable = f"Zato_Config_{name}_main_key"
            setting = ConfFile(path, resolver({variable: "from env"})).get("main", "key")
            assert setting == Setting("from env", f"environment variable `{variable}`")

    def test_spells_dots_and_dashes_with_underscores(self, folder: Path) -> None:
        """`.` and `-` in section and key are two underscores in the variable's name."""
        (folder / "sso.conf").write_text("[a-b]\nc.d-e=in the file\n")
        conf = ConfFile(folder / "sso.conf", resolver({"Zato_Config_Unknown_sso__conf_a__b_c__d__e": "x"}))

        assert conf.get("a-b", "c.d-e").value == "x"

    def test_takes_the_component_of_the_folder_that_a_relative_path_starts_in(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A server's own folder may be the current one."""
        (tmp_path / "server1").mkdir()
        monkeypatch.chdir(tmp_path / "server1")
        Path("sso.conf").write_text("[main]\nkey=in the file\n")
        conf = ConfFile(Path("sso.conf"), resolver({"Zato_Config_Server_sso__conf_main_key": "from env"}))

        assert conf.get("main", "key").value == "from env"

    @pytest.mark.parametrize(
        ("value", "resolved"), [("$NAME", "of the name"), ("zato+secret://zato.a.b.c", "z@to/p:w")]
    )
    def test_may_point_further(self, folder: Path, value: str, resolved: str) -> None:
        """What a variable holds is followed as what a file holds."""
        (folder / "sso.conf").write_text("")
        env = {"Zato_Config_Unknown_sso__conf_main_key": value, "NAME": "of the name"}

        assert ConfFile(folder / "sso.conf", resolver(env)).get("main", "key").value == resolved


class TestConfFile:
    """`ConfFile`: what is there and what is not."""

    @pytest.mark.parametrize(
        "text", ["", "[main]\n", "[other]\nkey=1\n", "main=1\n", "main=1, 2\n", "[main]\nKEY=1\n"]
    )
    def test_says_what_is_missing(self, folder: Path, text: str) -> None:
        """A setting that is not there is None, or named where it has to be."""
        (folder / "sso.conf").write_text(text)
        conf = ConfFile(folder / "sso.conf", resolver())

        assert conf.find("main", "key") is None
        with pytest.raises(ConfigError, match=r"sso.conf` has no \[main\] key. Add it"):
            conf.get("main", "key")

    def test_says_where_a_value_is(self, folder: Path) -> None:
        """A setting's source is file, section and key, the path's control characters escaped."""
        path = folder / "a\x1bb.conf"
        path.write_text("[main]\nkey=1\n")
        setting = ConfFile(path, resolver()).get("main", "key")

        assert setting.source == f"`{folder}/a\\x1bb.conf`: [main] key"

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
    def test_names_the_line_that_is_malformed(self, folder: Path, text: str, line: int) -> None:
        """A malformed line is told by its number, never by its content."""
        (folder / "sso.conf").write_text(text)

        with pytest.raises(ConfigError, match=f"sso.conf`, line {line}: not a `key=value`") as caught:
            ConfFile(folder / "sso.conf", resolver())
        assert "S3cr3t" not in str(caught.value)

    @settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.text("[]=#\"'%()$, \nkeymain\\\r\x0b\u2028é\0") | st.text())
    def test_takes_any_text_or_names_the_line(self, folder: Path, text: str) -> None:
        """Whatever the file holds, it is read or is a mistake of the configuration."""
        (folder / "sso.conf").write_bytes(text.encode())
        try:
            found = ConfFile(folder / "sso.conf", resolver(warn=lambda _: None)).find("main", "key")
        except ConfigError as error:
            assert str(error).startswith(f"`{folder / 'sso.conf'}`")  # noqa: PT017 both outcomes are right
        else:
            assert found is None or "key" in text


class TestSetting:
    """`Setting`, whose value is asked for by kind."""

    @settings(deadline=None, max_examples=100)
    @given(st.integers(0, 2**32 - 1), st.booleans())
    def test_takes_whole_numbers(self, number: int, as_text: bool) -> None:  # noqa: FBT001
        """A number is one as INI has it, a text, and as TOML has it."""
        assert Setting(str(number) if as_text else number, "here").integer(0) == number

    @pytest.mark.parametrize(
        "value",
        [
            *(
                "",
                "x",
                "-1",
                "+5",
                "1.0",
                "1e3",
                "0x10",
                "1_000",
                " 2 ",
                "2\n",
                "\u0662",
                "\uff12",
                "²",
                "True",
            ),
            *(True, 2.0, None, [1], {"a": 1}, -1, 2**32),
            pytest.param("9" * 5000, id="five thousand digits"),
            pytest.param(16**5000, id="a number of five thousand digits"),
        ],
    )
    def test_refuses_numbers_that_are_none(self, value: object) -> None:
        """Signs, fractions, other digits, booleans and numbers of any length are refused, unseen."""
        with pytest.raises(ConfigError) as caught:
            Setting(value, "here").integer(1)
        assert str(caught.value) == "here is not a whole number from 1 to 4294967295. Correct it."

    @pytest.mark.parametrize("number", ["7", "11"])
    def test_keeps_to_the_range(self, number: str) -> None:
        """One below the least, or above the most, is refused; both ends are taken."""
        assert [Setting(text, "here").integer(8, 10) for text in ("8", "10")] == [8, 10]
        with pytest.raises(ConfigError, match=r"^here is not a whole number from 8 to 10"):
            Setting(number, "here").integer(8, 10)

    @pytest.mark.parametrize(("value", "boolean"), [("True", True), ("False", False), (True, True)])
    def test_takes_booleans(self, value: object, boolean: bool) -> None:  # noqa: FBT001
        """A boolean is one as Python spells it, or as TOML has it."""
        assert Setting(value, "here").boolean() is boolean

    @pytest.mark.parametrize("value", ["", "yes", "true", "1", 1, 0, None, ["True"]])
    def test_refuses_other_booleans(self, value: object) -> None:
        """What else a boolean may look like is refused."""
        with pytest.raises(ConfigError, match=r"^here is neither True nor False"):
            Setting(value, "here").boolean()

    def test_takes_texts(self) -> None:
        """A text is had as it is; an empty one is refused only where there has to be one."""
        assert Setting(" a ", "here").required_text() == " a "
        assert Setting("", "here").text() == ""
        with pytest.raises(ConfigError, match=r"^here is empty"):
            Setting("", "here").required_text()

    @pytest.mark.parametrize("value", [["a", "b"], 5, None, True])
    def test_refuses_other_texts(self, value: object) -> None:
        """A list or a number is no text."""
        with pytest.raises(ConfigError, match=r"^here is not a text. Quote the value"):
            Setting(value, "here").required_text()


class TestNothingIsShown:
    """`repr` of what may hold a secret."""

    def test_of_a_setting(self) -> None:
        """A setting shows where it is from, not what it is."""
        shown = repr(Setting("S3cr3t", "here"))

        assert "S3cr3t" not in shown
        assert "here" in shown

    def test_of_a_resolver_and_a_file(self, folder: Path) -> None:
        """Neither the environment nor the content of a file is shown."""
        (folder / "sso.conf").write_text("[main]\nkey=S3cr3t\n")
        shown = resolver({**os.environ, "PASSWORD": "S3cr3t"})

        assert "S3cr3t" not in repr(shown)
        assert "S3cr3t" not in repr(ConfFile(folder / "sso.conf", shown))
