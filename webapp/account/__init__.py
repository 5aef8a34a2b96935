"""The user's own account."""

from __future__ import annotations

from webapp.account.views import blueprint

__all__ = ["blueprint"]
