"""Stored readings as one CSV file: what is asked for, and what a file holds."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from jobs.export import main, moment, query, write_csv
from jobs.streaming.archive import COLUMNS

MARCH = datetime(2026, 3, 1, tzinfo=UTC)


def document(**fields: Any) -> dict[str, Any]:
    return {"@timestamp": "2026-03-01T07:15:00.000Z", "patient_id": "p-1", "systolic": 128.0, "flags": []} | fields


def test_a_file_has_a_header_and_a_line_for_each_reading(tmp_path: Path) -> None:
    assert (
        write_csv(tmp_path / "readings.csv", [document(), document(flags=["implausible", "conflicting_values"])]) == 2
    )
    with (tmp_path / "readings.csv").open(encoding="utf-8", newline="") as file:
        header, first, second = csv.reader(file)
    assert tuple(header) == COLUMNS
    assert dict(zip(header, first, strict=True))["systolic"] == "128.0"
    assert dict(zip(header, first, strict=True))["diastolic"] == ""
    assert dict(zip(header, second, strict=True))["flags"] == "implausible;conflicting_values"


def test_without_readings_there_is_a_header_alone(tmp_path: Path) -> None:
    assert write_csv(tmp_path / "readings.csv", []) == 0
    assert (tmp_path / "readings.csv").read_text().count("\n") == 1


def test_an_export_that_fails_leaves_the_file_of_the_one_before(tmp_path: Path) -> None:
    def failing() -> Any:
        yield document()
        raise OSError("away")

    write_csv(tmp_path / "readings.csv", [document()])
    before = (tmp_path / "readings.csv").read_text()
    with pytest.raises(OSError, match="away"):
        write_csv(tmp_path / "readings.csv", failing())
    assert (tmp_path / "readings.csv").read_text() == before
    assert [path.name for path in tmp_path.iterdir()] == ["readings.csv"]


def test_an_id_that_looks_like_a_formula_is_none_for_a_spreadsheet(tmp_path: Path) -> None:
    write_csv(tmp_path / "readings.csv", [document(patient_id='=HYPERLINK("http://x")')])
    assert "'=HYPERLINK" in (tmp_path / "readings.csv").read_text()


def test_times_and_patient_narrow_what_is_asked_for() -> None:
    wanted = query(MARCH, MARCH + timedelta(days=1), "p-1")["bool"]["filter"]
    limits = {"gte": "2026-03-01T00:00:00.000Z", "lt": "2026-03-02T00:00:00.000Z"}
    assert wanted == [{"range": {"@timestamp": limits}}, {"term": {"patient_id": "p-1"}}]
    assert query(None, None, None)["bool"]["filter"] == []


def test_a_canary_is_never_exported() -> None:
    without = query(None, None, None)["bool"]["must_not"]
    assert {"prefix": {"patient_id": {"value": "canary-"}}} in without


def test_a_day_begins_at_midnight_utc_and_an_instant_needs_its_zone() -> None:
    assert moment("2026-03-01") == MARCH
    assert moment("2026-03-01T06:00:00+01:00") == datetime(2026, 3, 1, 6, tzinfo=timezone(timedelta(hours=1)))
    with pytest.raises(ValueError, match="06:00:00"):
        moment("2026-03-01T06:00:00")


def test_a_time_without_zone_is_refused_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--csv", "x.csv", "--since", "2026-03-01T06:00:00"])
    assert ended.value.code == 2
    assert "invalid day or instant with a zone value" in capsys.readouterr().err
