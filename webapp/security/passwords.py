"""Passwords: the rules for a new one, and hashing with bcrypt behind a keyed hash.

bcrypt takes 72 bytes at most and raises beyond. So it is given base64(HMAC-SHA384(pepper, password)), always 64 bytes;
the pepper also makes a stolen database useless alone. Unicode is put into its NFC form first, nothing else is changed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import unicodedata
from typing import Final

import bcrypt

MIN_LENGTH: Final = 15
MAX_LENGTH: Final = 128
MIN_DISTINCT: Final = 5
MIN_OWN_PART: Final = 8  # characters that must be left when known words are taken away
BCRYPT_COST: Final = 12
SCHEME: Final = "hmac-sha384-bcrypt"

KNOWN_WORDS: Final = (
    "motdepasse",
    "password",
    "passphrase",
    "tension",
    "pression",
    "arterielle",
    "artérielle",
    "bloodpressure",
    "blood",
    "pressure",
    "hopital",
    "hôpital",
    "hospital",
    "infirmier",
    "docteur",
    "clinique",
    "surveillance",
    "administrateur",
    "administrator",
    "admin",
    "azertyuiop",
    "qwertyuiop",
    "azerty",
    "qwerty",
    "qsdfghjklm",
    "asdfghjkl",
    "wxcvbn",
    "zxcvbnm",
    "abcdefghijklmnopqrstuvwxyz",
    "1234567890",
    "123456789",
    "12345678",
    "123456",
    "iloveyou",
    "jetaime",
    "bienvenue",
    "welcome",
    "letmein",
    "changeme",
    "secret",
    "soleil",
    "doudou",
    "loulou",
    "marseille",
    "football",
    "dragon",
    "princess",
)


class Passwords:
    """Makes and checks password records ``scheme$pepper version$bcrypt hash``."""

    def __init__(self, pepper: bytes, cost: int = BCRYPT_COST) -> None:
        self._pepper = pepper
        self._cost = cost
        self._prefix = f"{SCHEME}${hashlib.sha256(b'pepper version' + pepper).hexdigest()[:8]}$"
        self._dummy = self.make_record(secrets.token_urlsafe())

    def make_record(self, password: str) -> str:
        """The record to store for `password`."""
        return self._prefix + bcrypt.hashpw(self._prehash(password), bcrypt.gensalt(self._cost)).decode()

    def verify(self, password: str, record: str | None) -> bool:
        """Whether `password` made `record`. Always costs one bcrypt; None or a corrupt record is a wrong password."""
        known = record is not None and record.startswith(self._prefix)
        try:
            matches = bcrypt.checkpw(self._prehash(password), self._hash_of(record if known else self._dummy))
        except ValueError:
            return self.verify(password, None)
        return known and matches

    def needs_new_record(self, record: str) -> bool:
        """Whether a record was made at another cost than today's, so that sign-in should renew it."""
        return not record.startswith(f"{self._prefix}$2b${self._cost:02d}$")

    def derive(self, purpose: str, nonce: str) -> bytes:
        """32 bytes that belong to `nonce` and can be made only with the pepper."""
        return hmac.digest(self._pepper, f"{purpose}:{nonce}".encode(), "sha256")

    def _prehash(self, password: str) -> bytes:
        text = unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
        return base64.b64encode(hmac.digest(self._pepper, text, "sha384"))

    def _hash_of(self, record: str | None) -> bytes:
        return (record or self._dummy).removeprefix(self._prefix).encode()


def find_fault(password: str, user_name: str) -> str | None:
    """Why a new password is refused, as one of ``too_short too_long too_plain known_words``; None when it is taken."""
    text = unicodedata.normalize("NFC", password)
    if len(text) < MIN_LENGTH:
        return "too_short"
    if len(text) > MAX_LENGTH:
        return "too_long"
    if len(set(text.casefold())) < MIN_DISTINCT:
        return "too_plain"
    return "known_words" if len(_own_part(text, user_name)) < MIN_OWN_PART else None


def _own_part(text: str, user_name: str) -> str:
    """What is left of a password without punctuation, known words and the parts of the user's name."""
    rest = "".join(character for character in text.casefold() if character.isalnum())
    names = [part for part in user_name.casefold().replace("_", ".").replace("-", ".").split(".") if len(part) > 2]
    for word in sorted([*KNOWN_WORDS, *names], key=len, reverse=True):
        rest = rest.replace(word, "")
    return rest


def one_time_secret() -> str:
    """A password for one use, easy to read out: four groups of five characters."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"  # without those that look alike; 31^20 is about 2^99
    groups = ("".join(secrets.choice(alphabet) for _ in range(5)) for _ in range(4))
    return "-".join(groups)
