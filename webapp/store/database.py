"""The SQLite file: its schema, one connection per thread, and transactions. Times are seconds since the epoch.

The schema is what the files of ``migrations/`` make of an empty database, in the order of their numbers; a semicolon
stands in them at the end of a statement only. The number of the last one is the database's ``user_version``. An older
database is brought up to date when it is opened.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from conf.errors import UserError

STORE_FILE: Final = "webapp.sqlite3"
BUSY_TIMEOUT_S: Final = 10.0
OWNER_ONLY: Final = 0o600
MIGRATIONS: Final = Path(__file__).with_name("migrations")
Values = Sequence[object] | Mapping[str, object]


class StoreError(UserError):
    """The file cannot be used by this version."""


class Store:
    """One SQLite file, safe to use from every thread of every worker."""

    def __init__(self, path: Path) -> None:
        """Open the file, made if it is missing; raises `StoreError`."""
        self.path = path
        self._local = threading.local()
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, OWNER_ONLY))
        self._migrate()

    def rows(self, sql: str, values: Values = ()) -> list[sqlite3.Row]:
        """Return the answer of one query."""
        return self._connection().execute(sql, values).fetchall()

    def row(self, sql: str, values: Values = ()) -> sqlite3.Row | None:
        """Return the first row of one query, None without any."""
        found = self._connection().execute(sql, values).fetchone()
        return found if isinstance(found, sqlite3.Row) else None

    def run(self, sql: str, values: Values = ()) -> int:
        """Do one statement; return the number of rows that it touched."""
        return self._connection().execute(sql, values).rowcount

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Open a transaction that nobody else writes beside; undone when the block raises."""
        connection = self._connection()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def is_usable(self) -> bool:
        """Tell whether the file answers."""
        try:
            return bool(self.rows("SELECT 1"))
        except sqlite3.Error:
            return False

    def _migrate(self) -> None:
        """Do what the file lacks, as a whole or not at all, one process at a time."""
        scripts = sorted(MIGRATIONS.glob("*.sql"))
        with self.transaction() as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version == 0 and connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'users'").fetchone():
                version = 1  # made before the files had numbers
            if version > len(scripts):
                raise StoreError(
                    f"The database {self.path} is of a newer version ({version}) than this program ({len(scripts)}). "
                    "Start the newer program, or put a copy from before it in its place."
                )
            for script in scripts[version:]:
                for statement in script.read_text(encoding="utf-8").split(";"):
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {len(scripts)}")

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
