"""Signing in and out, and the language switch."""

from __future__ import annotations

from webapp.auth.views import blueprint

__all__ = ["blueprint"]
