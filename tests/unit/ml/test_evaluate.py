from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from conf import cli
from ml.evaluate import parser, work
from ml.evaluation.comparison import evaluate
from ml.report.findings import findings
from ml.storage import to_arrow
from tests.support.bundles import publish_small, save_small_bundle
from tests.support.evaluations import make_part


def test_the_published_version_is_judged_on_a_file_of_rows_with_report_figures_and_findings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BP_MODEL_DIR", str(tmp_path / "models"))
    monkeypatch.setattr("ml.evaluation.comparison.evaluate", partial(evaluate, replicates=2))
    version = save_small_bundle(tmp_path / "models")
    publish_small(tmp_path / "models", version)
    data, _ = make_part(seed=1, rows=400)
    batches = [to_arrow(data, np.full(len(data), part)) for part in ("train", "test")]
    parquet.write_table(pa.Table.from_batches(batches), tmp_path / "rows.parquet")

    words = ["--data", str(tmp_path / "rows.parquet"), "--output", str(tmp_path / "report.html")]
    assert cli.run(parser(), work, words) == 0

    figures = json.loads((tmp_path / "report.json").read_text())
    assert figures["findings"] == findings(figures)
    assert {"xgboost", "last_value", "climatology"} <= set(figures["parts"]["test"]["all"]["6h"]["models"])
    assert capsys.readouterr().out.splitlines() == [*figures["findings"], f"Report: {tmp_path / 'report.html'}"]
    assert f"Model {version}." in (tmp_path / "report.html").read_text()


def write_records(path: Path, patients: int, hours: int, step_h: float, *, spread: float, rate: str = "70") -> Path:
    """Write readings of patients whose usual pressure differs by so much."""
    chance, begin = np.random.default_rng(3), datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
    lines = ["patient,time,systolic,diastolic,heart_rate"]
    for patient in range(patients):
        for step, systolic in enumerate(
            chance.normal(135 + spread * (patient % 3), 14, round(hours / step_h)).clip(min=100)
        ):
            at = begin + timedelta(hours=step * step_h)
            lines.append(f"p{patient},{at.isoformat()},{systolic:.0f},80,{rate}")
    path.write_text("\n".join(lines))
    return path


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the small version in service."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BP_MODEL_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setattr("ml.evaluate.REPLICATES", 5)
    version = save_small_bundle(tmp_path / "models")
    publish_small(tmp_path / "models", version)
    return version


def test_records_with_crises_enough_give_figures_and_a_report(
    served: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_records(tmp_path / "records.csv", 12, 60, 0.25, spread=15)
    assert cli.run(parser(), work, ["--records", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "2880 readings of 12 patients, 0 lines refused." in shown
    assert f"Version {served}" in shown
    assert "12 patients are few" in shown
    assert "Report: report.html" in shown
    assert "patients on record" not in shown
    assert f"Model {served}." in (tmp_path / "report.html").read_text()
    found = json.loads((tmp_path / "report.json").read_text())
    assert found["source"] == "patients on record"
    assert found["parts"]["test"]["all"]["1h"]["events"] > 100


def test_records_that_tell_little_are_judged_as_far_as_they_go_and_the_rest_is_said(
    served: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_records(tmp_path / "records.csv", 2, 24, 1, spread=-20, rate="")
    path.write_text(path.read_text() + "\nlate,2026-03-01T08:00:00,130,80,\nshort,2026-03-01T08:00:00Z,130,80,\n")
    assert served
    assert cli.run(parser(), work, ["--records", str(path)]) == 0
    shown = capsys.readouterr().out
    for said in (
        "49 readings of 3 patients, 1 lines refused:",
        "line 50: the time 2026-03-01T08:00:00 has no zone",
        "1 of 3 patients have fewer than 10 readings",
        "At 1 h 2 of 2 patients cannot be judged",
        "100% of the heart rates are missing",
        "At 1h no outcome is known",
        "At 6h no crisis followed any of",
        "none is written",
    ):
        assert said in shown
    assert not (tmp_path / "report.html").exists()


def test_records_of_nobody_with_readings_enough_are_refused_with_the_reason(
    served: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_records(tmp_path / "records.csv", 3, 9, 1, spread=0)
    assert served
    assert cli.run(parser(), work, ["--records", str(path)]) == 1
    assert "No patient of this file can be judged. 3 of 3 patients have fewer than 10" in capsys.readouterr().err
