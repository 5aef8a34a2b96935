"""The user's own account: password, sessions, second factor, tokens, preferences."""

from __future__ import annotations

from webapp.account.views import blueprint

__all__ = ["blueprint"]
