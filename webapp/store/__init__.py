"""Users, sessions, API tokens and throttles in SQLite: what the site itself owns, on its one host."""

from __future__ import annotations

from webapp.store.database import Store

__all__ = ["Store"]
