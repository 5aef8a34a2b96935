"""Patients and what is stored of them: newest state, readings, predictions; of one patient and of all."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from assessment.freshness import freshness
from assessment.readings import in_crisis
from elastic.client import Page
from elastic.search import latest, observations, predictions
from webapp.api.documents import AllReadingsPage, Patient, PatientPage, PredictionPage, ReadingPage
from webapp.api.inputs import (
    ObservationsOfPatientQuery,
    ObservationsQuery,
    PatientPath,
    PatientsQuery,
    PredictionsQuery,
    RangeQuery,
)
from webapp.api.problems import ApiError, fault
from webapp.api.routes import Answer, operation, paged, position
from webapp.audit.events import record
from webapp.security.roles import Permission
from webapp.services import services

MOST_INTERVALS: Final = 10_000
DECIMALS: Final = 2
READ_OBSERVATIONS: Final = Permission.API_READ_OBSERVATIONS
READ_PREDICTIONS: Final = Permission.API_READ_PREDICTIONS


@operation("/api/v1/patients", READ_PREDICTIONS, PatientPage, tag="patients")
def list_patients(query: PatientsQuery) -> Answer:
    """List patients, the newest reading first."""
    found = latest.page(services().search, level=query.level, prefix=query.q, limit=query.limit, after=position(query))
    record("list", patient_ids=_patients(found))
    return paged(PatientPage, [_with_state(document) for document in found.documents], query, found.after)


@operation("/api/v1/patients/<patient_id>", READ_PREDICTIONS, Patient, tag="patients")
def get_patient(path: PatientPath) -> Patient:
    """Show a patient's newest reading and prediction."""
    document = latest.patient(services().search, path.patient_id)
    if document is None:
        raise ApiError(404)
    record("view", patient_ids=[path.patient_id])
    return Patient.model_validate(_with_state(document))


@operation(
    "/api/v1/patients/<patient_id>/observations",
    READ_OBSERVATIONS,
    ReadingPage,
    tag="patients",
    description="With an interval other than raw: lowest, mean and highest of each interval, in time's order, in one "
    "page. Readings that were entered in error are listed with their status, and left out of intervals.",
)
def list_observations_of_patient(path: PatientPath, query: ObservationsOfPatientQuery) -> Answer:
    """List a patient's readings, the newest first."""
    start, end = query.span(services().clock())
    after = position(query)
    if query.interval != "raw":
        return _intervals(path.patient_id, start, end, query.interval)
    found = observations.of_patient(
        services().search,
        path.patient_id,
        start=start,
        end=end,
        limit=query.limit,
        after=after,
        newest_first=True,
    )
    record("view", patient_ids=[path.patient_id])
    return paged(ReadingPage, found.documents, query, found.after)


@operation("/api/v1/patients/<patient_id>/predictions", READ_PREDICTIONS, PredictionPage, tag="patients")
def list_predictions_of_patient(path: PatientPath, query: RangeQuery) -> Answer:
    """List a patient's predictions, the newest first."""
    start, end = query.span(services().clock())
    found = predictions.of_patient(
        services().search,
        path.patient_id,
        start=start,
        end=end,
        limit=query.limit,
        after=position(query),
        newest_first=True,
    )
    record("view", patient_ids=[path.patient_id])
    return paged(PredictionPage, found.documents, query, found.after)


@operation("/api/v1/observations", READ_OBSERVATIONS, AllReadingsPage, tag="lists")
def list_observations(query: ObservationsQuery) -> Answer:
    """List readings of all patients, the newest first."""
    start, end = query.span(services().clock())
    found = observations.page(
        services().search, start=start, end=end, category=query.category, limit=query.limit, after=position(query)
    )
    record("list", patient_ids=_patients(found))
    return paged(AllReadingsPage, found.documents, query, found.after)


@operation("/api/v1/predictions", READ_PREDICTIONS, PredictionPage, tag="lists")
def list_predictions(query: PredictionsQuery) -> Answer:
    """List predictions of all patients, the newest first."""
    start, end = query.span(services().clock())
    found = predictions.page(
        services().search,
        level=query.level,
        min_risk_6h=query.min_risk_6h,
        start=start,
        end=end,
        limit=query.limit,
        after=position(query),
    )
    record("list", patient_ids=_patients(found))
    return paged(PredictionPage, found.documents, query, found.after)


def _patients(found: Page) -> set[str]:
    """Return whose documents are on a page, as the audit notes them."""
    return {document["patient_id"] for document in found.documents}


def _with_state(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a newest prediction with what the site concludes from its reading and its age."""
    site, measured_at = services(), datetime.fromisoformat(document["@timestamp"])
    return {
        **document,
        "measured_crisis": in_crisis(document),
        "freshness": freshness(measured_at, site.clock(), site.settings.expected_interval),
    }


def _intervals(patient_id: str, start: datetime, end: datetime, interval: str) -> Answer:
    """Return lowest, mean and highest of each interval, of the measures that it has values of."""
    if (end - start) / observations.INTERVALS[interval] > MOST_INTERVALS:
        raise fault("query.interval", f"more than {MOST_INTERVALS} intervals; choose a longer one")
    buckets = observations.buckets_of_patient(services().search, patient_id, start, end, interval)
    record("view", patient_ids=[patient_id])
    items = [dict(bucket) | {name: _spread(bucket[name]) for name in observations.MEASURES} for bucket in buckets]
    return Answer(ReadingPage.model_validate({"items": items}))


def _spread(stats: Mapping[str, float | None]) -> dict[str, float] | None:
    """Return the known ones of some statistics without the dust of binary fractions."""
    known = {name: round(value, DECIMALS) for name, value in stats.items() if value is not None}
    return known or None
