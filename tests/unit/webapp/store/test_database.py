"""The numbered schema: every older file is brought up to date, a newer one is refused."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.support import before
from webapp.store import Store, users
from webapp.store.database import MIGRATIONS, StoreError

SCRIPTS = sorted(MIGRATIONS.glob("*.sql"))
NEWEST = len(SCRIPTS)


def make_old(path: Path, version: int, *, numbered: bool = True) -> None:
    """Make a file as that version did, with one user."""
    connection = sqlite3.connect(path)
    for script in SCRIPTS[:version]:
        connection.executescript(script.read_text(encoding="utf-8"))
    if numbered:
        connection.execute(f"PRAGMA user_version = {version}")
    if version:
        connection.execute("INSERT INTO users (name, role, language, created_at) VALUES ('anne', 'viewer', 'en', 0)")
    connection.commit()
    connection.close()


def schema(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """Return the columns of each table."""
    tables = [row["name"] for row in store.rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    return {table: [tuple(row) for row in store.rows(f"PRAGMA table_info({table})")] for table in tables}


def version_of(store: Store) -> int:
    row = store.row("PRAGMA user_version")
    assert row
    return int(row[0])


def test_the_migrations_are_numbered_without_a_gap() -> None:
    assert [int(script.name.partition("_")[0]) for script in SCRIPTS] == list(range(1, NEWEST + 1))


@pytest.mark.parametrize("version", range(NEWEST + 1))
def test_each_older_version_becomes_the_newest_and_keeps_its_users(tmp_path: Path, version: int) -> None:
    make_old(tmp_path / "old", version)

    store = Store(tmp_path / "old")

    assert schema(store) == schema(Store(tmp_path / "new"))
    assert version_of(store) == NEWEST
    assert [user.name for user in users.list_all(store)] == (["anne"] if version else [])


def test_a_file_from_before_the_numbers_is_the_first_version(tmp_path: Path) -> None:
    make_old(tmp_path / "old", 1, numbered=False)

    store = Store(tmp_path / "old")

    assert schema(store) == schema(Store(tmp_path / "new"))
    assert users.find(store, "anne")


def test_the_real_file_of_the_commit_before_becomes_the_newest(tmp_path: Path) -> None:
    before.unpack("site", tmp_path)

    store = Store(tmp_path / "webapp.sqlite3")

    assert schema(store) == schema(Store(tmp_path / "new"))
    assert {user.name for user in users.list_all(store)} == set(before.expectations()["accounts"])


def test_a_file_is_brought_up_to_date_once_however_many_open_it(tmp_path: Path) -> None:
    make_old(tmp_path / "old", 1)
    opened: list[Store] = []
    threads = [threading.Thread(target=lambda: opened.append(Store(tmp_path / "old"))) for _ in range(4)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(opened) == 4
    assert users.find(Store(tmp_path / "old"), "anne")


def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    make_old(tmp_path / "old", 1)
    connection = sqlite3.connect(tmp_path / "old")
    connection.execute("ALTER TABLE users RENAME COLUMN totp_nonce TO something_else")
    connection.close()

    with pytest.raises(sqlite3.OperationalError, match="totp_nonce"):
        Store(tmp_path / "old")

    connection = sqlite3.connect(tmp_path / "old")
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    assert connection.execute("SELECT count(*) FROM views").fetchone() == (0,)


def test_a_file_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    make_old(tmp_path / "new", NEWEST)
    connection = sqlite3.connect(tmp_path / "new")
    connection.execute(f"PRAGMA user_version = {NEWEST + 1}")
    connection.close()

    with pytest.raises(StoreError, match=rf"newer version \({NEWEST + 1}\) .* Start the newer program"):
        Store(tmp_path / "new")
