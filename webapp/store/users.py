"""Rows of the table ``users``; whatever ends a user's rights also ends the user's sessions."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from conf.errors import UserError
from webapp.store.database import Store

USER_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}")


class UserNameError(UserError):
    """The name cannot be given to a new user."""


@dataclass(frozen=True)
class User:
    """One user of the site."""

    id: int
    name: str
    role: str
    language: str
    password: str | None
    must_change: bool
    secret_expires_at: datetime | None
    totp_secret: str | None  # its secret, sealed
    totp_confirmed: bool
    totp_last_step: int
    disabled: bool
    sound: bool
    shortcuts: bool
    created_at: datetime
    last_login_at: datetime | None
    wards: frozenset[str]  # whose patients alone are shown; none: all
    chosen_ward: str  # of these the one that lists are narrowed to; empty: none

    @property
    def has_totp(self) -> bool:
        """Tell whether one-time codes are asked for at sign-in."""
        return self.totp_secret is not None and self.totp_confirmed


def to_time(seconds: float | None) -> datetime | None:
    """Return a stored time as aware UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def find(store: Store, name: str) -> User | None:
    """Return the user of that name, whatever its case."""
    row = store.row("SELECT * FROM users WHERE name = ?", (name,))
    return None if row is None else _to_user(row)


def find_by_id(store: Store, user_id: int) -> User | None:
    """Return the user of that number."""
    row = store.row("SELECT * FROM users WHERE id = ?", (user_id,))
    return None if row is None else _to_user(row)


def list_all(store: Store) -> list[User]:
    """Return all users by name."""
    return [_to_user(row) for row in store.rows("SELECT * FROM users ORDER BY name")]


def add(
    store: Store,
    *,
    name: str,
    role: str,
    language: str,
    password: str | None,
    secret_expires_at: datetime | None,
    now: datetime,
    wards: Iterable[str] = (),
) -> None:
    """Add a user, whose password (a record) is for one use when it has an end; raises `UserNameError`."""
    if not USER_NAME.fullmatch(name):
        raise UserNameError(
            f"The user name {name!r} cannot be used. Give 2 to 64 of the characters a-z, 0-9, dot, dash and underscore."
        )
    ends_s = secret_expires_at.timestamp() if secret_expires_at else None
    values = (name, role, language, password, secret_expires_at is not None, ends_s, now.timestamp(), _join(wards))
    try:
        store.run(
            "INSERT INTO users (name, role, language, password, must_change, secret_expires_at, created_at, wards) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            values,
        )
    except sqlite3.IntegrityError as error:
        raise UserNameError(f"There is a user {name} already. Give another name.") from error


def set_password(
    store: Store, user_id: int, record: str, *, secret_expires_at: datetime | None, keep_session: str = ""
) -> None:
    """Give another password (for one use when it has an end) and end all sessions but `keep_session`."""
    ends_s = secret_expires_at.timestamp() if secret_expires_at else None
    with store.transaction() as connection:
        connection.execute(
            "UPDATE users SET password = ?, must_change = ?, secret_expires_at = ? WHERE id = ?",
            (record, ends_s is not None, ends_s, user_id),
        )
        connection.execute("DELETE FROM sessions WHERE user_id = ? AND hash != ?", (user_id, keep_session))


def renew_record(store: Store, user_id: int, record: str) -> None:
    """Store the same password under a new record."""
    store.run("UPDATE users SET password = ? WHERE id = ?", (record, user_id))


def demand_new_password(store: Store, user_id: int) -> None:
    """Let the user do nothing before choosing another password."""
    store.run("UPDATE users SET must_change = 1 WHERE id = ?", (user_id,))


def set_role(store: Store, user_id: int, role: str) -> None:
    """Give another role and end the user's sessions."""
    _set_and_sign_out(store, user_id, "role = ?", role)


def set_wards(store: Store, user_id: int, wards: Iterable[str]) -> None:
    """Bind an account to wards, or to none, and end the user's sessions."""
    _set_and_sign_out(store, user_id, "wards = ?, chosen_ward = ''", _join(wards))


def choose_ward(store: Store, user_name: str, ward: str) -> None:
    """Keep the ward that the user's lists are narrowed to; empty for none."""
    store.run("UPDATE users SET chosen_ward = ? WHERE name = ?", (ward, user_name))


def set_disabled(store: Store, user_id: int, disabled: bool) -> None:
    """Shut an account or open it again, and end the user's sessions."""
    _set_and_sign_out(store, user_id, "disabled = ?", disabled)


def remove_totp(store: Store, user_id: int) -> None:
    """Forget the second factor and end the user's sessions."""
    _set_and_sign_out(store, user_id, "totp_secret = NULL, totp_confirmed = 0, totp_last_step = 0")


def begin_totp(store: Store, user_id: int, sealed: str) -> None:
    """Note the sealed secret of a second factor that is not confirmed yet; a confirmed one stays."""
    store.run("UPDATE users SET totp_secret = ? WHERE id = ? AND totp_confirmed = 0", (sealed, user_id))


def renew_totp(store: Store, user_id: int, sealed: str) -> None:
    """Store the same second factor under a new seal."""
    store.run("UPDATE users SET totp_secret = ? WHERE id = ?", (sealed, user_id))


def use_totp_step(store: Store, user_id: int, step: int) -> bool:
    """Use up the code of a 30 s step and confirm the second factor; False when it or a later one was used before."""
    return (
        store.run(
            "UPDATE users SET totp_last_step = ?, totp_confirmed = 1 WHERE id = ? AND totp_last_step < ?",
            (step, user_id, step),
        )
        == 1
    )


def set_preferences(store: Store, user_id: int, *, language: str, sound: bool, shortcuts: bool) -> None:
    """Keep the user's choices."""
    store.run(
        "UPDATE users SET language = ?, sound = ?, shortcuts = ? WHERE id = ?", (language, sound, shortcuts, user_id)
    )


def set_language(store: Store, user_name: str, language: str) -> None:
    """Keep the user's language."""
    store.run("UPDATE users SET language = ? WHERE name = ?", (language, user_name))


def note_login(store: Store, user_id: int, now: datetime) -> None:
    """Note when the user signed in."""
    store.run("UPDATE users SET last_login_at = ? WHERE id = ?", (now.timestamp(), user_id))


def _set_and_sign_out(store: Store, user_id: int, assignment: str, *values: object) -> None:
    with store.transaction() as connection:
        connection.execute(f"UPDATE users SET {assignment} WHERE id = ?", (*values, user_id))  # noqa: S608 - constants
        connection.execute("DELETE FROM sessions WHERE user_id = ?", (user_id,))


def _to_user(row: sqlite3.Row) -> User:
    times = {name: to_time(row[name]) for name in ("secret_expires_at", "last_login_at")}
    flags = {name: bool(row[name]) for name in ("must_change", "totp_confirmed", "disabled", "sound", "shortcuts")}
    wards = frozenset(filter(None, row["wards"].split(",")))
    created_at = datetime.fromtimestamp(row["created_at"], UTC)
    return User(**{**dict(row), **times, **flags, "wards": wards, "created_at": created_at})


def _join(wards: Iterable[str]) -> str:
    """Return wards as a row keeps them; the name of none has a comma."""
    return ",".join(sorted(wards))
