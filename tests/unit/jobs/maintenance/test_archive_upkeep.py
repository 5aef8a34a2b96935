"""Days and patients that are taken out of the CSV archive, and that all else stays as it was."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.maintenance.archive_upkeep import files_of, past_days, remove_day, remove_lines, size_bytes
from jobs.streaming.archive import COLUMNS, FOLDER, write_archive

MARCH = datetime(2026, 3, 1, tzinfo=UTC)


def document(patient_id: str = "p-1", day: str = "2026-02-28", **more: Any) -> dict[str, Any]:
    return {"@timestamp": f"{day}T10:00:00.000Z", "patient_id": patient_id, "systolic": 128.0, "flags": [], **more}


def rows(folder: Path) -> list[dict[str, str]]:
    found = []
    for path in sorted(folder.glob(f"{FOLDER}*/day=*/*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            found += list(csv.DictReader(file))
    return found


def erase(folder: Path, patient_id: str) -> list[int]:
    """Remove a patient's lines; how many there were in each file."""
    files = list(files_of(folder, patient_id))
    for path, _ in files:
        remove_lines(path, patient_id)
    return [lines for _, lines in files]


def test_past_days_are_found_in_the_archive_and_in_those_set_aside(tmp_path: Path) -> None:
    write_archive(tmp_path, 0, "0-0", [document(day=day) for day in ("2026-02-27", "2026-02-28", "2026-03-01")])
    (tmp_path / f"{FOLDER}-until-20260101T000000Z" / "day=2025-12-31").mkdir(parents=True)
    (tmp_path / FOLDER / "day=unknown").mkdir()
    for other in ("retraining.parquet", "observations-exported"):
        (tmp_path / other / "day=2020-01-01").mkdir(parents=True)

    past = past_days(tmp_path, MARCH)

    days = [str(folder.relative_to(tmp_path)) for folder in past]
    aside = f"{FOLDER}-until-20260101T000000Z/day=2025-12-31"
    assert days == [f"{FOLDER}/day=2026-02-27", f"{FOLDER}/day=2026-02-28", aside]


def test_day_is_deleted_with_its_files_and_twice_does_no_harm(tmp_path: Path) -> None:
    write_archive(tmp_path, 0, "0-0", [document(), document(day="2026-03-01")])
    (past,) = past_days(tmp_path, MARCH)
    assert size_bytes(past) > 100

    remove_day(past)
    remove_day(past)

    assert [row["@timestamp"][:10] for row in rows(tmp_path)] == ["2026-03-01"]


def test_no_archive_has_no_past_days(tmp_path: Path) -> None:
    assert past_days(tmp_path, MARCH) == []
    assert list(files_of(tmp_path, "p-1")) == []


def test_lines_of_one_patient_go_and_all_others_stay(tmp_path: Path) -> None:
    write_archive(tmp_path, 0, "0-0", [document("p-1"), document("p-2"), document("p-1"), document("p-10")])
    write_archive(tmp_path, 1, "0-4", [document("p-2")])

    assert erase(tmp_path, "p-1") == [2]

    assert [row["patient_id"] for row in rows(tmp_path)] == ["p-2", "p-10", "p-2"]
    assert erase(tmp_path, "p-1") == []


def test_file_of_one_patient_alone_goes_as_a_whole(tmp_path: Path) -> None:
    write_archive(tmp_path, 0, "0-0", [document("p-1")])

    assert erase(tmp_path, "p-1") == [1]

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_file_without_the_patient_is_not_touched(tmp_path: Path) -> None:
    write_archive(tmp_path, 0, "0-0", [document("p-2")])
    (path,) = tmp_path.rglob("*.csv")
    before = path.read_bytes(), path.stat().st_ino

    assert erase(tmp_path, "p-1") == []

    assert (path.read_bytes(), path.stat().st_ino) == before


texts = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=8))


patients = st.sampled_from(["p-2", 'a\r\n"b",\tc', "NA", "1", "001", "null"])


@given(patients, texts, texts, st.one_of(st.none(), st.integers(20, 300).map(float), st.just(82.25)))
def test_lines_that_stay_read_as_before(
    tmp_path_factory: pytest.TempPathFactory,
    patient_id: str,
    version_id: str | None,
    device_id: str | None,
    heart_rate: float | None,
) -> None:
    folder = tmp_path_factory.mktemp("archive")
    other = document(patient_id, version_id=version_id, device_id=device_id, heart_rate=heart_rate)
    write_archive(folder, 0, "0-0", [other])
    before = rows(folder)
    write_archive(folder, 0, "0-0", [document("p-1"), other])

    assert erase(folder, "p-1") == [1]

    assert rows(folder) == before
    assert set(before[0]) == set(COLUMNS)
