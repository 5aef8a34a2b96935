"""Browser sessions: rows in the store that can be ended at any moment, and the cookie that names one.

The cookie holds 256 random bits; the store keeps only their SHA-256.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from webapp.store import Store
from webapp.store.users import User, find_by_id

if TYPE_CHECKING:
    from flask import Request, Response

SECURE_COOKIE: Final = "__Host-bp"
LOOPBACK_COOKIE: Final = "bp"  # plain HTTP: browsers refuse the prefix __Host- without Secure
ID_BYTES: Final = 32
AGENT_LENGTH: Final = 200
NOTE_EVERY: Final = timedelta(minutes=1)

IDLE: Final = timedelta(minutes=30)
ADMIN_IDLE: Final = timedelta(minutes=15)
ABSOLUTE: Final = timedelta(hours=12)
KIOSK_ABSOLUTE: Final = timedelta(days=30)


@dataclass(frozen=True)
class Session:
    """One signed-in browser."""

    hash: str
    user_id: int
    user_name: str
    role: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    ip: str
    agent: str
    previous_login_at: datetime | None

    @property
    def idle_at(self) -> datetime | None:
        """Return when it is idle unless somebody acts before; None: never."""
        if self.role == "kiosk":
            return None
        return self.seen_at + (ADMIN_IDLE if self.role == "admin" else IDLE)

    def is_idle(self, now: datetime) -> bool:
        """Tell whether nobody has acted in it for too long."""
        return self.idle_at is not None and now >= self.idle_at


def digest(secret: str) -> str:
    """Return what is stored of a session id or token."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def cookie_name(request: Request) -> str:
    """Return the cookie's name on this connection."""
    return SECURE_COOKIE if request.is_secure else LOOPBACK_COOKIE


def begin(store: Store, user: User, *, ip: str, agent: str, now: datetime) -> str:
    """Start a session and return its id, for the cookie."""
    session_id = secrets.token_urlsafe(ID_BYTES)
    lifetime = KIOSK_ABSOLUTE if user.role == "kiosk" else ABSOLUTE
    previous = user.last_login_at.timestamp() if user.last_login_at else None
    times = (now.timestamp(), now.timestamp(), (now + lifetime).timestamp())
    store.run(
        "INSERT INTO sessions (hash, user_id, created_at, seen_at, expires_at, ip, agent, previous_login_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (digest(session_id), user.id, *times, ip, agent[:AGENT_LENGTH], previous),
    )
    return session_id


def find(store: Store, session_id: str, *, ip: str, now: datetime, is_poll: bool) -> tuple[Session, User] | None:
    """Return the session of that id and its user while both are valid; anything but a poll keeps it alive.

    One that has been idle for too long is returned too, at its own address, to the end of its 12 hours, and nothing
    wakes it up again: see `Session.is_idle` and what `webapp.security.access` still allows it.
    """
    row = store.row(_SELECT + " WHERE s.hash = ?", (digest(session_id),))
    session = _to_session(row) if row else None
    user = find_by_id(store, session.user_id) if session else None
    if session is None or user is None or user.disabled:
        return None
    if _is_over(session, ip, now):
        end(store, session.hash)
        return None
    if not is_poll and not session.is_idle(now) and now - session.seen_at >= NOTE_EVERY:
        store.run("UPDATE sessions SET seen_at = ? WHERE hash = ?", (now.timestamp(), session.hash))
    return session, user


def end(store: Store, session_hash: str, user_name: str | None = None) -> bool:
    """End one session, if it is one of `user_name` when that is given; False when there is none."""
    return store.run(_DELETE, {"hash": session_hash, "owner": user_name}) == 1


def list_sessions(store: Store, now: datetime, user_name: str | None = None) -> list[Session]:
    """Return the sessions that are not over, idle ones too, newest first; of one user when a name is given."""
    rows = store.rows(_LIST, {"owner": user_name})
    return [session for session in map(_to_session, rows) if not _is_over(session, session.ip, now)]


def remove_expired(store: Store, now: datetime) -> None:
    """Forget the sessions that are over."""
    store.run("DELETE FROM sessions WHERE expires_at <= ?", (now.timestamp(),))


def set_cookie(response: Response, request: Request, session_id: str) -> None:
    """Hand the session to the browser: for this host and path alone, out of reach of scripts, until it is closed."""
    response.set_cookie(
        cookie_name(request), session_id, secure=request.is_secure, httponly=True, samesite="Lax", path="/"
    )


def delete_cookie(response: Response, request: Request) -> None:
    """Take the session from the browser."""
    response.delete_cookie(cookie_name(request), secure=request.is_secure, httponly=True, samesite="Lax", path="/")


def _is_over(session: Session, ip: str, now: datetime) -> bool:
    """Tell whether nothing is left of a session; an idle one at its own address keeps what a wall may do."""
    elsewhere = ip != session.ip
    if session.role == "kiosk":
        return elsewhere or now >= session.expires_at
    return now >= session.expires_at or (session.is_idle(now) and (elsewhere or session.role == "admin"))


_SELECT: Final = "SELECT s.*, u.name AS user_name, u.role AS role FROM sessions s JOIN users u ON u.id = s.user_id"


_LIST: Final = _SELECT + " WHERE :owner IS NULL OR u.name = :owner ORDER BY s.created_at DESC"
_DELETE: Final = """
DELETE FROM sessions
WHERE hash = :hash AND (:owner IS NULL OR user_id = (SELECT id FROM users WHERE name = :owner))
"""


def _to_session(row: sqlite3.Row) -> Session:
    times = {name: datetime.fromtimestamp(row[name], UTC) for name in ("created_at", "seen_at", "expires_at")}
    previous = row["previous_login_at"]
    return Session(
        **{**dict(row), **times, "previous_login_at": datetime.fromtimestamp(previous, UTC) if previous else None}
    )
