"""The server directory that is made for trying out."""

import gzip
import json
import re
import sqlite3
import tempfile
from base64 import b32decode
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from configobj import ConfigObj
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from passlib.hash import pbkdf2_sha512

from tests.support.limits import size_limit, without_privileges
from tests.support.servers import STOCK
from zato_sso_reset.domain.hashing import Pbkdf2Sha512Hasher
from zato_sso_reset.errors import AlreadyExistsError, FileNotMadeError
from zato_sso_reset.server.config import ServerConfig
from zato_sso_reset.services import quickstart
from zato_sso_reset.services.quickstart import make_server


def read(path: Path) -> ServerConfig:
    """Read a server's directory."""
    return ServerConfig.read(path, env={}, stdin=None, warn=pytest.fail)


def run(database: Path, statement: str) -> list[sqlite3.Row]:
    """Run a statement on a SQLite file."""
    with closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute(statement).fetchall()


def sso_tables(connection: sqlite3.Connection) -> dict[str, dict[str, tuple[bool, bool]]]:
    """Return, of each column of each SSO table, whether it is NOT NULL and whether it is the key."""
    names = connection.execute("SELECT name FROM sqlite_master WHERE type='table' AND name LIKE 'zato_sso_%'")
    return {
        name: {
            column: (bool(not_null), bool(key))
            for _, column, _, not_null, _, key in connection.execute(f"PRAGMA table_info({name})")
        }
        for (name,) in names
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that none of these tests changes."""
    return make_server(tmp_path_factory.mktemp("env") / "server1", "alice")


@pytest.fixture
def stock_repo() -> Path:
    """The configuration files of a stock Zato."""
    if not STOCK.exists():
        pytest.skip("no directory made by a stock Zato beside the project")
    return STOCK / "server1" / "config" / "repo"


class TestDirectory:
    """The files that are made."""

    def test_is_a_server(self, made: Path) -> None:
        """What was made can be read as a server's directory, with a database of its own."""
        config = read(made)

        assert config.database.engine == "sqlite"
        assert config.database.database == str(made / "zato.db")
        info = json.loads((made / ".zato-info").read_text())
        assert (info["component"], info["version"]) == ("SERVER", "Zato 3.3")

    def test_is_for_its_owner_alone(self, made: Path) -> None:
        """The directory can't be entered, and no file in it be read, by anybody else."""
        files = {path.name: path.stat().st_mode & 0o777 for path in made.rglob("*") if path.is_file()}

        assert made.stat().st_mode & 0o777 == 0o700
        assert files == dict.fromkeys(
            ("sso.conf", "server.conf", "secrets.conf", ".zato-info", "zato.db"), 0o600
        )

    def test_returns_the_absolute_path(self, tmp_path: Path) -> None:
        """A relative path is one of the current directory, and missing parents are made."""
        path = make_server(Path("env/../env/qs-1/server1"), "alice")

        assert path == tmp_path / "cwd" / "env" / "qs-1" / "server1"
        assert read(path).database.database == str(path / "zato.db")

    def test_has_secrets_of_its_own(self, made: Path, tmp_path: Path) -> None:
        """No two directories have a key, a token or a password in common."""
        other = make_server(tmp_path / "server1", "alice")
        texts = [(path / "config" / "repo" / "secrets.conf").read_text() for path in (made, other)]
        values = [set(re.findall(r"^[\w.]+=(.+)$", text, re.MULTILINE)) for text in texts]

        assert len(values[0]) >= 5
        assert not values[0] & values[1]

    def test_seals_its_secrets(self, made: Path) -> None:
        """Each secret can be decrypted with the key; the tokens are long, the passwords empty."""
        secrets = ConfigObj(str(made / "config" / "repo" / "secrets.conf"))["zato"]
        key = read(made).secret_key
        texts = {name: key.unseal(token, name) for name, token in secrets.items()}

        assert texts.pop("well_known_data") == "3.141592..."
        assert {name for name, text in texts.items() if not text} == {
            "server_conf.odb.password",
            "server_conf.kvdb.password",
        }
        assert min(len(text) for text in texts.values() if text) >= 43

    def test_has_the_settings_of_a_stock_server(self, made: Path, stock_repo: Path) -> None:
        """`sso.conf` has the sections, keys and values that a stock Zato 3.3 writes."""
        own = ConfigObj(str(made / "config" / "repo" / "sso.conf")).dict()

        assert own == ConfigObj(str(stock_repo / "sso.conf")).dict()

    @pytest.mark.parametrize("file", ["server.conf", "secrets.conf"])
    def test_has_no_setting_that_a_stock_server_lacks(self, made: Path, stock_repo: Path, file: str) -> None:
        """Each key of the other files is one that a stock Zato has too."""
        own = ConfigObj(str(made / "config" / "repo" / file)).dict()
        stock = ConfigObj(str(stock_repo / file)).dict()

        for section, keys in own.items():
            assert keys.keys() <= stock[section].keys()


class TestDatabase:
    """The tables and the user in them."""

    def test_has_the_tables_of_a_stock_server(self, made: Path, stock_repo: Path) -> None:
        """Every SSO table has the same columns, keys and NOT NULL flags as a stock Zato's."""
        script = gzip.decompress((stock_repo.parents[2] / "zato.sql.gz").read_bytes()).decode()
        with closing(sqlite3.connect(":memory:")) as stock, closing(sqlite3.connect(made / "zato.db")) as own:
            stock.executescript(script)
            expected = sso_tables(stock)
            found = sso_tables(own)

        assert len(expected) >= 6
        assert found == expected

    def test_has_one_approved_user(self, made: Path) -> None:
        """The user could log in at once, if the password were known."""
        (user,) = run(made / "zato.db", "SELECT * FROM zato_sso_user")

        assert user["username"] == "alice"
        assert re.fullmatch("zusr[0-9a-hjkmnp-tv-z]{26}", user["user_id"])
        assert (user["approval_status"], user["sign_up_status"]) == ("approved", "final")
        flags = ["is_active", "password_is_set", "is_locked", "password_must_change", "is_totp_enabled"]
        assert [user[flag] for flag in flags] == [1, 1, 0, 0, 0]

    def test_has_times_of_now(self, tmp_path: Path) -> None:
        """The password was set just now, in UTC, and expires in 730 days."""
        before = datetime.now(timezone.utc).replace(tzinfo=None)
        path = make_server(tmp_path / "server1", "alice")
        (user,) = run(path / "zato.db", "SELECT * FROM zato_sso_user")

        set_at = datetime.fromisoformat(user["password_last_set"])
        assert before <= set_at <= datetime.now(timezone.utc).replace(tzinfo=None)
        assert datetime.fromisoformat(user["password_expiry"]) - set_at == timedelta(days=730)

    def test_has_a_password_in_the_form_of_a_stock_server(self, made: Path) -> None:
        """The hash is sealed, and of 120,000 rounds with 64 bytes of salt."""
        (user,) = run(made / "zato.db", "SELECT password, totp_key FROM zato_sso_user")
        key = read(made).secret_key
        hashed = pbkdf2_sha512.from_string(key.unseal(user["password"], "password"))

        assert isinstance(user["password"], str)
        assert (hashed.rounds, len(hashed.salt), len(hashed.checksum)) == (120_000, 64, 64)
        assert len(b32decode(key.unseal(user["totp_key"], "totp_key"))) == 20

    @pytest.mark.parametrize("username", ["Ιωαννης", "O'Brien", "' OR 1=1 --", 'a@b, c#d "e"', "@KEY@"])
    def test_takes_any_username(self, tmp_path: Path, username: str) -> None:
        """A username is kept as it is, and never taken for SQL."""
        path = make_server(tmp_path / "server1", username)

        (user,) = run(path / "zato.db", "SELECT username FROM zato_sso_user")
        assert user["username"] == username


class TestPath:
    """Where the directory is made."""

    @pytest.fixture(autouse=True)
    def _one_round(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Hash in no time: `TestDatabase` has the real rounds."""
        monkeypatch.setattr(quickstart, "Pbkdf2Sha512Hasher", lambda **_: Pbkdf2Sha512Hasher(rounds=1))

    @settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.text(min_size=1, max_size=30).filter(
            lambda name: name.isprintable() and "/" not in name and name.strip(".")
        )
        | st.text("'\"#,% $ab=\\", min_size=1, max_size=10)
    )
    @example("a b")
    @example('it\'s #1, "server"')
    @example("'''\"\"\"")
    @example("\"',")
    @example("@ODB@")
    @example("$HOME")
    @example("100%")
    @example("%(db_name)s")
    def test_may_have_anything_that_is_printable_in_it(self, tmp_path: Path, name: str) -> None:
        """A directory is made and can be read back, or it is refused and nothing is there."""
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        try:
            path = make_server(folder / name, "alice")
        except FileNotMadeError:
            assert "%(" in name or set(name) >= {"'", '"'}
            assert list(folder.iterdir()) == []
        else:
            assert read(path).database.database == str(folder / name / "zato.db")

    @pytest.mark.parametrize("name", ["a\nb", "a\x1bb", "a\u2028b", "a\udcffb"])
    def test_is_refused_where_a_file_can_not_hold_it(self, tmp_path: Path, name: str) -> None:
        """A path with control characters, or bytes that are not UTF-8, is told in printable ones."""
        with pytest.raises(FileNotMadeError, match="has characters that") as caught:
            make_server(tmp_path / "env" / name, "alice")
        assert str(caught.value).isprintable()
        assert not (tmp_path / "env").exists()

    def test_may_be_an_empty_directory(self, tmp_path: Path) -> None:
        """A directory that is there, but empty, is filled."""
        (tmp_path / "server1").mkdir()
        make_server(tmp_path / "server1", "alice")

        assert read(tmp_path / "server1").database.engine == "sqlite"

    @pytest.mark.parametrize(
        "fill",
        [
            lambda path: path.touch(),
            lambda path: (path.mkdir(), (path / "mine").touch()),
            lambda path: make_server(path, "bob"),
            lambda path: path.symlink_to("/dev/null"),
        ],
        ids=["a file", "a directory", "a server", "a device"],
    )
    def test_must_not_be_taken(self, tmp_path: Path, fill: Callable[[Path], object]) -> None:
        """What is there already is told and stays as it is."""
        path = tmp_path / "server1"
        fill(path)
        before = sorted(tmp_path.rglob("*"))

        with pytest.raises(AlreadyExistsError, match="server1` is there already, and not empty"):
            make_server(path, "alice")
        assert sorted(tmp_path.rglob("*")) == before

    def test_must_not_lead_through_a_file(self, tmp_path: Path) -> None:
        """A file where a parent belongs is told."""
        (tmp_path / "file").write_text("mine")

        with pytest.raises(FileNotMadeError, match="server1` can't be made: "):
            make_server(tmp_path / "file" / "server1", "alice")
        assert (tmp_path / "file").read_text() == "mine"

    def test_must_not_be_a_link_that_leads_nowhere(self, tmp_path: Path) -> None:
        """Nothing is made where a link leads, and nothing is left beside it."""
        (tmp_path / "server1").symlink_to(tmp_path / "elsewhere")
        before = sorted(tmp_path.iterdir())

        with pytest.raises(FileNotMadeError, match="server1` can't be made: "):
            make_server(tmp_path / "server1", "alice")
        assert sorted(tmp_path.iterdir()) == before

    def test_must_be_a_name_that_the_system_takes(self, tmp_path: Path) -> None:
        """A name that is too long is told."""
        with pytest.raises(FileNotMadeError, match="can't be made: File name too long"):
            make_server(tmp_path / ("x" * 256), "alice")

    def test_must_be_one_that_may_be_written_to(self) -> None:
        """In a directory that is read-only nothing is made."""
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o555)
            with without_privileges(), pytest.raises(FileNotMadeError, match="made: Permission denied"):
                make_server(Path(folder) / "server1", "alice")
            assert list(Path(folder).iterdir()) == []

    @pytest.mark.parametrize("size", [0, 1000, 4000, 16384])
    def test_is_there_whole_or_not_at_all(self, tmp_path: Path, size: int) -> None:
        """Where the disk is full, in whatever file, nothing of the directory stays."""
        before = sorted(tmp_path.iterdir())
        with size_limit(size), pytest.raises(FileNotMadeError, match="server1` can't be made: "):
            make_server(tmp_path / "server1", "alice")

        assert sorted(tmp_path.iterdir()) == before
