"""A patient's report: the summary as JSON, the readings as CSV. Both are exports: limited, and noted in the audit."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from assessment.readings import Reading
from assessment.report import Report
from conf.times import iso
from elastic.search import latest
from webapp.api.operations import Answer
from webapp.api.parameters import Range
from webapp.api.patients import read_patient_id, span_of
from webapp.api.problems import ApiError
from webapp.api.report_models import PatientReport
from webapp.api.routes import operation
from webapp.audit.events import record
from webapp.patients.csv_files import csv_text
from webapp.patients.loading import load_report
from webapp.security.access import limit_exports
from webapp.security.roles import Permission
from webapp.services import services

COLUMNS = ("timestamp", "systolic", "diastolic", "mean_arterial_pressure", "heart_rate", "plausible")


class ReportQuery(Range):
    """The span of a report."""


@operation(
    "GET",
    "/api/v1/patients/<patient_id>/report.json",
    tag="patients",
    summary="Summary of a patient's readings: day, night, dipping, load, quality",
    permission=Permission.REPORT,
    query=ReportQuery,
    answer=PatientReport,
    problems=(404, 503),
)
def get_report(patient_id: str, query: ReportQuery) -> PatientReport:
    """The figures of the printed report."""
    patient_id = read_patient_id(patient_id)
    made = _summarise(patient_id, *span_of(query))
    record("export", patient_ids=[patient_id])
    return PatientReport.model_validate({**asdict(made), "patient_id": patient_id})


@operation(
    "GET",
    "/api/v1/patients/<patient_id>/report.csv",
    tag="patients",
    summary="The readings of the report as CSV",
    permission=Permission.EXPORT,
    query=ReportQuery,
    answer=None,
    media_type="text/csv; charset=utf-8",
    problems=(404, 503),
)
def get_report_csv(patient_id: str, query: ReportQuery) -> Answer:
    """One line for each reading that counts."""
    patient_id = read_patient_id(patient_id)
    made = _summarise(patient_id, *span_of(query))
    record("export", patient_ids=[patient_id])
    return Answer(csv_text(map(_line, made.readings), COLUMNS).encode())


def _summarise(patient_id: str, start: datetime, end: datetime) -> Report:
    limit_exports()
    site = services()
    made = load_report(site.search, site.settings, patient_id, start, end)
    if not made.readings and latest.patient(site.search, patient_id) is None:
        raise ApiError(404)
    return made


def _line(reading: Reading) -> dict[str, Any]:
    return {**asdict(reading), "timestamp": iso(reading.at), "plausible": str(reading.plausible).lower()}
