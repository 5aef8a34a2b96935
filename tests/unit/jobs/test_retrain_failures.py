"""What a retraining leaves behind when a reference model fails, or when it is ended in the middle of the judgement."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pyarrow as pa
import pytest
from py4j.protocol import Py4JNetworkError
from pyarrow import parquet

from conf.settings import Settings
from jobs import retrain as job
from jobs.training import reference_models
from jobs.training.candidate import Challenger
from jobs.training.session import JVM_LOST
from jobs.training.simulated import Design, chunks, simulate_rows
from jobs.training.training import UNTUNED
from ml.calibration import UNCALIBRATED
from ml.dataset import Dataset
from ml.evaluation.comparison import evaluate, evaluate_version
from ml.registry.bundles import bundle_file, current_version, load_bundle, versions
from ml.storage import to_arrow
from tests.support.bundles import make_boosters, make_linear

NOW = datetime(2026, 11, 24, tzinfo=UTC)
SOME = Design(patients=400, seed=3, windows_per_patient=4, track_h=0)


@cache
def some_rows() -> pa.Table:
    return pa.Table.from_batches([to_arrow(*simulate_rows(SOME, chunk)) for chunk in range(chunks(SOME))])


def as_before(*_: Any) -> Callable[[Dataset], Any]:
    """Return a forest that was grown."""
    return lambda rows: np.full((len(rows), 3), 0.1)


def failing(error: BaseException) -> Callable[..., Any]:
    def fail(*_: Any) -> Any:
        raise error

    return fail


@pytest.fixture
def retrained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Settings]:
    """Return a retraining without Spark: boosters are given, the reference models of Spark do what the test says."""
    settings = Settings(model_dir=tmp_path / "models")
    parquet.write_table(some_rows(), tmp_path / "rows.parquet")
    monkeypatch.setattr(
        job, "train", lambda *_, **__: Challenger(make_linear(), make_boosters(), UNCALIBRATED, UNTUNED)
    )
    monkeypatch.setattr(job, "fingerprint", lambda _: "f" * 64)

    def run(*, forest: Callable[..., Any] = as_before) -> Settings:
        monkeypatch.setattr(reference_models, "grow_forests", forest)
        chosen = job.parser().parse_args(
            ["--data", str(tmp_path / "rows.parquet"), "--replicates", "2", "--refits", "0"]
        )
        job.retrain(MagicMock(), settings, chosen, NOW)
        return settings

    return run


def compared(model_dir: Path, version: str) -> set[str]:
    metrics = json.loads(bundle_file(model_dir, version, "metrics.json"))
    return set(metrics["parts"]["test"]["all"]["6h"]["models"])


def test_all_reference_models_are_in_the_report_and_only_the_judged_version_stays(
    retrained: Callable[..., Settings],
) -> None:
    model_dir = retrained().model_dir
    (version,) = versions(model_dir)
    assert not version.endswith("unjudged")
    assert {"random_forest", "logistic_on_inputs", "last_value"} <= compared(model_dir, version)
    assert b"There is no comparison with" not in bundle_file(model_dir, version, "report.html")


def test_a_reference_model_that_fails_is_missing_from_the_report_which_says_why(
    retrained: Callable[..., Settings],
) -> None:
    model_dir = retrained(forest=failing(Py4JNetworkError("Answer from Java side is empty"))).model_dir
    (version,) = versions(model_dir)
    models = compared(model_dir, version)
    assert "random_forest" not in models
    assert {"logistic_on_inputs", "last_value"} <= models
    card = load_bundle(model_dir, version).card
    assert card["missing"] == {"random_forest": JVM_LOST}
    assert card["findings"][0] == f"There is no comparison with random forest, which failed. {JVM_LOST}"
    for name in ("report.html", "card.md"):
        assert b"There is no comparison with random forest" in bundle_file(model_dir, version, name)


def test_a_retraining_killed_in_the_forest_leaves_a_model_that_is_judged_and_promoted_by_hand(
    retrained: Callable[..., Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml.evaluation.comparison.evaluate", partial(evaluate, replicates=2))
    with pytest.raises(SystemExit):
        retrained(forest=failing(SystemExit(137)))
    settings = Settings(model_dir=tmp_path / "models")
    (version,) = versions(settings.model_dir)
    assert version.endswith("-unjudged")
    assert load_bundle(settings.model_dir, version).card["warning"].startswith("NOT JUDGED")
    assert bundle_file(settings.model_dir, version, "drift.json")
    card, evaluation = evaluate_version(settings, tmp_path / "rows.parquet", version)
    assert card["version"] == version
    assert evaluation["parts"]["test"]["all"]["6h"]["events"] > 0
    job.move_pointer(settings.model_dir, job.parser().parse_args(["--promote", version]), NOW)
    assert current_version(settings.model_dir) == version


def test_an_unjudged_model_that_somebody_promoted_meanwhile_stays(
    retrained: Callable[..., Settings], tmp_path: Path
) -> None:
    def promote_meanwhile(*_: Any) -> Callable[[Dataset], Any]:
        (unjudged,) = versions(tmp_path / "models")
        job.move_pointer(tmp_path / "models", job.parser().parse_args(["--promote", unjudged]), NOW)
        return as_before()

    model_dir = retrained(forest=promote_meanwhile).model_dir
    assert [version.endswith("-unjudged") for version in versions(model_dir)] == [False, True]
    assert load_bundle(model_dir, str(current_version(model_dir)))
