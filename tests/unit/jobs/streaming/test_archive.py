"""The CSV archive: whole files, one a day and part, and no line twice."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.streaming.archive import COLUMNS, remove_batch, set_aside, write_archive
from tests.unit.jobs.streaming.test_observations import EFFECTIVE_US, document, heart_rate, retraction

DAY_US = 86_400_000_000


def names(folder: Path) -> set[str]:
    """Return the files of the archive, from the day's folder on; unfinished ones too."""
    return {"/".join(path.parts[-2:]) for path in folder.glob("observations/*/*")}


def lines(folder: Path) -> list[dict[str, str]]:
    """Return all lines of the archive."""
    rows: list[dict[str, str]] = []
    for path in sorted(folder.glob("observations/*/*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            rows.extend(csv.DictReader(file))
    return rows


def test_each_day_of_effective_time_has_a_file_of_its_own(tmp_path: Path) -> None:
    days = [document(10), document(11, effective_us=EFFECTIVE_US + DAY_US), document(12, patient_id="p-2")]
    write_archive(tmp_path, 12, "0-10", days)
    assert names(tmp_path) == {
        "day=2026-09-21/batch-00000012-0-10.csv",
        "day=2026-09-22/batch-00000012-0-10.csv",
    }
    assert sorted(row["source_offset"] for row in lines(tmp_path)) == ["10", "11", "12"]


def test_a_canary_is_no_line_of_the_archive(tmp_path: Path) -> None:
    write_archive(tmp_path, 12, "0-10", [document(10), document(11, patient_id="canary-1")])
    assert [row["source_offset"] for row in lines(tmp_path)] == ["10"]


def test_line_holds_every_column_and_leaves_empty_what_is_not_known(tmp_path: Path) -> None:
    write_archive(tmp_path, 0, "0-10", [document(10, flags=("implausible", "unit_converted"))])
    (row,) = lines(tmp_path)
    assert tuple(row) == COLUMNS
    assert (row["systolic"], row["diastolic"], row["heart_rate"], row["device_id"]) == ("128", "82", "", "")
    assert (row["flags"], row["@timestamp"]) == ("implausible;unit_converted", "2026-09-21T14:13:20.123Z")


def test_readings_heart_rates_and_retractions_share_a_file(tmp_path: Path) -> None:
    write_archive(tmp_path, 0, "0-10", [document(10), heart_rate(71.5), retraction(12)])
    assert [row["status"] for row in lines(tmp_path)] == ["final", "final", "entered-in-error"]
    assert [row["heart_rate"] for row in lines(tmp_path)] == ["", "71.5", ""]


def test_whole_and_broken_numbers_share_a_column(tmp_path: Path) -> None:
    write_archive(tmp_path, 0, "0-10", [document(10, systolic=128), document(11, systolic=128.5)])
    assert [float(row["systolic"]) for row in lines(tmp_path)] == [128.0, 128.5]


def test_repeated_part_replaces_its_file(tmp_path: Path) -> None:
    write_archive(tmp_path, 3, "0-10", [document(10), document(11)])
    write_archive(tmp_path, 3, "0-10", [document(10)])
    assert [row["source_offset"] for row in lines(tmp_path)] == ["10"]


def test_parts_and_batches_stand_beside_each_other(tmp_path: Path) -> None:
    for batch_id, part in ((3, "0-10"), (3, "1-10"), (4, "0-20")):
        write_archive(tmp_path, batch_id, part, [document(10)])
    assert len(names(tmp_path)) == 3


def test_nothing_to_archive_makes_no_file(tmp_path: Path) -> None:
    write_archive(tmp_path, 0, "0-10", [])
    assert names(tmp_path) == set()


def test_failed_write_leaves_no_file_that_could_be_taken_for_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("jobs.streaming.archive.csv.write_csv", fail)
    with pytest.raises(OSError, match="no space left"):
        write_archive(tmp_path, 0, "0-10", [document(10)])
    assert lines(tmp_path) == []


def test_interrupted_batch_is_removed_with_all_its_parts_and_no_other(tmp_path: Path) -> None:
    for batch_id, part in ((1, "0-10"), (1, "1-10"), (10, "0-20"), (11, "0-30")):
        write_archive(tmp_path, batch_id, part, [document(10), document(11, effective_us=EFFECTIVE_US + DAY_US)])
    remove_batch(tmp_path, 1)
    assert {name.split("batch-")[1] for name in names(tmp_path)} == {"00000010-0-20.csv", "00000011-0-30.csv"}


def test_file_that_a_killed_batch_left_unfinished_is_removed_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unfinished: list[Path] = []

    def die_half_way(_: object, path: Path) -> None:
        unfinished.append(path)
        raise KeyboardInterrupt

    monkeypatch.setattr("jobs.streaming.archive.csv.write_csv", die_half_way)
    with pytest.raises(KeyboardInterrupt):
        write_archive(tmp_path, 1, "0-10", [document(10)])
    assert names(tmp_path) == set()
    unfinished[0].write_text("half")  # a process that is killed clears nothing away
    assert len(names(tmp_path)) == 1
    remove_batch(tmp_path, 1)
    assert names(tmp_path) == set()


def test_removing_from_no_archive_is_no_fault(tmp_path: Path) -> None:
    remove_batch(tmp_path, 1)
    assert list(tmp_path.iterdir()) == []


def test_archive_of_an_earlier_checkpoint_is_set_aside_whole(tmp_path: Path) -> None:
    write_archive(tmp_path, 0, "0-10", [document(10)])
    aside = set_aside(tmp_path, "20260921T000000Z")
    assert aside == tmp_path / "observations-until-20260921T000000Z"
    assert len(list(aside.glob("day=*/*.csv"))) == 1
    assert names(tmp_path) == set()


def test_there_may_be_nothing_to_set_aside(tmp_path: Path) -> None:
    assert set_aside(tmp_path, "20260921T000000Z") is None
    (tmp_path / "observations").mkdir()
    assert set_aside(tmp_path, "20260921T000000Z") is None


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters='\n,";'), min_size=1, max_size=20)


@given(texts, texts)
def test_any_text_comes_back_from_the_file(
    tmp_path_factory: pytest.TempPathFactory, patient_id: str, device_id: str
) -> None:
    folder = tmp_path_factory.mktemp("archive")
    told: dict[str, Any] = {"patient_id": patient_id, "device_id": device_id}
    write_archive(folder, 0, "0-10", [document(10, **told), document(11)])
    first, second = lines(folder)
    assert (first["patient_id"], first["device_id"]) == (patient_id, device_id)
    assert second["patient_id"] == "p-1"


def test_carriage_returns_tabs_and_quotes_come_back_from_the_file(tmp_path: Path) -> None:
    write_archive(tmp_path, 0, "0-10", [document(10, patient_id='a\r\n"b",\tc')])
    assert lines(tmp_path)[0]["patient_id"] == 'a\r\n"b",\tc'
