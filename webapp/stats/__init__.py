"""The statistics page: figures over all patients."""

from __future__ import annotations

from webapp.stats.views import blueprint

__all__ = ["blueprint"]
