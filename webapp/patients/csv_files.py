"""CSV files for spreadsheets: unlocalised, times in UTC, and no cell that a spreadsheet takes for a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from conf.clinical import RISK_FIELDS
from conf.spreadsheets import cell
from conf.times import iso
from elastic.search.observations import MEASURES
from webapp.patients.chart import INTERVAL_COLUMNS, Chart, values

LIST_FIELDS: Final = (
    "patient_id",
    "alert_level",
    *RISK_FIELDS,
    "@timestamp",
    "systolic",
    "diastolic",
    "heart_rate",
    "window_readings",
    "model_version",
    "scored_at",
)


def csv_text(rows: Iterable[Mapping[str, Any]], fields: Sequence[str]) -> str:
    """Write rows under a header of field names; what a row lacks stays empty."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(fields)
    writer.writerows([cell(row.get(field)) for field in fields] for row in rows)
    return file.getvalue()


def chart_csv(chart: Chart) -> str:
    """Write exactly what a chart shows, oldest first."""
    fields = ("@timestamp", *MEASURES, *(INTERVAL_COLUMNS if chart.interval else ()))
    return csv_text(({"@timestamp": iso(point.at), **values(point)} for point in chart.points), fields)
