"""One attempt to sign in: throttle, password, second factor, session. Unknown users cost the same as known ones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from webapp.security import sessions, throttle, totp
from webapp.security.passwords import fits
from webapp.store import users
from webapp.store.users import User

if TYPE_CHECKING:  # it imports Flask, and here is decided
    from webapp.services import Services


@dataclass(frozen=True)
class Attempt:
    """What somebody typed, and from where."""

    user_name: str
    password: str
    code: str
    ip: str
    agent: str


@dataclass(frozen=True)
class Outcome:
    """`session_id` on success; else `wait_s` > 0 when it was too early to try. `user` is set when the name is known."""

    user: User | None = None
    session_id: str | None = None
    wait_s: int = 0


def sign_in(site: Services, attempt: Attempt) -> Outcome:
    """Try an attempt and return its outcome."""
    now = site.clock()
    keys = throttle.login_keys(attempt.user_name, attempt.ip)
    user = users.find(site.store, attempt.user_name.strip())
    wait_s = throttle.begin_attempt(site.store, keys, now)
    if wait_s:
        return Outcome(user, wait_s=wait_s)
    if not is_password_right(site, user, attempt.password, now) or user is None:
        return Outcome(user)
    if user.has_totp and not totp.use_code(site.store, site.seals, user, attempt.code, now):
        return Outcome(user)
    throttle.forget(site.store, keys)
    return Outcome(user, session_id=_begin(site, user, attempt, now))


def is_password_right(site: Services, user: User | None, password: str, now: datetime) -> bool:
    """Tell whether a password opens the account, at one bcrypt whoever asks."""
    is_over = user is not None and user.secret_expires_at is not None and now >= user.secret_expires_at
    is_open = user is not None and not user.disabled and user.role != "service" and not is_over
    record = user.password if user and is_open else None
    return site.passwords.verify(password, record)


def _begin(site: Services, user: User, attempt: Attempt, now: datetime) -> str:
    sessions.remove_expired(site.store, now)
    _renew(site, user, attempt.password)
    session_id = sessions.begin(site.store, user, ip=attempt.ip, agent=attempt.agent, now=now)
    users.note_login(site.store, user.id, now)
    return session_id


def _renew(site: Services, user: User, password: str) -> None:
    """Move what was made in an older way, at another cost or under an older key to today's."""
    if user.password and site.passwords.needs_new_record(user.password):
        if fits(password):
            users.renew_record(site.store, user.id, site.passwords.make_record(password))
        else:
            users.demand_new_password(site.store, user.id)
    if user.has_totp:
        totp.renew_seal(site.store, site.seals, user)
