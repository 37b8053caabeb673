"""TOTP codes (RFC 6238)."""

from base64 import b32decode
from contextlib import suppress
from datetime import datetime, timezone

DIGITS = 6
STEP = 30  # seconds; a stock server accepts the code of the current step alone


def verify_code(code: str, key: str, now: datetime) -> bool:
    """Return whether `code` is that of the base32 `key` at `now`, naive UTC."""
    from cryptography.hazmat.primitives.hashes import SHA1
    from cryptography.hazmat.primitives.twofactor import InvalidToken
    from cryptography.hazmat.primitives.twofactor.totp import TOTP

    with suppress(InvalidToken, ValueError):
        secret = b32decode(key + "=" * (-len(key) % 8), casefold=True)
        totp = TOTP(secret, DIGITS, SHA1(), STEP, enforce_key_length=False)  # noqa: S303 as in the apps
        totp.verify(code.encode(), int(now.replace(tzinfo=timezone.utc).timestamp()))
        return True
    return False
