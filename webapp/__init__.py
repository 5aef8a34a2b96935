"""The ward's site: a thin Flask application over Elasticsearch."""

from __future__ import annotations

from webapp.factory import create_app

__all__ = ["create_app"]
