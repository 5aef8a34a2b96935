"""Passwords: what a new one must be like, and the bcrypt record that is kept of it.

bcrypt takes 72 bytes and no more, so longer passwords are refused. There are no rules on kinds of characters, and a
password never ends; what counts is how many guesses zxcvbn expects it to take, given the user's name and the site's
words. Unicode is put into its NFC form first, nothing else is changed.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from typing import Final

import bcrypt
from zxcvbn import zxcvbn

from webapp.security import peppered

BCRYPT_COST: Final = 12
MIN_LENGTH: Final = 15  # characters
MAX_BYTES: Final = 72
LEAST_SCORE: Final = 4  # of zxcvbn's 0 to 4: more than 10^10 guesses
SITE_WORDS: Final = (
    *("tension", "pression", "artérielle", "arterielle", "hypertension", "systolique", "diastolique", "surveillance"),
    *("patient", "patients", "hôpital", "hopital", "clinique", "clinicien", "médecin", "medecin", "infirmier"),
    *("infirmière", "infirmiere", "cardiologie", "blood", "pressure", "clinician", "admin"),
    *("motdepasse", "azertyuiop", "qsdfghjklm", "wxcvbn", "bonjour"),  # zxcvbn's own words and keyboards are English
)


class Passwords:
    """Makes and checks bcrypt records; with a pepper also checks those of `webapp.security.peppered`."""

    def __init__(self, cost: int = BCRYPT_COST, pepper: bytes = b"") -> None:
        self._cost, self._pepper = cost, pepper
        self._dummy = self.make_record(secrets.token_urlsafe())

    def make_record(self, password: str) -> str:
        """Return the record to store for a password that `fits`; raises ValueError for another one."""
        if not fits(password):
            raise ValueError("bcrypt cannot take this password whole")
        return bcrypt.hashpw(_encode(password), bcrypt.gensalt(self._cost)).decode()

    def verify(self, password: str, record: str | None) -> bool:
        """Tell whether `password` made `record`, at one bcrypt whatever is given.

        None, a corrupt record and a peppered one without its pepper are a wrong password.
        """
        typed, hashed, is_whole = _encode(password), record or self._dummy, fits(password)
        if record and peppered.is_peppered(record) and self._pepper:
            typed, hashed, is_whole = peppered.prehash(self._pepper, typed), peppered.hash_of(record), True
        try:
            is_right = bcrypt.checkpw(typed[:MAX_BYTES], hashed.encode())
        except ValueError:
            return self.verify(password, None)
        return record is not None and is_whole and is_right

    def needs_new_record(self, record: str) -> bool:
        """Tell whether a record was made in another way or at another cost than today's: sign-in then renews it."""
        return not record.startswith(f"$2b${self._cost:02d}$")


def find_fault(password: str, user_name: str) -> str | None:
    """Return why a new password is refused: ``too_short too_long guessable``; None when it is taken."""
    text = unicodedata.normalize("NFC", password)
    if len(text) < MIN_LENGTH:
        return "too_short"
    if not fits(text):
        return "too_long"
    names = (user_name, *re.split(r"[._-]", user_name))
    return "guessable" if zxcvbn(text, user_inputs=[*SITE_WORDS, *names])["score"] < LEAST_SCORE else None


def fits(password: str) -> bool:
    """Tell whether bcrypt takes the whole password: at most 72 bytes, and no null, with which it would begin anew."""
    encoded = _encode(password)
    return len(encoded) <= MAX_BYTES and b"\0" not in encoded


def one_time_secret() -> str:
    """Return a password for one use, easy to read out: four groups of five characters."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"  # without those that look alike; 31^20 is about 2^99
    groups = ("".join(secrets.choice(alphabet) for _ in range(5)) for _ in range(4))
    return "-".join(groups)


def _encode(password: str) -> bytes:
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
