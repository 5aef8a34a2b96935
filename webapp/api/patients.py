"""Patients and what is stored of each: newest state, readings, predictions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from assessment.freshness import freshness
from assessment.readings import in_crisis
from assessment.urgency import instant
from elastic.search import latest, observations, predictions
from webapp.api.models import Patient, PatientPage, PredictionPage, ReadingPage
from webapp.api.operations import Answer
from webapp.api.paging import paged, position
from webapp.api.parameters import (
    ObservationsOfPatientQuery,
    PatientsQuery,
    PredictionsOfPatientQuery,
    Range,
)
from webapp.api.problems import ApiError, invalid_parameter
from webapp.api.routes import operation
from webapp.audit.events import record
from webapp.patients.urls import read_id, spell
from webapp.security.roles import Permission
from webapp.services import services

MOST_INTERVALS: Final = 10_000
DECIMALS: Final = 2


def with_state(document: Mapping[str, Any]) -> dict[str, Any]:
    """A newest prediction with what the site concludes from its reading and its age."""
    site = services()
    interval = site.settings.expected_interval
    return {
        **document,
        "measured_crisis": in_crisis(document),
        "freshness": freshness(instant(document["@timestamp"]), site.clock(), interval),
    }


def read_patient_id(address: str) -> str:
    """The patient's id from how addresses spell it; what cannot be one is a patient who is not there (404)."""
    patient_id = read_id(address)
    if patient_id is None:
        raise ApiError(404)
    return patient_id


def address_of(patient_id: str) -> str:
    """How addresses spell a patient's id; `read_patient_id` undoes it."""
    return spell(patient_id)


def span_of(query: Range) -> tuple[datetime, datetime]:
    """First and last instant of a query; raises the 422."""
    try:
        return query.resolve(services().clock())
    except ValueError as error:
        raise invalid_parameter("from", str(error)) from error


@operation(
    "GET",
    "/api/v1/patients",
    tag="patients",
    summary="Patients, the newest reading first",
    permission=Permission.API_READ_PREDICTIONS,
    query=PatientsQuery,
    answer=PatientPage,
    problems=(503,),
)
def list_patients(query: PatientsQuery) -> Answer:
    """One page of patients with their newest prediction."""
    found = latest.page(services().search, level=query.level, prefix=query.q, limit=query.limit, after=position(query))
    record("list", patient_ids=[document["patient_id"] for document in found.documents])
    return paged(PatientPage, [with_state(document) for document in found.documents], query, found)


@operation(
    "GET",
    "/api/v1/patients/<patient_id>",
    tag="patients",
    summary="One patient's newest reading and prediction",
    permission=Permission.API_READ_PREDICTIONS,
    answer=Patient,
    problems=(404, 503),
)
def get_patient(patient_id: str) -> Patient:
    """The newest state of a patient."""
    patient_id = read_patient_id(patient_id)
    document = latest.patient(services().search, patient_id)
    if document is None:
        raise ApiError(404)
    record("view", patient_ids=[patient_id])
    return Patient.model_validate(with_state(document))


@operation(
    "GET",
    "/api/v1/patients/<patient_id>/observations",
    tag="patients",
    summary="One patient's readings, the newest first",
    description="With an interval other than raw: lowest, mean and highest of each interval, in time's order, in one "
    "page. Readings that were entered in error are listed with their status, and left out of intervals.",
    permission=Permission.API_READ_OBSERVATIONS,
    query=ObservationsOfPatientQuery,
    answer=ReadingPage,
    problems=(404, 503),
)
def list_observations_of_patient(patient_id: str, query: ObservationsOfPatientQuery) -> Answer:
    """Readings of a patient, single or by interval."""
    patient_id = read_patient_id(patient_id)
    start, end = span_of(query)
    search, after = services().search, position(query)
    if query.interval != "raw":
        return _intervals(patient_id, start, end, query.interval)
    found = observations.of_patient(
        search, patient_id, start=start, end=end, limit=query.limit, after=after, newest_first=True
    )
    record("view", patient_ids=[patient_id])
    return paged(ReadingPage, found.documents, query, found)


def _intervals(patient_id: str, start: datetime, end: datetime, interval: str) -> Answer:
    if (end - start) / observations.INTERVALS[interval] > MOST_INTERVALS:
        raise invalid_parameter("interval", f"more than {MOST_INTERVALS} intervals; choose a longer one")
    buckets = observations.buckets_of_patient(services().search, patient_id, start, end, interval)
    record("view", patient_ids=[patient_id])
    return Answer(ReadingPage.model_validate({"items": list(map(_interval, buckets))}))


def _interval(bucket: Mapping[str, Any]) -> dict[str, Any]:
    """An interval without the measures that it has no values of, and without the dust of binary fractions."""
    return dict(bucket) | {name: _spread(bucket[name]) for name in observations.MEASURES}


def _spread(stats: Mapping[str, float | None]) -> dict[str, float] | None:
    known = {name: round(value, DECIMALS) for name, value in stats.items() if value is not None}
    return known or None


@operation(
    "GET",
    "/api/v1/patients/<patient_id>/predictions",
    tag="patients",
    summary="One patient's predictions, the newest first",
    permission=Permission.API_READ_PREDICTIONS,
    query=PredictionsOfPatientQuery,
    answer=PredictionPage,
    problems=(404, 503),
)
def list_predictions_of_patient(patient_id: str, query: PredictionsOfPatientQuery) -> Answer:
    """Predictions of a patient."""
    patient_id = read_patient_id(patient_id)
    start, end = span_of(query)
    found = predictions.of_patient(
        services().search,
        patient_id,
        start=start,
        end=end,
        limit=query.limit,
        after=position(query),
        newest_first=True,
    )
    record("view", patient_ids=[patient_id])
    return paged(PredictionPage, found.documents, query, found)
