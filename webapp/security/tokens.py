"""API tokens ``bp_<id>_<secret>``: shown once, stored as SHA-256, with scopes and an end."""

from __future__ import annotations

import hmac
import secrets
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from conf.errors import UserError
from webapp.security.roles import ROLES, SCOPES
from webapp.security.sessions import digest
from webapp.store import Store
from webapp.store.users import User, find_by_id, to_time

PREFIX: Final = "bp"
ID_BYTES: Final = 6
SECRET_BYTES: Final = 32
MAX_LIFETIME: Final = timedelta(days=365)
MAX_NAME_LENGTH: Final = 60
NOTE_EVERY: Final = timedelta(minutes=1)


class TokenError(UserError):
    """No such token can be made."""


@dataclass(frozen=True)
class Token:
    """What is known of a token; its secret is not."""

    id: str
    user_id: int
    user_name: str
    name: str
    secret_hash: str
    scopes: frozenset[str]
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None


def create(store: Store, user: User, *, name: str, scopes: Iterable[str], lifetime: timedelta, now: datetime) -> str:
    """Make a token for `user` and return its text, which is not kept; raises `TokenError`."""
    wanted = frozenset(scopes)
    _check(user, name, wanted, lifetime)
    token_id, secret = secrets.token_hex(ID_BYTES), secrets.token_urlsafe(SECRET_BYTES)
    store.run(
        "INSERT INTO tokens (id, user_id, name, secret_hash, scopes, created_at, expires_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            token_id,
            user.id,
            name.strip(),
            digest(secret),
            " ".join(sorted(wanted)),
            now.timestamp(),
            (now + lifetime).timestamp(),
        ),
    )
    return f"{PREFIX}_{token_id}_{secret}"


def id_of(text: str) -> str:
    """Return the id of a token's text."""
    return text.split("_", 2)[1]


def find(store: Store, text: str, now: datetime) -> tuple[Token, User] | None:
    """Return the token of that text and its user, while both are valid."""
    prefix, _, rest = text.partition("_")
    token_id, _, secret = rest.partition("_")
    row = store.row(_SELECT + " WHERE t.id = ?", (token_id,)) if prefix == PREFIX else None
    token = _to_token(row) if row else None
    matches = hmac.compare_digest(token.secret_hash if token else digest(""), digest(secret))
    if token is None or not matches or now >= token.expires_at:
        return None
    user = find_by_id(store, token.user_id)
    if user is None or user.disabled:
        return None
    if token.used_at is None or now - token.used_at >= NOTE_EVERY:
        store.run("UPDATE tokens SET used_at = ? WHERE id = ?", (now.timestamp(), token.id))
    return token, user


def list_tokens(store: Store, user_name: str | None = None) -> list[Token]:
    """Return the tokens, newest first; of one user when a name is given."""
    return [_to_token(row) for row in store.rows(_LIST, {"owner": user_name})]


def revoke(store: Store, token_id: str, user_name: str | None = None) -> bool:
    """End a token, if it is one of `user_name` when that is given; False when there is none."""
    return store.run(_DELETE, {"id": token_id, "owner": user_name}) == 1


def allowed_scopes(role: str) -> tuple[str, ...]:
    """Return the scopes that a token of this role may have."""
    return tuple(scope for scope in SCOPES if scope in ROLES.get(role, frozenset()))


def _check(user: User, name: str, scopes: frozenset[str], lifetime: timedelta) -> None:
    if not 1 <= len(name.strip()) <= MAX_NAME_LENGTH:
        raise TokenError(f"A token needs a name of at most {MAX_NAME_LENGTH} characters. Say what it is for.")
    if not scopes or not scopes <= set(allowed_scopes(user.role)):
        raise TokenError(f"A token of role {user.role} takes one or more of: {', '.join(allowed_scopes(user.role))}.")
    if not timedelta(0) < lifetime <= MAX_LIFETIME:
        raise TokenError(f"A token lives at most {MAX_LIFETIME.days} days. Give an earlier end.")


_SELECT: Final = "SELECT t.*, u.name AS user_name FROM tokens t JOIN users u ON u.id = t.user_id"


_LIST: Final = _SELECT + " WHERE :owner IS NULL OR u.name = :owner ORDER BY t.created_at DESC, t.id"
_DELETE: Final = """
DELETE FROM tokens
WHERE id = :id AND (:owner IS NULL OR user_id = (SELECT id FROM users WHERE name = :owner))
"""


def _to_token(row: sqlite3.Row) -> Token:
    times = {name: datetime.fromtimestamp(row[name], UTC) for name in ("created_at", "expires_at")}
    parts = {"used_at": to_time(row["used_at"]), "scopes": frozenset(row["scopes"].split())}
    return Token(**{**dict(row), **times, **parts})
