"""Alerts that wait, and policies that tell of them, for tests of notifications."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from alerts.model import State
from alerts.notifications.policy import Policy

Document = dict[str, Any]

NURSE = {"mail": "nurses@example.org"}
DOCTOR = {"webhook": "https://pager.example.org/hook"}


def policy(*chain: dict[str, Any], **more: Any) -> Policy:
    """Return a policy of one route with these steps, or with the routes of `more`; without a step the nurse is told."""
    steps = chain or ({"after_minutes": 0, "tell": ["nurse"]},)
    usual: dict[str, Any] = {
        "time_zone": "Europe/Paris",
        "recipients": {"nurse": NURSE, "doctor": DOCTOR},
        "routes": [{"chain": steps}],
    }
    return Policy.model_validate(usual | more)


def answered(alert: Document, at: datetime, by: str = "anne") -> Document:
    """Return an alert after somebody has acknowledged it."""
    answer = {"at": at.isoformat(), "until": (at + timedelta(minutes=30)).isoformat(), "by": by, "reason": "seen"}
    said = {"state": State.ACKNOWLEDGED, "is_unanswered": False, "changed_at": at.isoformat(), "answer": answer}
    return {**alert, **said}
