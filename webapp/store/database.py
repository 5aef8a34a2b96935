"""The SQLite file: its schema, one connection per thread, and transactions. Times are seconds since the epoch."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

STORE_FILE: Final = "webapp.sqlite3"
BUSY_TIMEOUT_S: Final = 10.0
OWNER_ONLY: Final = 0o600
Values = Sequence[object] | Mapping[str, object]

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS users (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    role TEXT NOT NULL,
    language TEXT NOT NULL,
    password TEXT,
    must_change INTEGER NOT NULL DEFAULT 0,
    secret_expires_at REAL,
    totp_nonce TEXT,
    totp_confirmed INTEGER NOT NULL DEFAULT 0,
    totp_last_step INTEGER NOT NULL DEFAULT 0,
    disabled INTEGER NOT NULL DEFAULT 0,
    sound INTEGER NOT NULL DEFAULT 1,
    shortcuts INTEGER NOT NULL DEFAULT 1,
    created_at REAL NOT NULL,
    last_login_at REAL
) STRICT;
CREATE TABLE IF NOT EXISTS sessions (
    hash TEXT PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at REAL NOT NULL,
    seen_at REAL NOT NULL,
    expires_at REAL NOT NULL,
    ip TEXT NOT NULL,
    agent TEXT NOT NULL,
    previous_login_at REAL
) STRICT;
CREATE INDEX IF NOT EXISTS sessions_of_user ON sessions (user_id);
CREATE TABLE IF NOT EXISTS tokens (
    id TEXT PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
    name TEXT NOT NULL,
    secret_hash TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at REAL NOT NULL,
    expires_at REAL NOT NULL,
    used_at REAL
) STRICT;
CREATE TABLE IF NOT EXISTS throttle (
    key TEXT PRIMARY KEY,
    fails INTEGER NOT NULL,
    next_allowed REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS rates (
    key TEXT NOT NULL,
    minute INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (key, minute)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS targets (
    patient_id TEXT PRIMARY KEY,
    systolic_lowest INTEGER NOT NULL,
    systolic_highest INTEGER NOT NULL,
    diastolic_lowest INTEGER NOT NULL,
    diastolic_highest INTEGER NOT NULL,
    set_by TEXT NOT NULL,
    set_at REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS views (
    id INTEGER PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
    name TEXT NOT NULL COLLATE NOCASE,
    filters TEXT NOT NULL,
    UNIQUE (user_id, name)
) STRICT;
"""


class Store:
    """One SQLite file, safe to use from every thread of every worker."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, OWNER_ONLY))
        self._connection().executescript(SCHEMA)

    def rows(self, sql: str, values: Values = ()) -> list[sqlite3.Row]:
        """The answer of one query."""
        return self._connection().execute(sql, values).fetchall()

    def row(self, sql: str, values: Values = ()) -> sqlite3.Row | None:
        """The first row of one query, None without any."""
        found = self._connection().execute(sql, values).fetchone()
        return found if isinstance(found, sqlite3.Row) else None

    def run(self, sql: str, values: Values = ()) -> int:
        """Do one statement; returns the number of rows that it touched."""
        return self._connection().execute(sql, values).rowcount

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction that nobody else writes beside; undone when the block raises."""
        connection = self._connection()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def is_usable(self) -> bool:
        """Whether the file answers."""
        try:
            return bool(self.rows("SELECT 1"))
        except sqlite3.Error:
            return False

    def _connection(self) -> sqlite3.Connection:
        known = getattr(self._local, "connection", None)
        if isinstance(known, sqlite3.Connection):
            return known
        connection = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        self._local.connection = connection
        return connection
