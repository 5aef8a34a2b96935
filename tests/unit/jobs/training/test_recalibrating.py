"""A recalibrated version: what is scored for it, how it is saved, and what it is compared with later."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from conf.clinical import RISK_FIELDS
from conf.errors import UserError
from jobs.training.recalibrating import RISKS, LocalPatients, save_recalibrated, score_batches
from ml import drift
from ml.dataset import EARLY_STOPPING, TRAIN, Dataset, split_of
from ml.evaluation.gates import Decision
from ml.evaluation.local import LocalWindows, Recalibration, recalibrate
from ml.evaluation.subgroups import in_crisis
from ml.prediction import Predictor
from ml.registry.bundles import bundle_file, load_bundle
from ml.storage import to_arrow
from tests.support.bundles import (
    CREATED_AT,
    TRAINED,
    drift_reference,
    make_bundle,
    make_features,
    make_hours,
    save_small_bundle,
)

DATA = {"source": "patients on record (archive)", "days": 28, "least_patients": 50}
LATER = CREATED_AT + timedelta(days=1)


def local_windows(scale: float = 0.5) -> LocalWindows:
    """Return windows of 100 patients of whom `scale` times as many have a crisis as the model says."""
    random = np.random.default_rng(1)
    risks = np.sort(random.uniform(0.05, 0.95, (2_000, 3)), axis=1)
    targets = (random.random((2_000, 1)) < scale * risks).astype(np.float32)
    return LocalWindows(risks, targets, np.array([f"p-{number}" for number in np.arange(2_000) // 20]))


def made() -> Recalibration:
    return recalibrate(local_windows())


def local(windows: LocalWindows) -> LocalPatients:
    """Return these windows as of patients who are alike in all but their risks; every tenth is in crisis."""
    count = len(windows.risks)
    summaries = np.random.default_rng(2).normal(130, 10, (count, len(drift.OF_WINDOWS)))
    return LocalPatients(windows, np.arange(count) % 10 == 0, summaries, np.arange(count) % 4)


class Saved(NamedTuple):
    """A version, and the one that it was made from by a recalibration on local patients."""

    model_dir: Path
    parent: str
    version: str
    decision: Decision


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    model_dir = tmp_path_factory.mktemp("models")
    parent = save_small_bundle(model_dir, trained=TRAINED, files={"drift.json": drift_reference()})
    before, recalibration = load_bundle(model_dir, parent), made()
    local_ones = local(recalibration.windows)
    return Saved(model_dir, parent, *save_recalibrated(model_dir, before, local_ones, recalibration, DATA, LATER))


def rows(patients: int) -> pa.RecordBatch:
    names = np.array([f"p-{number}" for number in range(patients)])
    targets = np.zeros((patients, 3), dtype=np.float32)
    targets[0] = np.nan
    group = np.full(patients, "")
    data = Dataset(make_features(patients), targets, names, np.arange(patients), group, make_hours(patients), targets)
    return to_arrow(data, np.full(patients, "test"))


def test_windows_are_scored_as_the_version_calibrates_them_and_unknown_outcomes_stay_unknown() -> None:
    bundle = make_bundle()
    (scored,) = score_batches(iter([rows(20)]), bundle)
    raw = Predictor(bundle).raw_risks(make_features(20), make_hours(20))
    told = np.stack([scored[name].to_numpy() for name in RISKS], axis=1)
    np.testing.assert_array_equal(told, bundle.calibrators.apply(raw))
    assert scored["critical_risk_6h"].null_count == 1
    summaries = drift.summarise(make_features(20), told)
    for column, name in enumerate(drift.OF_WINDOWS):
        np.testing.assert_array_equal(scored[name].to_numpy(), summaries[:, column])
    assert scored["in_crisis"].to_pylist() == in_crisis(make_features(20)).tolist()


def test_patients_on_record_whom_the_boosters_were_fitted_on_are_left_out() -> None:
    bundle = replace(make_bundle(), card={"data": {"source": "patients on record (elasticsearch)"}})
    (scored,) = score_batches(iter([rows(60)]), bundle)
    kept = scored["patient_id"].to_pylist()
    assert 0 < len(kept) < 60
    assert {split_of(name) for name in kept}.isdisjoint({TRAIN, EARLY_STOPPING})


def test_recalibrated_version_has_its_parent_its_boosters_and_another_calibration(saved: Saved) -> None:
    before, after = load_bundle(saved.model_dir, saved.parent), load_bundle(saved.model_dir, saved.version)
    assert json.loads((saved.model_dir / saved.version / "manifest.json").read_bytes())["parent"] == saved.parent
    assert (after.boosters, after.trained) == (before.boosters, TRAINED)
    assert after.calibrators == made().calibrators(before.calibrators)
    assert saved.decision.checks[-1].name == "monotone"


def test_recalibrated_version_has_figures_of_its_own_beside_those_of_its_parent(saved: Saved) -> None:
    told = json.loads(bundle_file(saved.model_dir, saved.version, "metrics.json"))
    assert (told["recalibrated_from"], list(told["parts"])) == (saved.parent, ["local"])
    before, after = made().served()
    calm = np.arange(len(after)) % 10 != 0
    found, target = told["parts"]["local"]["not_in_crisis"]["6h"], local_windows().targets[calm, 1]
    for name, risk in (("xgboost", after), ("champion", before)):
        brier = np.mean((risk[calm, 1] - target) ** 2)
        assert found["models"][name]["brier"]["value"] == pytest.approx(brier, rel=1e-4)
    assert found["differences"]["champion"]["result"] == "better"


def drifted(saved: Saved, risks: NDArray[np.float64]) -> dict[str, str]:
    """Return what the monitor reads of 60 of the local patients who have these risks."""
    reference = drift.from_json(json.loads(bundle_file(saved.model_dir, saved.version, "drift.json")))
    windows = local_windows()
    patients = local(windows)
    rows = np.column_stack([patients.summaries, risks])
    counted = [
        drift.count(reference, rows[mine], patients.stratum[mine])
        for mine in (windows.patient_id == name for name in np.unique(windows.patient_id)[:60])
    ]
    return {found.summary: found.reading for found in drift.compare(reference, np.array(counted))}


def test_risks_of_a_recalibrated_version_are_no_drift_but_those_of_its_parent_would_be(saved: Saved) -> None:
    assert set(drifted(saved, made().to_come()).values()) == {"stable"}
    before = drifted(saved, made().windows.risks)
    assert [before[name] for name in RISK_FIELDS] == ["strong"] * 3


def test_card_and_report_tell_each_horizon_before_and_after(saved: Saved) -> None:
    told = load_bundle(saved.model_dir, saved.version).card["recalibration"]
    assert (told["of"], told["data"]) == (saved.parent, DATA)
    for name in ("report.html", "card.md"):
        text = bundle_file(saved.model_dir, saved.version, name).decode()
        assert saved.parent in text
        for horizon in ("1 h", "6 h", "24 h"):
            assert f"{horizon}, before" in text
            assert f"{horizon}, after" in text
        assert all(word in text for word in ("ICI", "Slope", "Observed / expected", "patients on record (archive)"))


def test_version_of_before_there_were_inputs_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot be saved anew\. Train another one: \./spark-submit\.sh retrain"):
        save_recalibrated(tmp_path, replace(make_bundle(), linear=None), local(local_windows()), made(), DATA, LATER)
