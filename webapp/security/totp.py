"""The second factor: one-time codes of 30 s (RFC 6238), each accepted once.

The store holds each user's secret sealed with a key that is derived from ``BP_SECRET_KEY``, so that the file alone
gives no codes.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Final, cast

import pyotp
import segno
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from alerts.secret_keys import derive
from webapp.security import peppered
from webapp.store import Store, users
from webapp.store.users import User

ISSUER: Final = "Blood pressure"
STEP_S: Final = 30
DRIFT_STEPS: Final = (0, -1, 1)  # a telephone's clock may be one step off
SECRET_BYTES: Final = 20
KEY_PURPOSE: Final = b"one-time-code secrets"


class UnreadableSecret(ValueError):  # noqa: N818 - a state of what is stored
    """A secret was sealed with a key that is not known here, or is damaged."""


class Seals:
    """Seals secrets with the first of the site's keys and opens those of each; with a pepper also the masked ones."""

    def __init__(self, secret_keys: Sequence[bytes], pepper: bytes = b"") -> None:
        fernets = [Fernet(derive(key, KEY_PURPOSE)) for key in secret_keys]
        self._newest, self._all, self._pepper = fernets[0], MultiFernet(fernets), pepper

    def seal(self, secret: bytes) -> str:
        """Return a secret as a text to store."""
        return self._newest.encrypt(secret).decode()

    def unseal(self, sealed: str) -> bytes:
        """Return the secret of a stored text; raises `UnreadableSecret`."""
        try:
            if peppered.is_masked(sealed) and self._pepper:
                return peppered.unmask(self._pepper, sealed)
            return self._all.decrypt(sealed)
        except (InvalidToken, ValueError) as error:
            raise UnreadableSecret("a sealed secret cannot be opened") from error

    def is_newest(self, sealed: str) -> bool:
        """Tell whether a secret is sealed with the first key."""
        try:
            return bool(self._newest.decrypt(sealed))
        except InvalidToken:
            return False


def new_secret(seals: Seals) -> str:
    """Return what to store for a new second factor."""
    return seals.seal(secrets.token_bytes(SECRET_BYTES))


def pending_secret(store: Store, seals: Seals, user: User) -> str:
    """Return the secret that the user is to confirm, in base 32; made now unless there is one that can be read."""
    try:
        return secret_of(seals, user.totp_secret or "")
    except UnreadableSecret:
        sealed = new_secret(seals)
        users.begin_totp(store, user.id, sealed)
        return secret_of(seals, sealed)


def secret_of(seals: Seals, sealed: str) -> str:
    """Return the secret for the authenticator, in base 32; raises `UnreadableSecret`."""
    return base64.b32encode(seals.unseal(sealed)).decode()


def renew_seal(store: Store, seals: Seals, user: User) -> None:
    """Seal the user's secret, which stays the same, with the newest key."""
    if user.totp_secret and not seals.is_newest(user.totp_secret):
        users.renew_totp(store, user.id, seals.seal(seals.unseal(user.totp_secret)))


def address_of(secret: str, user_name: str) -> str:
    """Return the ``otpauth://`` address that an authenticator opens."""
    return cast(str, pyotp.TOTP(secret).provisioning_uri(name=user_name, issuer_name=ISSUER))


def picture_of(address: str) -> str:
    """Return an address as a QR code for a telephone's camera: an inline SVG without styles, as the pages allow it."""
    return segno.make(address, micro=False).svg_inline(omitsize=True, svgclass="qr", lineclass=None)


def use_code(store: Store, seals: Seals, user: User, code: str, now: datetime) -> bool:
    """Tell whether `code` is one of the user's current codes and was never used; it is then used up."""
    step = _find_step(seals, user, code, now)
    return step is not None and users.use_totp_step(store, user.id, step)


def _find_step(seals: Seals, user: User, code: str, now: datetime) -> int | None:
    typed = "".join(code.split())
    if user.totp_secret is None or not typed.isascii():
        return None
    try:
        generator = pyotp.TOTP(secret_of(seals, user.totp_secret))
    except UnreadableSecret:
        return None
    current = int(now.timestamp()) // STEP_S
    for drift in DRIFT_STEPS:
        if hmac.compare_digest(str(generator.generate_otp(current + drift)), typed):
            return current + drift
    return None
