from __future__ import annotations

import json
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
