"""Accounts: added with a password for one use, given another one, and what of them an older version has made."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from alerts.secret_keys import secret_keys
from conf.errors import UserError
from conf.settings import Settings
from webapp.security import peppered
from webapp.security.passwords import BCRYPT_COST, Passwords, one_time_secret
from webapp.security.roles import ROLES
from webapp.security.totp import Seals, UnreadableSecret
from webapp.store import Store, users
from webapp.store.users import User

ONE_TIME_LIFETIME: Final = timedelta(hours=72)
ONE_TIME_HOURS: Final = ONE_TIME_LIFETIME // timedelta(hours=1)
LONGEST_WARD: Final = 64
MOST_WARDS: Final = 50
RENEWED: Final = "renewed at the next sign-in"


class WardsError(UserError):
    """An account cannot be bound to these wards."""


def make_passwords(settings: Settings, bcrypt_cost: int = BCRYPT_COST) -> Passwords:
    """Return what makes and checks the site's passwords."""
    return Passwords(bcrypt_cost, _pepper(settings))


def make_seals(settings: Settings) -> Seals:
    """Return what seals the secrets of one-time codes; raises `SettingsError`."""
    return Seals(secret_keys(settings), _pepper(settings))


def read_wards(text: str, role: str) -> frozenset[str]:
    """Return the wards that a text names, with commas between, for an account to be bound to; none: to no ward.

    Raises `WardsError`.
    """
    named = frozenset(filter(None, (ward.strip() for ward in text.split(","))))
    if any(len(ward) > LONGEST_WARD or not ward.isprintable() for ward in named) or len(named) > MOST_WARDS:
        raise WardsError(f"Name at most {MOST_WARDS} wards with commas between, each as the register spells it.")
    if named and role == "admin":
        raise WardsError("An administrator runs the whole site and is bound to no ward. Leave the wards out.")
    return named


def add(
    store: Store,
    passwords: Passwords,
    *,
    name: str,
    role: str,
    language: str,
    now: datetime,
    wards: frozenset[str] = frozenset(),
) -> str | None:
    """Add a user; return the password for one use, None for a service, which has tokens only.

    Raises `users.UserNameError`.
    """
    if role not in ROLES:
        raise users.UserNameError(f"There is no role {role!r}. Give one of {', '.join(ROLES)}.")
    secret = None if role == "service" else one_time_secret()
    record = passwords.make_record(secret) if secret else None
    ends_at = now + ONE_TIME_LIFETIME if secret else None
    users.add(
        store,
        name=name,
        role=role,
        language=language,
        password=record,
        secret_expires_at=ends_at,
        now=now,
        wards=wards,
    )
    return secret


def give_one_time_password(store: Store, passwords: Passwords, user: User, now: datetime) -> str:
    """Give a user another password for one use and return it."""
    secret = one_time_secret()
    users.set_password(store, user.id, passwords.make_record(secret), secret_expires_at=now + ONE_TIME_LIFETIME)
    return secret


def unfinished_step(user: User) -> str | None:
    """Return the endpoint of what a user must do first of all: another password, for an admin a second factor."""
    if user.must_change:
        return "account.password"
    return "account.totp" if user.role == "admin" and not user.has_totp else None


def remarks(user: User, settings: Settings) -> list[str]:
    """Return what is left from an older version or key in an account, and what shuts the user out; often nothing."""
    seals, sealed = make_seals(settings), user.totp_secret or ""
    is_masked = peppered.is_masked(sealed)
    of_older_version = {"password": peppered.is_peppered(user.password or ""), "authenticator": is_masked}
    remedy = RENEWED if _pepper(settings) else "set BP_PASSWORD_PEPPER as it was, or use --reset"
    found = [f"{part} of an older version: {remedy}" for part, is_old in of_older_version.items() if is_old]
    if user.has_totp and not is_masked and not seals.is_newest(sealed):
        try:
            seals.unseal(sealed)
            found.append(f"authenticator under an older key: {RENEWED}")
        except UnreadableSecret:
            found.append("authenticator under an unknown key: put the old one behind BP_SECRET_KEY, or use --reset")
    return found


def _pepper(settings: Settings) -> bytes:
    """Return the pepper of an older version, empty without one; containers hand out an empty file."""
    return settings.password_pepper.get_secret_value().encode() if settings.password_pepper else b""
