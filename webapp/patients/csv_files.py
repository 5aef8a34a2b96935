"""CSV files for spreadsheets: unlocalised, times in UTC, and no cell that a spreadsheet takes for a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from webapp.patients.chart import Chart, Point, Spread

FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
LIST_FIELDS: Final = (
    "patient_id",
    "alert_level",
    "critical_risk_1h",
    "critical_risk_6h",
    "critical_risk_24h",
    "@timestamp",
    "systolic",
    "diastolic",
    "heart_rate",
    "window_readings",
    "model_version",
    "scored_at",
)
POINT_FIELDS: Final = ("@timestamp", "systolic", "diastolic", "mean_arterial_pressure", "heart_rate")
SPREAD_FIELDS: Final = ("readings", "systolic_min", "systolic_max", "diastolic_min", "diastolic_max")


def csv_text(rows: Iterable[Mapping[str, Any]], fields: Sequence[str]) -> str:
    """Rows under a header of field names; what a row lacks stays empty."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(fields)
    writer.writerows([_cell(row.get(field)) for field in fields] for row in rows)
    return file.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return f"'{value}"
    return value


def chart_csv(chart: Chart) -> str:
    """Exactly what a chart shows, oldest first."""
    fields = POINT_FIELDS + (SPREAD_FIELDS if chart.interval else ())
    return csv_text(map(_point_row, chart.points), fields)


def _point_row(point: Point) -> dict[str, Any]:
    return {
        "@timestamp": utc_text(point.at),
        "systolic": round(point.systolic.mean, 1),
        "diastolic": round(point.diastolic.mean, 1),
        "mean_arterial_pressure": round(point.mean_arterial_pressure.mean, 1),
        "heart_rate": _mean(point.heart_rate),
        "readings": point.readings,
        "systolic_min": point.systolic.lowest,
        "systolic_max": point.systolic.highest,
        "diastolic_min": point.diastolic.lowest,
        "diastolic_max": point.diastolic.highest,
    }


def _mean(spread: Spread | None) -> float | None:
    return None if spread is None else round(spread.mean, 1)


def utc_text(at: datetime) -> str:
    """An instant as stored documents write it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
