"""The smallest script that resets a password as `zato` does, with the same libraries but no checks.

It assumes what `zato` checks: that the user exists, on SQLite, and that hashes are sealed.
"""

import sys
from base64 import b64encode, urlsafe_b64encode
from datetime import datetime, timedelta, timezone
from os import urandom
from threading import Thread

from configobj import ConfigObj

path, username = sys.argv[1:]
server, secrets, sso = (
    ConfigObj(f"{path}/config/repo/{name}") for name in ("server.conf", "secrets.conf", "sso.conf")
)
password = urlsafe_b64encode(urandom(24)).decode()
hashes: list[str] = []


def make_hash() -> None:
    """Compute the hash in passlib's format."""
    rounds, salt = sso["hash_secret"]["rounds"], urandom(int(sso["hash_secret"]["salt_size"]))
    from cryptography.hazmat.primitives.hashes import SHA512
    from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

    checksum = PBKDF2HMAC(SHA512(), 64, salt, int(rounds)).derive(password.encode())
    salt64, checksum64 = (b64encode(data, b"./").rstrip(b"=").decode() for data in (salt, checksum))
    hashes.append(f"$pbkdf2-sha512${rounds}${salt64}${checksum64}")


hashing = Thread(target=make_hash)
hashing.start()  # hashing releases the GIL, so the imports run meanwhile
from cryptography.fernet import Fernet
from sqlalchemy import Boolean, DateTime, NullPool, column, create_engine, select, table, update

users = table(
    "zato_sso_user",
    column("id"),
    column("username"),
    column("password"),
    column("password_is_set", Boolean),
    column("password_last_set", DateTime),
    column("password_expiry", DateTime),
)
engine = create_engine(f"sqlite:///{server['odb']['db_name']}", poolclass=NullPool)
hashing.join()
now = datetime.now(timezone.utc).replace(tzinfo=None)
with engine.begin() as connection:
    connection.exec_driver_sql("BEGIN EXCLUSIVE")
    user_id = connection.scalar(select(users.c.id).where(users.c.username == username))
    change = update(users).where(users.c.id == user_id)
    connection.execute(
        change.values(
            password=Fernet(secrets["secret_keys"]["key1"]).encrypt(hashes[0].encode()).decode(),
            password_is_set=True,
            password_last_set=now,
            password_expiry=now + timedelta(days=int(sso["password"]["expiry"])),
        )
    )
    print(f"Password for user `{username}` reset to `{password}`", flush=True)
