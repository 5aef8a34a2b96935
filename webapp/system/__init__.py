"""The system page: is the pipeline alive, and what does it tell of itself."""

from __future__ import annotations

from webapp.system.views import blueprint

__all__ = ["blueprint"]
