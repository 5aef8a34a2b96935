"""A patient's report: the summary as JSON, the readings as CSV. Both are exports: limited, and noted in the audit."""

from __future__ import annotations

from dataclasses import asdict

from assessment.report import Report
from conf.times import iso
from elastic.search import latest
from webapp.api.inputs import PatientPath, Range
from webapp.api.problems import ApiError
from webapp.api.routes import Answer, operation
from webapp.api.summary_documents import PatientReport
from webapp.audit.events import record
from webapp.patients.csv_files import csv_text
from webapp.patients.loading import load_report
from webapp.security.access import limit_exports
from webapp.security.roles import Permission
from webapp.services import services

COLUMNS = ("timestamp", "systolic", "diastolic", "mean_arterial_pressure", "heart_rate", "plausible")


@operation("/api/v1/patients/<patient_id>/report.json", Permission.REPORT, PatientReport, tag="patients")
def get_report(path: PatientPath, query: Range) -> PatientReport:
    """Summarise a patient's readings: day, night, dipping, load, quality."""
    made = _summarise(path.patient_id, query)
    return PatientReport.model_validate({**asdict(made), "patient_id": path.patient_id})


@operation("/api/v1/patients/<patient_id>/report.csv", Permission.EXPORT, "text/csv; charset=utf-8", tag="patients")
def get_report_csv(path: PatientPath, query: Range) -> Answer:
    """Give the readings of the report as CSV, one line for each reading that counts."""
    made = _summarise(path.patient_id, query)
    lines = [
        {**asdict(reading), "timestamp": iso(reading.at), "plausible": str(reading.plausible).lower()}
        for reading in made.readings
    ]
    return Answer(csv_text(lines, COLUMNS).encode())


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
