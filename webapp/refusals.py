"""What was refused of each patient lately, put together for the people who look after them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from elastic.client import Document

TOLD_FOR: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Refused:
    """How many readings of a patient were refused, since when (ISO 8601), and why; groups are by device and reason."""

    count: int
    since: str
    reasons: tuple[str, ...]
    groups: tuple[Document, ...]


def by_patient(groups: Iterable[Document]) -> dict[str, Refused]:
    """Put the groups of `elastic.search.rejected.refusals` together by patient; those of nobody known are left out."""
    of: dict[str, list[Document]] = {}
    for group in groups:
        if group["patient_id"]:
            of.setdefault(group["patient_id"], []).append(group)
    return {
        patient_id: Refused(
            sum(group["count"] for group in found),
            min(group["first"] for group in found),
            tuple(dict.fromkeys(group["reason"] for group in found)),
            tuple(found),
        )
        for patient_id, found in of.items()
    }
