"""Brakes kept in the store, so that they hold across workers: sign-in attempts and requests per minute.

A sign-in attempt is counted as failed before the password is looked at, in one transaction: any number of attempts sent
at once therefore meets the same delays as the same number sent one by one. Success forgets the count.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from webapp.store import Store

FREE_FAILS: Final = 3
MAX_DELAY_S: Final = 300
NOTICE_ABOVE: Final = 20
FORGET_AFTER: Final = timedelta(days=1)
SECONDS_PER_MINUTE: Final = 60
READS_PER_MINUTE: Final = 120
EXPORTS_PER_MINUTE: Final = 10


def login_keys(user_name: str, ip: str) -> tuple[str, str]:
    """Return what an attempt is counted under: the name, known or not, and the address."""
    return "name:" + hashlib.sha256(user_name.strip().lower().encode("utf-8", "replace")).hexdigest(), f"ip:{ip}"


def delay_s(fails: int) -> int:
    """Return the seconds until the next attempt after so many failures: 0, 0, 0, then 2, 4, 8 ... 300."""
    return 0 if fails <= FREE_FAILS else min(MAX_DELAY_S, 2 ** min(fails - FREE_FAILS, 20))


def begin_attempt(store: Store, keys: Sequence[str], now: datetime) -> int:
    """Count an attempt as failed and return 0, or return the seconds to wait and count nothing."""
    now_s = now.timestamp()
    with store.transaction() as connection:
        connection.execute("DELETE FROM throttle WHERE next_allowed < ?", (now_s - FORGET_AFTER.total_seconds(),))
        marks = ", ".join("?" * len(keys))
        known = {
            row["key"]: row
            for row in connection.execute(f"SELECT * FROM throttle WHERE key IN ({marks})", tuple(keys))  # noqa: S608
        }
        wait_s = max((row["next_allowed"] - now_s for row in known.values()), default=0.0)
        if wait_s > 0:
            return int(wait_s) + 1
        for key in keys:
            fails = (known[key]["fails"] if key in known else 0) + 1
            connection.execute("REPLACE INTO throttle VALUES (?, ?, ?)", (key, fails, now_s + delay_s(fails)))
    return 0


def forget(store: Store, keys: Sequence[str]) -> None:
    """Forget the failures under these keys."""
    with store.transaction() as connection:
        connection.executemany("DELETE FROM throttle WHERE key = ?", [(key,) for key in keys])


def count_conspicuous(store: Store) -> int:
    """Count the names and addresses that have failed more than `NOTICE_ABOVE` times."""
    row = store.row("SELECT count(*) AS number FROM throttle WHERE fails > ?", (NOTICE_ABOVE,))
    return 0 if row is None else int(row["number"])


def fails_of(store: Store, user_name: str) -> int:
    """Return how often signing in under that name has failed since the last success."""
    row = store.row("SELECT fails FROM throttle WHERE key = ?", (login_keys(user_name, "")[0],))
    return 0 if row is None else int(row["fails"])


def count_request(store: Store, key: str, limit: int, now: datetime) -> int:
    """Count a request under `key`; return 0, or the seconds to wait when it is beyond `limit` in this minute."""
    minute, second = divmod(int(now.timestamp()), SECONDS_PER_MINUTE)
    with store.transaction() as connection:
        connection.execute("DELETE FROM rates WHERE minute < ?", (minute,))
        connection.execute(
            "INSERT INTO rates VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1", (key, minute)
        )
        count = connection.execute("SELECT count FROM rates WHERE key = ? AND minute = ?", (key, minute)).fetchone()[0]
    return 0 if count <= limit else SECONDS_PER_MINUTE - second
