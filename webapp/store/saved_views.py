"""Rows of the table ``views``: filters of the list of patients that a user has kept under a name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from webapp.store.database import Store

MOST: Final = 20  # of one user
LONGEST_NAME: Final = 40  # characters

LIST: Final = """
SELECT views.* FROM views JOIN users ON users.id = user_id WHERE users.name = :user ORDER BY views.name
"""
COUNT_OTHERS: Final = """
SELECT count(*) FROM views JOIN users ON users.id = user_id WHERE users.name = :user AND views.name != :name
"""
KEEP: Final = """
INSERT OR REPLACE INTO views (user_id, name, filters) SELECT id, :name, :filters FROM users WHERE name = :user
"""
DELETE: Final = """
DELETE FROM views WHERE id = :id AND user_id = (SELECT id FROM users WHERE name = :user)
"""


@dataclass(frozen=True)
class SavedView:
    """One view: the filters as they stand in an address."""

    id: int
    name: str
    filters: dict[str, str]


def list_views(store: Store, user_name: str) -> list[SavedView]:
    """A user's views by name."""
    rows = store.rows(LIST, {"user": user_name})
    return [SavedView(row["id"], row["name"], json.loads(row["filters"])) for row in rows]


def keep(store: Store, user_name: str, name: str, filters: Mapping[str, str]) -> bool:
    """Keep a view in place of the user's one of that name; False when there are `MOST` others already."""
    with store.transaction() as connection:
        others = connection.execute(COUNT_OTHERS, {"user": user_name, "name": name}).fetchone()[0]
        if others < MOST:
            connection.execute(KEEP, {"user": user_name, "name": name, "filters": json.dumps(filters)})
    return bool(others < MOST)


def delete(store: Store, user_name: str, view_id: int) -> bool:
    """Delete a view of the user; whether there was one."""
    return store.run(DELETE, {"user": user_name, "id": view_id}) > 0
