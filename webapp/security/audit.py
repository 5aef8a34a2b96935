"""Who saw which patient."""

from __future__ import annotations

from collections.abc import Iterable


class AuditTrail:
    """Placeholder until the chain and spool follow."""

    def record(
        self, action: str, *, patient_ids: Iterable[str] = (), outcome: str = "ok", actor: str | None = None
    ) -> None:
        """Note one access of the current request."""


def record(action: str, *, patient_ids: Iterable[str] = (), outcome: str = "ok") -> None:
    """Note one access of the current request."""
    from webapp.services import services

    services().audit.record(action, patient_ids=patient_ids, outcome=outcome)
