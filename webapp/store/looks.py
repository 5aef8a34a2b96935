"""Rows of the table ``looks``: when a user looked at the board last, and since when there is news for them.

A visit goes on as long as the board is looked at again within `SAME_VISIT`; what has happened since the end of the
visit before is news, all through the next one.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from typing import Final

from webapp.store.database import Store
from webapp.store.users import to_time

SAME_VISIT: Final = timedelta(minutes=10)


def look(store: Store, user_name: str, now: datetime) -> datetime | None:
    """Note that a user looks at the board; return since when there is news for them, None at the first visit."""
    with store.transaction() as connection:
        row = connection.execute(
            "SELECT looked_at, since FROM looks JOIN users ON users.id = user_id WHERE name = ?", (user_name,)
        ).fetchone()
        looked_at, since = row or (None, None)
        if looked_at is not None and now.timestamp() - looked_at > SAME_VISIT.total_seconds():
            since = looked_at
        _write(connection, user_name, now, since)
    return to_time(since)


def catch_up(store: Store, user_name: str, now: datetime) -> None:
    """Note that a user knows all that has happened until now."""
    with store.transaction() as connection:
        _write(connection, user_name, now, now.timestamp())


def _write(connection: sqlite3.Connection, user_name: str, now: datetime, since: float | None) -> None:
    """Write a user's row; a user who is gone has none."""
    connection.execute(
        "INSERT OR REPLACE INTO looks SELECT id, ?, ? FROM users WHERE name = ?", (now.timestamp(), since, user_name)
    )
