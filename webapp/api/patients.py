"""Patients and what is stored of them: newest state, readings, predictions; of one patient and of all; the report.

A report is an export: limited, and noted in the audit before it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from assessment.freshness import freshness
from assessment.readings import in_crisis
from assessment.report import Report
from conf.times import iso
from elastic.client import After, Page
from elastic.search import latest, observations, predictions
from webapp.api.documents import AllReadingsPage, Patient, PatientPage, PredictionPage, ReadingPage
from webapp.api.inputs import (
    ObservationsOfPatientQuery,
    ObservationsQuery,
    PatientPath,
    PatientsQuery,
    PredictionsQuery,
    Range,
    RangeQuery,
)
from webapp.api.problems import ApiError, fault
from webapp.api.routes import Answer, operation, paged, position
from webapp.api.summary_documents import PatientReport
from webapp.audit.events import record
from webapp.patients.csv_files import csv_text
from webapp.patients.loading import load_report
from webapp.security.access import limit_exports
from webapp.security.roles import Permission
from webapp.services import services

MOST_INTERVALS: Final = 10_000
DECIMALS: Final = 2
COLUMNS: Final = ("timestamp", "systolic", "diastolic", "mean_arterial_pressure", "heart_rate", "plausible")
READ_OBSERVATIONS: Final = Permission.API_READ_OBSERVATIONS
READ_PREDICTIONS: Final = Permission.API_READ_PREDICTIONS


@operation("GET /api/v1/patients", READ_PREDICTIONS, PatientPage, tag="patients")
def list_patients(query: PatientsQuery) -> Answer:
    """List patients, the newest reading first."""
    search = services().search_in(query.ward)
    found = latest.page(search, level=query.level, prefix=query.q, limit=query.limit, after=position(query))
    record("list", patient_ids=_patients(found))
    return paged(PatientPage, [_with_state(document) for document in found.documents], query, found.after)


@operation("GET /api/v1/patients/<patient_id>", READ_PREDICTIONS, Patient, tag="patients")
def get_patient(path: PatientPath) -> Patient:
    """Show a patient's newest reading and prediction."""
    document = latest.patient(services().search, path.patient_id)
    if document is None:
        raise ApiError(404)
    record("view", patient_ids=[path.patient_id])
    return Patient.model_validate(_with_state(document))


@operation(
    "GET /api/v1/patients/<patient_id>/observations",
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
    found = newest(observations.of_patient, path.patient_id, (start, end), query.limit, after)
    return paged(ReadingPage, found.documents, query, found.after)


@operation("GET /api/v1/patients/<patient_id>/predictions", READ_PREDICTIONS, PredictionPage, tag="patients")
def list_predictions_of_patient(path: PatientPath, query: RangeQuery) -> Answer:
    """List a patient's predictions, the newest first."""
    span = query.span(services().clock())
    found = newest(predictions.of_patient, path.patient_id, span, query.limit, position(query))
    return paged(PredictionPage, found.documents, query, found.after)


@operation("GET /api/v1/observations", READ_OBSERVATIONS, AllReadingsPage, tag="lists")
def list_observations(query: ObservationsQuery) -> Answer:
    """List readings of all patients, the newest first."""
    start, end = query.span(services().clock())
    search, after = services().search_in(query.ward), position(query)
    found = observations.page(search, start=start, end=end, category=query.category, limit=query.limit, after=after)
    record("list", patient_ids=_patients(found))
    return paged(AllReadingsPage, found.documents, query, found.after)


@operation("GET /api/v1/predictions", READ_PREDICTIONS, PredictionPage, tag="lists")
def list_predictions(query: PredictionsQuery) -> Answer:
    """List predictions of all patients, the newest first."""
    start, end = query.span(services().clock())
    found = predictions.page(
        services().search_in(query.ward),
        level=query.level,
        min_risk_6h=query.min_risk_6h,
        start=start,
        end=end,
        limit=query.limit,
        after=position(query),
    )
    record("list", patient_ids=_patients(found))
    return paged(PredictionPage, found.documents, query, found.after)


@operation("GET /api/v1/patients/<patient_id>/report.json", Permission.REPORT, PatientReport, tag="patients")
def get_report(path: PatientPath, query: Range) -> PatientReport:
    """Summarise a patient's readings: day, night, dipping, load, quality."""
    made = _summarise(path.patient_id, query)
    return PatientReport.model_validate({**asdict(made), "patient_id": path.patient_id})


@operation("GET /api/v1/patients/<patient_id>/report.csv", Permission.EXPORT, "text/csv; charset=utf-8", tag="patients")
def get_report_csv(path: PatientPath, query: Range) -> Answer:
    """Give the readings of the report as CSV, one line for each reading that counts."""
    made = _summarise(path.patient_id, query)
    lines = [
        {**asdict(reading), "timestamp": iso(reading.at), "plausible": str(reading.plausible).lower()}
        for reading in made.readings
    ]
    return Answer(csv_text(lines, COLUMNS).encode())


def newest(
    of_patient: Callable[..., Page],
    patient_id: str,
    span: tuple[datetime | None, datetime | None],
    limit: int,
    after: After | None,
) -> Page:
    """Return a page of a patient's documents in [start, end), the newest first; the access is noted."""
    search, (start, end) = services().search, span
    found = of_patient(search, patient_id, start=start, end=end, limit=limit, after=after, newest_first=True)
    record("view", patient_ids=[patient_id])
    return found


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


def _summarise(patient_id: str, query: Range) -> Report:
    """Return the report of a span as the export that it is: counted, and noted before it is given."""
    site = services()
    start, end = query.span(site.clock())
    limit_exports()
    made = load_report(site.search, site.settings, patient_id, start, end)
    if not made.readings and latest.patient(site.search, patient_id) is None:
        raise ApiError(404)
    record("export", patient_ids=[patient_id])
    return made
