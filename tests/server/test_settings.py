"""Settings from several sources."""

import os
from pathlib import Path

import pytest

from tests.support.limits import in_no_directory
from tests.support.settings import read_settings
from zato_sso_reset.domain.settings import Setting
from zato_sso_reset.errors import ConfigError
from zato_sso_reset.server.settings import Environment, conf_settings, override_settings

VARIABLE = "Zato_Config_Unknown_sso__conf_password_expiry"


class TestLayers:
    """`LayeredSettings`."""

    def test_first_source_with_the_key_wins(self, tmp_path: Path) -> None:
        """`sso.toml` overrides `sso.conf` key by key, and the environment both."""
        conf, toml = "[password]\nexpiry=730\nmin_length=8\n", "[password]\nexpiry = 90\nmax_length = 64\n"
        sso = read_settings(tmp_path, conf, toml)

        assert sso.get("password", "expiry") == Setting(90, f"`{tmp_path}/sso.toml`: [password] expiry")
        assert sso.get("password", "max_length").value == 64
        assert sso.get("password", "min_length") == Setting(
            "8", f"`{tmp_path}/sso.conf`: [password] min_length"
        )
        assert read_settings(tmp_path, conf, toml, {VARIABLE: "10"}).get("password", "expiry").value == "10"

    def test_missing_setting_is_none_or_an_error(self, tmp_path: Path) -> None:
        """The error names file, section and key."""
        sso = read_settings(tmp_path, "[password]\nexpiry = 90\n")

        assert sso.find("hash_secret", "rounds") is None
        with pytest.raises(ConfigError) as caught:
            sso.get("hash_secret", "rounds")
        assert str(caught.value) == f"`{tmp_path}/sso.conf` has no [hash_secret] rounds. Add it."

    def test_overrides_do_not_need_a_file(self, tmp_path: Path) -> None:
        """`override_settings` reads the environment and `sso.toml`, but not `sso.conf`."""
        name = "Zato_Config_Unknown_sso__conf_audit_syslog"
        (tmp_path / "sso.conf").write_text("[audit]\nsyslog=ignored\n")

        assert override_settings(tmp_path, {}, "{}{}".format).find("audit", "syslog") is None
        (tmp_path / "sso.toml").write_text('[audit]\nsyslog = "zato+secret://a.b"\n')
        for env, value in (({}, "ab"), ({name: "$X", "X": "1"}, "1")):
            setting = override_settings(tmp_path, env, "{}{}".format).find("audit", "syslog")
            assert setting
            assert setting.value == value

    def test_repr_shows_no_value(self, tmp_path: Path) -> None:
        """Neither the environment nor a file's content is shown."""
        sso = read_settings(tmp_path, "[main]\nkey=S3cr3t\n", env={**os.environ, "PASSWORD": "S3cr3t"})

        assert "S3cr3t" not in repr(sso)


class TestReferences:
    """Values that refer to the environment or to a secret."""

    @pytest.mark.parametrize(
        ("value", "env", "resolved"),
        [
            ("$", {"": "ignored"}, "$"),
            ("$$NAME", {"NAME": "ignored", "$NAME": "ignored"}, "$$NAME"),
            ("in$NAME", {"NAME": "ignored"}, "in$NAME"),
            ("zato+secret://", {}, "zato+secret://"),
            ("zato+secret://zato", {}, "zato+secret://zato"),
            ("$NAME", {"NAME": "from env"}, "from env"),
            ("$name", {"NAME": "from env"}, "from env"),
            ("$name", {"name": "exact", "NAME": "upper"}, "exact"),
            ('"$NAME "', {"NAME": "from env"}, "from env"),
            ("$NAME", {"NAME": ""}, ""),
            ("$NAME", {"NAME": "$OTHER", "OTHER": "ignored"}, "$OTHER"),
            ("$NAME", {"NAME": "zato+secret://zato.a.b.c"}, "zato: a.b.c"),
            ("zato+secret://zato.a.b.c", {}, "zato: a.b.c"),
            ("$NAME, b", {"NAME": "ignored"}, ["$NAME", "b"]),
        ],
    )
    def test_references_are_resolved_once(
        self,
        tmp_path: Path,
        logged: pytest.LogCaptureFixture,
        value: str,
        env: dict[str, str],
        resolved: object,
    ) -> None:
        """A variable is looked up as written, then in upper case; it may refer to a secret."""
        variable = "Zato_Config_Unknown_sso__conf_main_key"

        assert read_settings(tmp_path, f"[main]\nkey={value}\n", env=env).get("main", "key").value == resolved
        if '"' not in value and "," not in value:
            assert read_settings(tmp_path, env={**env, variable: value}).get("main", "key").value == resolved
        assert not logged.records

    @pytest.mark.parametrize("value", ["$ecretPassw0rd", "$ecret-Pässw0rd"])
    def test_unset_variable_is_used_as_written(
        self, tmp_path: Path, logged: pytest.LogCaptureFixture, value: str
    ) -> None:
        """A warning names the setting, but not the value, which may be a password."""
        assert read_settings(tmp_path, f"[main]\nkey={value}\n").get("main", "key").value == value
        [record] = logged.records
        assert record.levelname == "WARNING"
        assert record.getMessage() == (
            f"`{tmp_path}/sso.conf`: [main] key names an environment variable that is not set; "
            "the value is used as written."
        )


class TestEnvironment:
    """Environment variables that override a file."""

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
    @pytest.mark.parametrize("text", ["key=in the file", "other=present"])
    def test_variable_overrides_the_file(
        self, tmp_path: Path, directory: str, file: str, names: list[str], text: str
    ) -> None:
        """The component is that of the path or of the bare file name, even if the file lacks the key."""
        path = tmp_path / directory / file
        path.parent.mkdir()
        path.write_text(f"[main]\n{text}\n")

        for name in names:
            variable = f"Zato_Config_{name}_main_key"
            setting = conf_settings(path, {variable: "from env"}, "{}{}".format).get("main", "key")
            assert setting == Setting("from env", f"environment variable `{variable}`")

    def test_dots_and_dashes_are_two_underscores(self) -> None:
        """An environment variable can't have them; an empty one overrides nothing."""
        name = "Zato_Config_Unknown_sso__conf_a__b_c__d__e"

        for value, expected in (("x", Setting("x", f"environment variable `{name}`")), ("", None)):
            assert Environment(Path("sso.conf"), {name: value}).find("a-b", "c.d-e") == expected

    def test_relative_path_has_the_component_of_the_current_directory(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A server's own directory may be the current one; a directory that was removed is no error."""
        (tmp_path / "server1").mkdir()
        monkeypatch.chdir(tmp_path / "server1")
        environment = Environment(Path("sso.conf"), {"Zato_Config_Server_sso__conf_main_key": "x"})

        assert environment.find("main", "key")
        with in_no_directory(monkeypatch):
            assert environment.find("main", "key") is None
