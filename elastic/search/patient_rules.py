"""What is set for single patients: limits, a longer silence, the end of surveillance; one document for each patient."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from elastic.client import Document, Search, answering
from elastic.names import PATIENT_RULES, fit_id
from elastic.schema import put_templates

MOST_PATIENTS: Final = 100_000
BY_PATIENT: Final[list[Any]] = [{"patient_id": "asc"}]


def of_patient(search: Search, patient_id: str) -> Document | None:
    """Return what is set for a patient, as it is now; None for nothing."""
    return search.get(PATIENT_RULES, fit_id(patient_id))


def of_patients(search: Search, patient_ids: Iterable[str]) -> dict[str, Document]:
    """Return what is set for those of some patients for whom something is, by patient."""
    found = search.get_many(PATIENT_RULES, [fit_id(id_) for id_ in sorted(set(patient_ids))])
    return {document["patient_id"]: document for document in found.values()}


def all_patients(search: Search) -> list[Document]:
    """Return what is set for all patients, by their ids."""
    return search.pages(PATIENT_RULES, {"sort": BY_PATIENT, "track_total_hits": False}, MOST_PATIENTS)


def keep(search: Search, document: Document) -> None:
    """Store what is set for a patient in place of what was, visible to the next search."""
    with answering():
        client = search.client.options(request_timeout=search.timeout_s)
        if not client.indices.exists(index=PATIENT_RULES):
            put_templates(search.client)
        client.index(index=PATIENT_RULES, id=fit_id(document["patient_id"]), document=document, refresh=True)
