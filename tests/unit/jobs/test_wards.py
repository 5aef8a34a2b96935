"""Loading the register of wards: what it changes, what stands against it, and what the command tells."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from conf.settings import Settings
from jobs.wards import main, plan, read_file

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


def stay(patient_id: str, ward: str, hours: float = 0) -> dict[str, str]:
    return {"patient_id": patient_id, "ward": ward, "told_at": (NOON + timedelta(hours=hours)).isoformat()}


def test_who_is_told_elsewhere_moves_and_who_is_not_told_any_more_lies_nowhere() -> None:
    known = {"p-1": stay("p-1", "A", -5), "p-2": stay("p-2", "A", -5), "p-3": stay("p-3", "B", -5)}
    found = plan(known, [{"patient_id": "p-1", "ward": "B"}, {"patient_id": "p-2", "ward": "A"}], NOON)
    assert found.told == [stay("p-1", "B"), stay("p-2", "A")]
    assert found.gone == ["p-3"]
    assert {id_: after["ward"] for id_, after in found.after.items()} == {"p-1": "B", "p-2": "A"}


def test_a_move_since_the_register_was_written_stands() -> None:
    """Also the end of a stay, and of a patient whom the register does not name."""
    ended = {"patient_id": "p-2", "told_at": (NOON + timedelta(hours=1)).isoformat()}
    known = {"p-1": stay("p-1", "B", 1), "p-2": ended, "p-3": stay("p-3", "B", 1)}
    found = plan(known, [{"patient_id": "p-1", "ward": "A"}, {"patient_id": "p-2", "ward": "A"}], NOON)
    assert (found.told, found.gone) == ([], [])
    assert found.after == known


@pytest.mark.parametrize(("ward", "kept"), [("A", {"encounter": "e-1"}), ("B", {})])
def test_a_register_that_tells_the_same_ward_leaves_the_stay_to_its_encounter(ward: str, kept: dict[str, str]) -> None:
    known = {"p-1": stay("p-1", "A", -5) | {"encounter": "e-1"}}
    assert plan(known, [{"patient_id": "p-1", "ward": ward}], NOON).told == [stay("p-1", ward) | kept]


def test_a_register_counts_as_of_when_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "ward.csv"
    file.write_text("patient_id,ward\np-1,A\n")
    os.utime(file, (NOON.timestamp(), NOON.timestamp()))
    register, at, name = read_file(None, Settings(ward_register=file))
    assert (register, at, name) == ([{"patient_id": "p-1", "ward": "A"}], NOON, str(file))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot be read (No such file or directory). Check the path, or BP_WARD_REGISTER."),
        (b"patient_id,ward\np-1,Caf\xe9\n", "is not UTF-8 text"),
        (b"patient_id,ward\n" + b"".join(b"p-%d,A\n" % n for n in range(65_537)), "More than 65,536 patients in A"),
    ],
)
def test_a_file_that_cannot_be_used_ends_the_command_with_a_remedy(
    content: bytes | None, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "ward.csv"
    if content is not None:
        file.write_bytes(content)
    assert main([str(file), "--check"]) == 1
    assert told in capsys.readouterr().err


def test_without_a_register_the_command_says_how_to_name_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("BP_WARD_REGISTER", raising=False)
    assert main([]) == 1
    assert "set BP_WARD_REGISTER" in capsys.readouterr().err


def test_checking_counts_patients_and_wards_and_stores_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BP_ELASTICSEARCH_URL", "http://127.0.0.1:9")
    file = tmp_path / "ward.csv"
    file.write_text("patient_id,ward\np-1,A\np-2,B\n")
    assert main([str(file), "--check"]) == 0
    assert "2 patients in 2 wards" in capsys.readouterr().out
