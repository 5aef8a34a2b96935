"""Hashing of passwords with bcrypt behind a keyed hash; what a new one must be like is in `password_rules`.

bcrypt takes 72 bytes at most and raises beyond. So it is given base64(HMAC-SHA384(pepper, password)), always 64 bytes;
the pepper also makes a stolen database useless alone. Unicode is put into its NFC form first, nothing else is changed.
"""

from __future__ import annotations

import base64
import secrets
import unicodedata
from typing import Final

import bcrypt

from webapp.security.peppers import Peppers, UnknownPepper

BCRYPT_COST: Final = 12
SCHEME: Final = "hmac-sha384-bcrypt"


class Passwords:
    """Makes and checks password records ``scheme$pepper version$bcrypt hash``."""

    def __init__(self, peppers: Peppers, cost: int = BCRYPT_COST) -> None:
        self.peppers = peppers
        self._cost = cost
        self._dummy = self.make_record(secrets.token_urlsafe())

    @property
    def newest_form(self) -> str:
        """What the records begin with that are made today."""
        return f"{SCHEME}${self.peppers.current}$$2b${self._cost:02d}$"

    def make_record(self, password: str) -> str:
        """The record to store for `password`."""
        version = self.peppers.current
        hashed = bcrypt.hashpw(self._prehash(version, password), bcrypt.gensalt(self._cost)).decode()
        return f"{SCHEME}${version}${hashed}"

    def verify(self, password: str, record: str | None) -> bool:
        """Whether `password` made `record`. Always costs one bcrypt; None or a corrupt record is a wrong password."""
        scheme, version, hashed = _parts(record or self._dummy)
        try:
            is_right = bcrypt.checkpw(self._prehash(version, password), hashed.encode())
        except (UnknownPepper, ValueError):
            return self.verify(password, None)
        return record is not None and scheme == SCHEME and is_right

    def needs_new_record(self, record: str) -> bool:
        """Whether a record was made at another cost or with another pepper than today's: sign-in then renews it."""
        return not record.startswith(self.newest_form)

    def _prehash(self, version: str, password: str) -> bytes:
        text = unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
        return base64.b64encode(self.peppers.digest(version, text))


def _parts(record: str) -> tuple[str, str, str]:
    scheme, _, rest = record.partition("$")
    version, _, hashed = rest.partition("$")
    return scheme, version, hashed


def one_time_secret() -> str:
    """A password for one use, easy to read out: four groups of five characters."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"  # without those that look alike; 31^20 is about 2^99
    groups = ("".join(secrets.choice(alphabet) for _ in range(5)) for _ in range(4))
    return "-".join(groups)
