"""The second factor: one-time codes of 30 s (RFC 6238), each accepted once.

The store holds the secret sealed with the pepper, so that the file alone gives no codes.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from datetime import datetime
from typing import Final, cast

import pyotp

from webapp.security.passwords import Passwords
from webapp.security.peppers import UnknownPepper
from webapp.services import Services
from webapp.store import users
from webapp.store.users import User

ISSUER: Final = "Blood pressure"
STEP_S: Final = 30
DRIFT_STEPS: Final = (0, -1, 1)  # a telephone's clock may be one step off
SECRET_BYTES: Final = 20
PURPOSE: Final = "totp"


def new_secret(passwords: Passwords) -> str:
    """What to store for a new second factor."""
    return passwords.peppers.seal(PURPOSE, secrets.token_bytes(SECRET_BYTES))


def secret_of(passwords: Passwords, sealed: str) -> str:
    """The secret for the authenticator, in base 32; raises `UnknownPepper`."""
    return base64.b32encode(passwords.peppers.unseal(PURPOSE, sealed)).decode()


def renew_seal(site: Services, user: User) -> None:
    """Seal the user's secret, which stays the same, with the current pepper."""
    peppers = site.passwords.peppers
    if user.totp_nonce and not peppers.is_current(user.totp_nonce):
        users.renew_totp(site.store, user.id, peppers.seal(PURPOSE, peppers.unseal(PURPOSE, user.totp_nonce)))


def address_of(secret: str, user_name: str) -> str:
    """The ``otpauth://`` address that an authenticator opens."""
    return cast(str, pyotp.TOTP(secret).provisioning_uri(name=user_name, issuer_name=ISSUER))


def use_code(site: Services, user: User, code: str, now: datetime) -> bool:
    """Whether `code` is one of the user's current codes and was never used; it is then used up."""
    step = _find_step(site.passwords, user, code, now)
    return step is not None and users.use_totp_step(site.store, user.id, step)


def _find_step(passwords: Passwords, user: User, code: str, now: datetime) -> int | None:
    typed = "".join(code.split())
    if user.totp_nonce is None or not typed.isascii():
        return None
    try:
        generator = pyotp.TOTP(secret_of(passwords, user.totp_nonce))
    except UnknownPepper:
        return None
    current = int(now.timestamp()) // STEP_S
    for drift in DRIFT_STEPS:
        if hmac.compare_digest(str(generator.generate_otp(current + drift)), typed):
            return current + drift
    return None
