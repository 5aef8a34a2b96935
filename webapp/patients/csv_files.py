"""CSV files for spreadsheets: times by the place's clock and in UTC, and no cell that is taken for a formula.

A spreadsheet in French expects semicolons, decimal commas and a byte order mark, without which it misreads accents.
Names of columns are the same in every language.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from conf.clinical import RISK_FIELDS
from conf.spreadsheets import cell
from conf.times import iso
from elastic.search.observations import MEASURES
from webapp.patients.chart import INTERVAL_COLUMNS, Chart, values

LIST_FIELDS: Final = (
    "patient_id",
    "alert_level",
    *RISK_FIELDS,
    "local_time",
    "@timestamp",
    "systolic",
    "diastolic",
    "heart_rate",
    "window_readings",
    "out_of_range",
    "model_version",
    "scored_at",
)


class Form(NamedTuple):
    """How the spreadsheets of a language expect a file."""

    delimiter: str
    decimal: str
    start: str


PLAIN: Final = Form(",", ".", "")
FORMS: Final[Mapping[str, Form]] = {"fr": Form(";", ",", "\N{BYTE ORDER MARK}")}


def form_of(language: str) -> Form:
    """Return the form of a file for a reader of that language."""
    return FORMS.get(language, PLAIN)


def csv_text(rows: Iterable[Mapping[str, Any]], fields: Sequence[str], form: Form = PLAIN) -> str:
    """Write rows under a header of field names; what a row lacks stays empty."""
    file = io.StringIO()
    writer = csv.writer(file, delimiter=form.delimiter)
    writer.writerow(fields)
    for row in rows:
        found = (row.get(field) for field in fields)
        writer.writerow(
            [str(value).replace(".", form.decimal) if isinstance(value, float) else cell(value) for value in found]
        )
    return form.start + file.getvalue()


def list_csv(documents: Iterable[Mapping[str, Any]], zone: ZoneInfo, form: Form = PLAIN) -> str:
    """Write the patients of the list with their newest predictions."""
    rows = (
        {
            **document,
            "local_time": local_time(datetime.fromisoformat(document["@timestamp"]), zone),
            "out_of_range": " ".join(document.get("out_of_range", ())),
        }
        for document in documents
    )
    return csv_text(rows, LIST_FIELDS, form)


def chart_csv(chart: Chart, patient_id: str, zone: ZoneInfo, form: Form = PLAIN) -> str:
    """Write exactly what a patient's chart shows, oldest first."""
    fields = ("patient_id", "local_time", "@timestamp", *MEASURES, *(INTERVAL_COLUMNS if chart.interval else ()))
    rows = (
        {
            "patient_id": patient_id,
            "local_time": local_time(point.at, zone),
            "@timestamp": iso(point.at),
            **values(point),
        }
        for point in chart.points
    )
    return csv_text(rows, fields, form)


def local_time(at: datetime, zone: ZoneInfo) -> str:
    """Write an instant as the screen's clock shows it, in the form that every spreadsheet takes for a time."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}"
