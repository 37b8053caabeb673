"""`quickstart`: a server directory for trials."""

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
from zato_sso_reset.services.quickstart import create_server


def read(path: Path) -> ServerConfig:
    """Read a server's directory."""
    return ServerConfig.read(path, env={}, stdin=None)


def run(database: Path, statement: str) -> list[sqlite3.Row]:
    """Run a statement on a SQLite file."""
    with closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute(statement).fetchall()


def sso_tables(connection: sqlite3.Connection) -> dict[str, dict[str, tuple[bool, bool]]]:
    """Return whether each column of each SSO table is NOT NULL, and whether it is the key."""
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
    """A directory that tests only read."""
    return create_server(tmp_path_factory.mktemp("env") / "server1", "alice")


@pytest.fixture
def user(made: Path) -> sqlite3.Row:
    """The row of its user."""
    [user] = run(made / "zato.db", "SELECT * FROM zato_sso_user")
    return user


@pytest.fixture
def stock_repo() -> Path:
    """The configuration files of a stock Zato."""
    if not STOCK.exists():
        pytest.skip("no directory of a stock Zato")
    return STOCK / "server1" / "config" / "repo"


class TestDirectory:
    """The files of the directory."""

    def test_directory_is_a_server(self, made: Path) -> None:
        """It can be read as a server's directory, and its database is inside."""
        config = read(made)

        assert config.database.engine == "sqlite"
        assert config.database.database == str(made / "zato.db")
        info = json.loads((made / ".zato-info").read_text())
        assert (info["component"], info["version"]) == ("SERVER", "Zato 3.3")

    def test_only_the_owner_has_access(self, made: Path) -> None:
        """Nobody else can enter the directory or read its files."""
        files = {path.name: path.stat().st_mode & 0o777 for path in made.rglob("*") if path.is_file()}
        names = ("sso.conf", "server.conf", "secrets.conf", ".zato-info", "zato.db")

        assert made.stat().st_mode & 0o777 == 0o700
        assert files == dict.fromkeys(names, 0o600)

    def test_path_is_made_absolute(self, tmp_path: Path) -> None:
        """A relative path starts at the current directory; missing parents are created."""
        path = create_server(Path("env/../env/qs-1/server1"), "alice")

        assert path == tmp_path / "cwd" / "env" / "qs-1" / "server1"
        assert read(path).database.database == str(path / "zato.db")

    def test_secrets_are_different_in_every_directory(self, made: Path, tmp_path: Path) -> None:
        """Two directories share no key, token or password."""
        other = create_server(tmp_path / "server1", "alice")
        texts = [(path / "config" / "repo" / "secrets.conf").read_text() for path in (made, other)]
        values = [set(re.findall(r"^[\w.]+=(.+)$", text, re.MULTILINE)) for text in texts]

        assert len(values[0]) >= 5
        assert not values[0] & values[1]

    def test_secrets_are_sealed_with_the_key(self, made: Path) -> None:
        """The tokens are long, the passwords empty."""
        secrets = ConfigObj(str(made / "config" / "repo" / "secrets.conf"))["zato"]
        key = read(made).secret_key
        texts = {name: key.unseal(token, name) for name, token in secrets.items()}

        assert texts.pop("well_known_data") == "3.141592..."
        assert {name for name, text in texts.items() if not text} == {
            "server_conf.odb.password",
            "server_conf.kvdb.password",
        }
        assert min(len(text) for text in texts.values() if text) >= 43

    @pytest.mark.parametrize("file", ["sso.conf", "server.conf", "secrets.conf"])
    def test_settings_are_those_of_a_stock_server(self, made: Path, stock_repo: Path, file: str) -> None:
        """`sso.conf` is the same as that of a stock Zato 3.3; the other files have some of its keys."""
        own = ConfigObj(str(made / "config" / "repo" / file)).dict()
        stock = ConfigObj(str(stock_repo / file)).dict()

        assert file != "sso.conf" or own == stock
        for section, keys in own.items():
            assert keys.keys() <= stock[section].keys()


