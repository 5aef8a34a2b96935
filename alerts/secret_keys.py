"""The keys in ``BP_SECRET_KEY``, which the site and the alert service share, and those derived for one purpose each."""

from __future__ import annotations

import base64
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from conf.settings import Settings, SettingsError

MIN_KEY_BYTES: Final = 32
KEY_BYTES: Final = 32


def secret_keys(settings: Settings) -> list[bytes]:
    """Return the keys in ``BP_SECRET_KEY``, newest first; raises `SettingsError` when one is absent or short."""
    given = settings.secret_key.get_secret_value() if settings.secret_key else ""
    keys = [key.strip().encode() for key in given.split(",")]
    if any(len(key) < MIN_KEY_BYTES for key in keys):
        raise SettingsError(
            f"BP_SECRET_KEY must hold at least {MIN_KEY_BYTES} bytes, and so must each of several with commas between; "
            'make one with: python -c "import secrets; print(secrets.token_urlsafe(48))"'
        )
    return keys


def derive(secret_key: bytes, purpose: bytes) -> bytes:
    """Return a key for one purpose, as Fernet wants it: what is signed for one must not open what is for another."""
    derived = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose).derive(secret_key)
    return base64.urlsafe_b64encode(derived)
