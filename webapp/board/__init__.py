"""The live board: patients by urgency, measured and predicted side by side, alerts and their acknowledgement."""

from __future__ import annotations

from webapp.board.views import blueprint

__all__ = ["blueprint"]
