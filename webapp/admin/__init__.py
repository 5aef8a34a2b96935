"""Administration: users, sessions, tokens, audit search, models."""

from __future__ import annotations

from webapp.admin import access_views, audit_views, model_views, user_views, version_views
from webapp.admin.blueprint import blueprint

__all__ = ["access_views", "audit_views", "blueprint", "model_views", "user_views", "version_views"]
