"""The check of whether a server would let a user log in."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from zato_sso_reset.database.engine import Database
from zato_sso_reset.database.users import open_users
from zato_sso_reset.domain.gates import Gate, Login, State
from zato_sso_reset.domain.hashing import verify
from zato_sso_reset.domain.login import HIDDEN, Account, Client, LoginSettings
from zato_sso_reset.domain.totp import verify_code
from zato_sso_reset.errors import ConfigError, UserNotFoundError
from zato_sso_reset.server.config import ServerConfig
from zato_sso_reset.services.passwords import password_reader, utc_now


@dataclass(frozen=True)
class Input:
    """The input of a client; None for the default application, and for what is unknown or not sent."""

    app: str | None = None
    password: str | None = field(default=None, repr=False)
    totp_code: str | None = field(default=None, repr=False)
    sends_metadata: bool | None = None


def check_login(server: ServerConfig, database: Database, username: str, given: Input) -> Sequence[Gate]:
    """Return the gates of a login, in their order; only the first one for a user who does not exist.

    Raises ConfigError if a setting for reading the password is missing or malformed; other errors as
    `Database.transaction`.
    """
    try:
        with open_users(database, read_only=True) as users:
            user = users.get_for_login(username)
            mending = users.mending()
            totp_key = users.totp_key(user) if user.is_totp_enabled and given.totp_code else None
    except UserNotFoundError as error:
        return [Gate("user", State.CLOSED, error.message, HIDDEN, error.hint)]
    now = utc_now()
    stored = password_reader(server)(user.password)
    is_password_right = is_code_right = None
    if given.password is not None:
        is_password_right = False
        with suppress(UnicodeEncodeError):  # bytes that are not UTF-8
            is_password_right = given.password != "" and verify(given.password, stored.hashed)
    if given.totp_code is not None and totp_key is not None:
        is_code_right = False
        with suppress(ConfigError):
            is_code_right = verify_code(given.totp_code, server.secret_key.unseal(totp_key, "totp_key"), now)
    settings = LoginSettings(server.settings)
    account = Account.of(user, password_problem=stored.problem, mending=mending)
    app = settings.default_app if given.app is None else given.app
    client = Client(app, is_password_right, is_code_right, given.sends_metadata)
    return Login(account, client, settings, now).gates()
