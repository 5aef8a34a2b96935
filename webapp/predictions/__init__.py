"""The predictions page: every patient's risks, critical ones first, and how far the live model can be trusted."""

from __future__ import annotations

from webapp.predictions.views import blueprint

__all__ = ["blueprint"]