class TestDatabase:
    """The tables and their user."""

    def test_tables_are_those_of_a_stock_server(self, made: Path, stock_repo: Path) -> None:
        """Every SSO table has the columns, keys and NOT NULL flags of a stock Zato's."""
        script = gzip.decompress((stock_repo.parents[2] / "zato.sql.gz").read_bytes()).decode()
        with closing(sqlite3.connect(":memory:")) as stock, closing(sqlite3.connect(made / "zato.db")) as own:
            stock.executescript(script)

            assert len(sso_tables(stock)) >= 6
            assert sso_tables(own) == sso_tables(stock)

    def test_only_user_is_approved(self, user: sqlite3.Row) -> None:
        """The user could log in, if the password were known."""
        assert user["username"] == "alice"
        assert re.fullmatch("zusr[0-9a-hjkmnp-tv-z]{26}", user["user_id"])
        assert (user["approval_status"], user["sign_up_status"]) == ("approved", "final")
        flags = ["is_active", "password_is_set", "is_locked", "password_must_change", "is_totp_enabled"]
        assert [user[flag] for flag in flags] == [1, 1, 0, 0, 0]

    def test_times_are_current(self, tmp_path: Path) -> None:
        """The password was set now, in UTC, and expires in 730 days."""
        before = datetime.now(timezone.utc).replace(tzinfo=None)
        path = create_server(tmp_path / "server1", "alice")
        [user] = run(path / "zato.db", "SELECT * FROM zato_sso_user")

        set_at = datetime.fromisoformat(user["password_last_set"])
        assert before <= set_at <= datetime.now(timezone.utc).replace(tzinfo=None)
        assert datetime.fromisoformat(user["password_expiry"]) - set_at == timedelta(days=730)

    def test_password_is_stored_as_by_a_stock_server(self, made: Path, user: sqlite3.Row) -> None:
        """The hash is sealed, and has 120,000 rounds and 64 bytes of salt."""
        key = read(made).secret_key
        hashed = pbkdf2_sha512.from_string(key.unseal(user["password"], "password"))

        assert isinstance(user["password"], str)
        assert (hashed.rounds, len(hashed.salt), len(hashed.checksum)) == (120_000, 64, 64)
        assert len(b32decode(key.unseal(user["totp_key"], "totp_key"))) == 20

    @pytest.mark.parametrize("username", ["Ιωαννης", "O'Brien", "' OR 1=1 --", 'a@b, c#d "e"', "@KEY@"])
    def test_username_is_stored_literally(self, tmp_path: Path, username: str) -> None:
        """It is neither SQL nor a placeholder."""
        path = create_server(tmp_path / "server1", username)

        [user] = run(path / "zato.db", "SELECT username FROM zato_sso_user")
        assert user["username"] == username


class TestPath:
    """The path of the directory."""

    @pytest.fixture(autouse=True)
    def _one_round(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Hash fast: `TestDatabase` has the real rounds."""
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
    def test_any_printable_path_is_created_or_refused(self, tmp_path: Path, name: str) -> None:
        """A created directory can be read back; a refused one does not exist."""
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        try:
            path = create_server(folder / name, "alice")
        except FileNotMadeError:
            assert "%(" in name or set(name) >= {"'", '"'}
            assert list(folder.iterdir()) == []
        else:
            assert read(path).database.database == str(folder / name / "zato.db")

    @pytest.mark.parametrize("name", ["a\nb", "a\x1bb", "a\u2028b", "a\udcffb"])
    def test_unprintable_path_is_refused(self, tmp_path: Path, name: str) -> None:
        """Control characters, or bytes that are not UTF-8, are shown escaped."""
        with pytest.raises(FileNotMadeError, match="has characters that are invalid") as caught:
            create_server(tmp_path / "env" / name, "alice")
        assert str(caught.value).isprintable()
        assert not (tmp_path / "env").exists()

    def test_empty_directory_is_filled(self, tmp_path: Path) -> None:
        """Only an empty directory may exist."""
        (tmp_path / "server1").mkdir()
        create_server(tmp_path / "server1", "alice")

        assert read(tmp_path / "server1").database.engine == "sqlite"

    @pytest.mark.parametrize(
        "fill",
        [
            lambda path: path.touch(),
            lambda path: (path.mkdir(), (path / "mine").touch()),
            lambda path: create_server(path, "bob"),
            lambda path: path.symlink_to("/dev/null"),
        ],
        ids=["a file", "a directory", "a server", "a device"],
    )
    def test_existing_path_is_refused(self, tmp_path: Path, fill: Callable[[Path], object]) -> None:
        """A file, a directory with content, a server and a device stay as they are."""
        path = tmp_path / "server1"
        fill(path)
        before = sorted(tmp_path.rglob("*"))

        with pytest.raises(AlreadyExistsError, match="server1` already exists and is not empty"):
            create_server(path, "alice")
        assert sorted(tmp_path.rglob("*")) == before

    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("file/server1", "(Not a directory|File exists)"),
            ("link", "Not a directory"),
            ("x" * 256, "File name too long"),
        ],
    )
    def test_impossible_path_is_refused(self, tmp_path: Path, name: str, reason: str) -> None:
        """A file as the parent, a dangling link, a name that is too long: nothing is created."""
        (tmp_path / "file").write_text("mine")
        (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
        before = sorted(tmp_path.iterdir())

        with pytest.raises(FileNotMadeError, match=f"` can't be created: {reason}"):
            create_server(tmp_path / name, "alice")
        assert sorted(tmp_path.iterdir()) == before
        assert (tmp_path / "file").read_text() == "mine"

    def test_read_only_parent_is_refused(self) -> None:
        """Nothing is created."""
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o555)
            with without_privileges(), pytest.raises(FileNotMadeError, match="created: Permission denied"):
                create_server(Path(folder) / "server1", "alice")
            assert list(Path(folder).iterdir()) == []

    @pytest.mark.parametrize("size", [0, 1000, 4000, 16384])
    def test_full_disk_leaves_nothing_behind(self, tmp_path: Path, size: int) -> None:
        """Whichever file fails, nothing of the directory stays."""
        before = sorted(tmp_path.iterdir())
        with size_limit(size), pytest.raises(FileNotMadeError, match="server1` can't be created: "):
            create_server(tmp_path / "server1", "alice")

        assert sorted(tmp_path.iterdir()) == before
