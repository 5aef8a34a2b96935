"""Records of real patients: what is read, what is refused, and that rows are those of the other ways."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from conf.errors import UserError
from ml.features import measures_of
from ml.records import Records, Refused, read_records, rows_of

BEGIN = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
HEADER = "patient,time,systolic,diastolic,heart_rate"


def written(path: Path, *lines: str, header: str = HEADER) -> Records:
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return read_records(path)


def line(hour: float, systolic: float = 130, patient: str = "a", rate: str = "70") -> str:
    return f"{patient},{(BEGIN + timedelta(hours=hour)).isoformat()},{systolic},80,{rate}"


def test_readings_are_put_in_order_by_patient_and_time_whatever_the_zone(tmp_path: Path) -> None:
    local = "b,2026-03-01T10:30:00+01:00,141,90,"
    (first, second), refused = written(tmp_path / "r.csv", line(1, 131), local, line(0, 130), line(1, patient="b"))
    assert refused == []
    assert (first.patient, first.systolic.tolist(), first.heart_rate.tolist()) == ("a", [130, 131], [70, 70])
    assert second.systolic.tolist() == [130, 141]
    assert np.isnan(second.heart_rate[1])


def test_a_file_may_have_no_heart_rates_and_other_columns(tmp_path: Path) -> None:
    header = "visit,diastolic,systolic,time,patient"
    ((record,), refused) = written(tmp_path / "r.csv", "1,80,130,2026-03-01T08:00:00Z,a", header=header)
    assert (record.systolic[0], record.diastolic[0], refused) == (130, 80, [])
    assert np.isnan(record.heart_rate).all()


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("a,2026-03-01T08:00:00,130,80,70", "has no zone"),
        ("a,yesterday,130,80,70", "isoformat"),
        (",2026-03-01T08:00:00Z,130,80,70", "no patient"),
        ("a,2026-03-01T08:00:00Z,high,80,70", "systolic is no number: 'high'"),
        ("a,2026-03-01T08:00:00Z,130", "diastolic is no number: None"),
        ("a,2026-03-01T08:00:00Z,80,130,70", "SYSTOLIC_NOT_ABOVE_DIASTOLIC: 80/130 mmHg"),
        ("a,2026-03-01T08:00:00Z,nan,80,70", "SYSTOLIC_OUT_OF_RANGE"),
        ("a,2026-03-01T08:00:00Z,130,80,900", "HEART_RATE_OUT_OF_RANGE: 900 per minute"),
        ("a,2026-03-01T10:00:00+01:00,130,80,70", "the same patient and time as line 2"),
    ],
)
def test_a_line_that_cannot_be_true_is_refused_with_its_number_and_reason(
    tmp_path: Path, bad: str, reason: str
) -> None:
    (records, (refused,)) = written(tmp_path / "r.csv", line(1), bad)
    assert isinstance(refused, Refused)
    assert refused.line == 3
    assert reason in refused.reason
    assert len(records) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"patient;time;systolic;diastolic\n", "lacks the columns patient, time"),
        (b"", "lacks the columns"),
        (b"\xff\xfe\x00", "UTF-8"),
    ],
)
def test_a_file_that_is_none_of_records_is_refused_in_one_sentence(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "r.csv").write_bytes(content)
    with pytest.raises(UserError, match=said):
        read_records(tmp_path / "r.csv")


def test_a_row_is_a_reading_with_those_before_it_its_hour_and_what_followed(tmp_path: Path) -> None:
    lines = [line(number / 4, 185 if number == 35 else 120 + number, rate=str(60 + number)) for number in range(40)]
    records = written(tmp_path / "r.csv", *lines).records
    rows = rows_of(records, 10, ZoneInfo("Europe/Paris"))
    assert rows is not None
    assert len(rows) == 31
    systolic, _, heart_rate, hours = measures_of(rows.features)
    assert np.isnan(systolic[0, :20]).all()
    assert systolic[0, 20:].tolist() == list(range(120, 130))
    assert heart_rate[-1].tolist() == list(range(70, 100))
    assert hours[-1, [0, -1]].tolist() == [29 / 4, 0]
    assert rows.hour[0] == 11.25
    assert rows.targets[:, 0].tolist()[20:27] == [0, 0, 1, 1, 1, 1, 0]
    assert np.isnan(rows.targets[-1]).all()


def test_nobody_with_readings_enough_makes_no_rows(tmp_path: Path) -> None:
    assert rows_of(written(tmp_path / "r.csv", line(1), line(2)).records, 3, UTC) is None
