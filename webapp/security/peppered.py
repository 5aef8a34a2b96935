"""What versions before the one with Fernet have stored: passwords and one-time-code secrets behind a pepper.

Both are read with ``BP_PASSWORD_PEPPER`` and replaced when their user signs in. When ``create_users --list`` shows
nobody of the version before any more, the setting can go, and this file with it.
"""

from __future__ import annotations

import base64
import hmac
from typing import Final

SCHEME: Final = "hmac-sha384-bcrypt$"


def is_peppered(record: str) -> bool:
    """Tell whether a password's record is ``scheme$pepper version$bcrypt hash``."""
    return record.startswith(SCHEME)


def hash_of(record: str) -> str:
    """Return the bcrypt hash of a peppered record, empty in a corrupt one."""
    return record.removeprefix(SCHEME).partition("$")[2]


def prehash(pepper: bytes, password: bytes) -> bytes:
    """Return the 64 bytes that bcrypt was given instead of the password."""
    return base64.b64encode(hmac.digest(pepper, password, "sha384"))


def is_masked(sealed: str) -> bool:
    """Tell whether a stored one-time-code secret is ``pepper version$nonce$masked``."""
    return sealed.count("$") == 2


def unmask(pepper: bytes, sealed: str) -> bytes:
    """Return the secret of a masked one; with another pepper something else comes out. Raises ValueError."""
    _version, nonce, masked = sealed.split("$")
    mask = hmac.digest(pepper, f"totp:{nonce}".encode(), "sha256")
    secret = bytes.fromhex(masked)
    return bytes(byte ^ other for byte, other in zip(secret, mask[: len(secret)], strict=True))
