"""The overrides in `sso.toml`."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.server.conftest import exposed
from tests.support.settings import read_settings
from zato_sso_reset.errors import ConfigError
from zato_sso_reset.server.settings import LayeredSettings
from zato_sso_reset.server.toml import OVERRIDES, TomlFile


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], LayeredSettings]:
    """Read the settings of a server with this `sso.toml`."""
    return lambda toml: read_settings(tmp_path, "[password]\nexpiry=730\n", toml, {"URL": "sqlite:///x"})


class TestTomlFile:
    """`TomlFile`, through the settings that it overrides."""

    @pytest.mark.parametrize("toml", ["", "# nothing\n", "[password]\n"])
    def test_empty_file_overrides_nothing(self, read: Callable[[str], LayeredSettings], toml: str) -> None:
        """An empty section is valid too."""
        assert read(toml).get("password", "expiry").integer(1) == 730

    def test_missing_file_overrides_nothing_but_a_dangling_link_is_an_error(self, tmp_path: Path) -> None:
        """A link without a target is a mistake, not a server without overrides."""
        assert TomlFile(tmp_path / "sso.toml").find("sql", "url") is None
        (tmp_path / "sso.toml").symlink_to("missing")
        with pytest.raises(ConfigError, match=r"sso.toml` is missing"):
            TomlFile(tmp_path / "sso.toml").find("sql", "url")

    def test_values_keep_the_types_of_toml(self, read: Callable[[str], LayeredSettings]) -> None:
        """Booleans, numbers and multi-line text are read as such, references in text are resolved."""
        sso = read(
            "main = {encrypt_password = false}\n"
            'password.reject_list = """\nqwerty\nletmein\n"""\n'
            'sql.url = "$URL"\nsql.name = "zato+secret://a.b"\n'
        )

        assert sso.get("main", "encrypt_password").boolean() is False
        assert sso.get("password", "reject_list").text() == "qwerty\nletmein\n"
        assert sso.get("sql", "url").text() == "sqlite:///x"
        assert sso.get("sql", "name").text() == "a: b"

    @pytest.mark.parametrize(
        ("toml", "problem"),
        [
            ("[pasword]\nexpiry = 1\n", "` has an unknown section: pasword. Did you mean password?"),
            ("[hash]\n", "` has an unknown section: hash. Did you mean hash_secret?"),
            ("expiry = 90\n", "` has an unknown section: expiry. Did you mean password?"),
            ('["zzz\\u001b"]\n', r"` has an unknown section: zzz\x1b. Did you mean sql?"),
            (
                "[password]\nexpire = 1\n",
                "` has an unknown key: [password] expire. Did you mean [password] expiry?",
            ),
            ("[sql]\nnames = 1\n", "` has an unknown key: [sql] names. Did you mean [sql] name?"),
            ("[sql]\nzzz = 1\n", "` has an unknown key: [sql] zzz. Did you mean [sql] url?"),
            ("password = 90\n", "`: `password` is not a section. Write [password]."),
            ("[[password]]\n", "`: `password` is not a section. Write [password]."),
            ('sql = "S3cr3t"\n', "`: `sql` is not a section. Write [sql]."),
            ("[password]\nexpiry = S3cr3t\n", "`, line 2, column 10: not TOML. Correct it."),
            ('[sql]\nurl = "S3cr3t\n', "`, line 2, column 14: not TOML. Correct it."),
            ("S3cr3t", "`, line 1, column 7: not TOML. Correct it."),
            ("[sql]\nurl = 1\n\n  url = 'S3cr3t'\n", "`, line 4, column 17: not TOML. Correct it."),
            ("[main]\nencrypt_password = True # S3cr3t\n", "`, line 2, column 20: not TOML. Correct it."),
            *(
                pytest.param(
                    f"[password]\nexpiry = {value}\n",
                    "`, a number is too long, or a value is nested too deeply. Correct it.",
                    id=f"too many {name}",
                )
                for name, value in {
                    "digits": "9" * 5000,
                    "arrays": "[" * 5000,
                    "tables": "{a=" * 5000,
                }.items()
            ),
        ],
    )
    def test_invalid_file_is_a_configuration_error(
        self, read: Callable[[str], LayeredSettings], tmp_path: Path, toml: str, problem: str
    ) -> None:
        """The error names the place, and the nearest known name, but no value."""
        with pytest.raises(ConfigError) as caught:
            read(toml)
        assert str(caught.value) == f"`{tmp_path}/sso.toml{problem}"
        assert "S3cr3t" not in exposed(caught.value)

    def test_dotted_key_of_any_length_is_a_configuration_error(
        self, read: Callable[[str], LayeredSettings]
    ) -> None:
        """The parser may refuse its depth, or accept it as an unknown name."""
        with pytest.raises(ConfigError, match=r"sso.toml`"):
            read(f"[password]\nexpiry = 1\n{'.'.join('a' * 5000)} = 1\n")

    @settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.text("[]{}=#\"'.,\n passwordexpiry019eE+-_:\\\r\0é")
        | st.text()
        | st.builds(
            "[{}]\n{} = {}".format,
            st.sampled_from(sorted(OVERRIDES)),
            st.sampled_from(sorted(key for keys in OVERRIDES.values() for key in keys)),
            st.text("0123456789abcdefx_.-+:TZ\"'[]{}, eE"),
        )
    )
    def test_any_text_is_read_or_a_configuration_error(
        self, read: Callable[[str], LayeredSettings], toml: str
    ) -> None:
        """Each known setting can be read, or the error names the file."""
        try:
            sso = read(toml)
            for section, keys in OVERRIDES.items():
                for setting in filter(None, (sso.find(section, key) for key in keys)):
                    setting.integer(0)
        except ConfigError as error:
            assert "sso." in str(error)  # noqa: PT017 both outcomes are right
