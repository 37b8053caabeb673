"""`sso.conf` and what overrides it: `sso.toml` and the environment."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.server.conftest import exposed
from zato_sso_reset.errors import ConfigError
from zato_sso_reset.server.config import SSOSettings
from zato_sso_reset.server.ini import ValueResolver
from zato_sso_reset.server.toml import OVERRIDES


@pytest.fixture
def settings_of(tmp_path: Path) -> Callable[..., SSOSettings]:
    """Read the settings of a server with this `sso.toml`."""
    (tmp_path / "sso.conf").write_text(
        "[password]\nexpiry=730\nmin_length=8\n[main]\nencrypt_password=True\n"
    )

    def make(toml: str, env: Mapping[str, str] | None = None) -> SSOSettings:
        (tmp_path / "sso.toml").write_bytes(toml.encode())
        return SSOSettings(tmp_path, ValueResolver(env or {}, pytest.fail, lambda group, key: group + key))

    return make


class TestSSOSettings:
    """`sso.conf`, overridden by `sso.toml` and the environment."""

    def test_overrides_key_by_key(self, settings_of: Callable[..., SSOSettings]) -> None:
        """What `sso.toml` says stands above `sso.conf`; what it does not say stays, and both are named."""
        sso = settings_of("[password]\nexpiry = 90\nmax_length = 64\n")

        assert sso.get("password", "expiry").integer(1) == 90
        assert sso.get("password", "expiry").source.endswith("sso.toml`: [password] expiry")
        assert sso.get("password", "max_length").integer(1) == 64
        assert sso.get("password", "min_length").integer(1) == 8
        assert sso.get("password", "min_length").source.endswith("sso.conf`: [password] min_length")

    def test_environment_overrides_both(self, settings_of: Callable[..., SSOSettings]) -> None:
        """A variable stands above `sso.toml`."""
        sso = settings_of(
            "[password]\nexpiry = 90\n", {"Zato_Config_Unknown_sso__conf_password_expiry": "10"}
        )

        assert sso.get("password", "expiry").integer(1) == 10

    @pytest.mark.parametrize("toml", ["", "# nothing\n", "[password]\n"])
    def test_may_override_nothing(self, settings_of: Callable[..., SSOSettings], toml: str) -> None:
        """An empty file, or an empty section, changes nothing."""
        assert settings_of(toml).get("password", "expiry").integer(1) == 730

    def test_says_what_is_missing(self, settings_of: Callable[..., SSOSettings]) -> None:
        """A setting of neither file is None, or named where it has to be."""
        sso = settings_of("[password]\nexpiry = 90\n")

        assert sso.find("hash_secret", "rounds") is None
        with pytest.raises(ConfigError, match=r"sso.conf` has no \[hash_secret\] rounds. Add it"):
            sso.get("hash_secret", "rounds")

    def test_keeps_the_kinds_of_toml(self, settings_of: Callable[..., SSOSettings]) -> None:
        """Booleans, numbers and multi-line texts of TOML are what they are, `$NAME` is followed."""
        sso = settings_of(
            "main = {encrypt_password = false}\n"
            'password.reject_list = """\nqwerty\nletmein\n"""\n'
            'sql.url = "$URL"\nsql.name = "zato+secret://a.b"\n',
            {"URL": "sqlite:///x"},
        )

        assert sso.get("main", "encrypt_password").boolean() is False
        assert sso.get("password", "reject_list").text() == "qwerty\nletmein\n"
        assert sso.get("sql", "url").text() == "sqlite:///x"
        assert sso.get("sql", "name").text() == "ab"

    @pytest.mark.parametrize(
        ("toml", "message"),
        [
            ("[pasword]\nexpiry = 1\n", "an unknown section: pasword. Did you mean password?"),
            ("[hash]\n", "an unknown section: hash. Did you mean hash_secret?"),
            ("expiry = 90\n", "an unknown section: expiry. Did you mean "),
            ('["a\\u001b"]\n', r"an unknown section: a\x1b. Did you mean "),
            (
                "[password]\nexpire = 1\n",
                "an unknown key: [password] expire. Did you mean [password] expiry?",
            ),
            ("[sql]\nnames = 1\n", "an unknown key: [sql] names. Did you mean [sql] name?"),
            ("[sql]\nzzz = 1\n", "an unknown key: [sql] zzz. Did you mean [sql] "),
        ],
    )
    def test_names_the_nearest_known(
        self, settings_of: Callable[..., SSOSettings], toml: str, message: str
    ) -> None:
        """A section or key that there is not is told, with the nearest that there is."""
        with pytest.raises(ConfigError) as caught:
            settings_of(toml)
        assert f"sso.toml` has {message}" in str(caught.value)

    @pytest.mark.parametrize("toml", ["password = 90\n", "[[password]]\n", 'sql = "S3cr3t"\n'])
    def test_asks_for_sections(self, settings_of: Callable[..., SSOSettings], toml: str) -> None:
        """A value where a section belongs is told, without the value."""
        with pytest.raises(ConfigError, match=r"sso.toml`: `\w+` is not a section. Write \[") as caught:
            settings_of(toml)
        assert "S3cr3t" not in exposed(caught.value)

    @pytest.mark.parametrize(
        ("toml", "position"),
        [
            ("[password]\nexpiry = S3cr3t\n", "line 2, column 10"),
            ('[sql]\nurl = "S3cr3t\n', "line 2, column 14"),
            ("S3cr3t", "line 1, column 7"),
            ("[sql]\nurl = 1\n\n  url = 'S3cr3t'\n", "line 4, column 17"),
            ("[main]\nencrypt_password = True # S3cr3t\n", "line 2, column 20"),
        ],
    )
    def test_names_line_and_column(
        self, settings_of: Callable[..., SSOSettings], toml: str, position: str
    ) -> None:
        """Malformed TOML is told by its place, never by its content."""
        with pytest.raises(ConfigError, match=f"sso.toml`, {position}: this is not TOML") as caught:
            settings_of(toml)
        assert "S3cr3t" not in exposed(caught.value)

    @pytest.mark.parametrize(
        "value",
        ["9" * 5000, "[" * 5000, "{a=" * 5000, f"1\n{'.'.join('a' * 5000)} = 1"],
        ids=["digits", "arrays", "tables", "a dotted key"],
    )
    def test_refuses_what_is_too_much_for_the_parser(
        self, settings_of: Callable[..., SSOSettings], value: str
    ) -> None:
        """Endless numbers and nesting are mistakes of the configuration too."""
        with pytest.raises(ConfigError, match=r"sso.toml`"):
            settings_of(f"[password]\nexpiry = {value}\n")

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
    def test_takes_any_text_or_is_a_mistake_of_the_configuration(
        self, settings_of: Callable[..., SSOSettings], toml: str
    ) -> None:
        """Whatever `sso.toml` holds, each known setting can be asked for, or the file is named."""
        try:
            sso = settings_of(toml)
            for section, keys in OVERRIDES.items():
                for setting in filter(None, (sso.find(section, key) for key in keys)):
                    setting.integer(0)
        except ConfigError as error:
            assert "sso." in str(error)  # noqa: PT017 both outcomes are right
