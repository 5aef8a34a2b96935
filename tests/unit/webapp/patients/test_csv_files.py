"""CSV files that a spreadsheet reads and does not execute."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.support.ward import reading
from webapp.patients.chart import make_chart, points_of_readings
from webapp.patients.csv_files import FORMS, chart_csv, csv_text

PARIS = ZoneInfo("Europe/Paris")
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("id_", ["=1+1", "+33", "-1", "@SUM(A1)", "\tx"])
def test_a_text_that_looks_like_a_formula_is_quoted(id_: str) -> None:
    assert rows(csv_text([{"patient_id": id_}], ["patient_id"])) == [{"patient_id": f"'{id_}"}]


def test_numbers_stay_numbers_and_what_lacks_is_empty() -> None:
    assert csv_text([{"a": -1.5}], ["a", "b"]) == "a,b\r\n-1.5,\r\n"


def test_the_file_holds_exactly_what_the_chart_shows() -> None:
    documents = [reading("P-1", NOON, 141.5, 85, None), reading("P-1", NOON + timedelta(hours=1), 150, 90)]
    chart = make_chart(
        points_of_readings(documents),
        start=NOON,
        end=NOON + timedelta(hours=2),
        zone=PARIS,
        expected_interval=timedelta(minutes=15),
    )

    first, second = rows(chart_csv(chart, "P-1", PARIS))

    assert first["patient_id"] == second["patient_id"] == "P-1"
    assert (first["local_time"], first["@timestamp"]) == ("2026-03-10 13:00:00", "2026-03-10T12:00:00.000Z")
    assert (first["systolic"], first["heart_rate"], second["systolic"]) == ("141.5", "", "150.0")
    assert len(chart.gaps) == 2


def test_a_french_spreadsheet_gets_what_it_expects() -> None:
    text = csv_text([{"a": -1.5, "b": "Zoë; 2.5", "c": 3}], ["a", "b", "c"], FORMS["fr"])

    assert text == '\N{BYTE ORDER MARK}a;b;c\r\n-1,5;"Zoë; 2.5";3\r\n'
