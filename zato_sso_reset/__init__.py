"""Reset the passwords of Zato SSO users; the public names are imported when they are first used."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zato_sso_reset.database.engine import Database
    from zato_sso_reset.database.users import UserRepository, open_users
    from zato_sso_reset.domain.access import AccessChanges
    from zato_sso_reset.domain.expiry import ExpiryPolicy
    from zato_sso_reset.domain.generator import PasswordGenerator
    from zato_sso_reset.domain.policy import PasswordPolicy
    from zato_sso_reset.errors import ZatoError
    from zato_sso_reset.server.config import ServerConfig
    from zato_sso_reset.services.reset import reset_user_password

    __version__: str

__all__ = [
    "AccessChanges",
    "Database",
    "ExpiryPolicy",
    "PasswordGenerator",
    "PasswordPolicy",
    "ServerConfig",
    "UserRepository",
    "ZatoError",
    "__version__",
    "open_users",
    "reset_user_password",
]

_MODULES = {
    "AccessChanges": "domain.access",
    "Database": "database.engine",
    "ExpiryPolicy": "domain.expiry",
    "PasswordGenerator": "domain.generator",
    "PasswordPolicy": "domain.policy",
    "ServerConfig": "server.config",
    "UserRepository": "database.users",
    "ZatoError": "errors",
    "open_users": "database.users",
    "reset_user_password": "services.reset",
}


def __getattr__(name: str) -> object:
    """Import a public name."""
    if name == "__version__":
        from importlib.metadata import version

        return version("zato-sso-reset")
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
