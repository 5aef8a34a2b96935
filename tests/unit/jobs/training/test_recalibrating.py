"""A recalibrated version: what is scored for it, how it is saved, and when it goes into service."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from conf.errors import UserError
from jobs.recalibrate import conclude
from jobs.training.recalibrating import RISKS, save_recalibrated, score_batches
from ml.dataset import EARLY_STOPPING, TRAIN, Dataset, split_of
from ml.evaluation.gates import Check, Decision
from ml.evaluation.local import LocalWindows, Recalibration, recalibrate
from ml.prediction import Predictor
from ml.registry.bundles import bundle_file, current_version, load_bundle
from ml.registry.pointer import read_journal
from ml.storage import to_arrow
from tests.support.bundles import (
    CREATED_AT,
    TRAINED,
    drift_reference,
    make_bundle,
    make_features,
    make_hours,
    publish_small,
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


def test_patients_on_record_whom_the_boosters_were_fitted_on_are_left_out() -> None:
    bundle = replace(make_bundle(), card={"data": {"source": "patients on record (elasticsearch)"}})
    (scored,) = score_batches(iter([rows(60)]), bundle)
    kept = scored["patient_id"].to_pylist()
    assert 0 < len(kept) < 60
    assert {split_of(name) for name in kept}.isdisjoint({TRAIN, EARLY_STOPPING})


def test_recalibrated_version_has_its_parent_its_boosters_and_another_calibration(tmp_path: Path) -> None:
    parent = save_small_bundle(tmp_path, trained=TRAINED, files={"drift.json": drift_reference()})
    before = load_bundle(tmp_path, parent)
    version, decision = save_recalibrated(tmp_path, before, made(), DATA, LATER)
    after = load_bundle(tmp_path, version)
    assert json.loads((tmp_path / version / "manifest.json").read_bytes())["parent"] == parent
    assert (after.boosters, after.trained) == (before.boosters, TRAINED)
    assert after.calibrators == made().calibrators(before.calibrators)
    assert bundle_file(tmp_path, version, "drift.json") == drift_reference()
    assert decision.checks[-1].name == "monotone"


def test_card_and_report_tell_each_horizon_before_and_after(tmp_path: Path) -> None:
    parent = save_small_bundle(tmp_path)
    version, _ = save_recalibrated(tmp_path, load_bundle(tmp_path, parent), made(), DATA, LATER)
    card = load_bundle(tmp_path, version).card
    told = card["recalibration"]
    assert (told["of"], told["data"]) == (parent, DATA)
    for name in ("report.html", "card.md"):
        text = bundle_file(tmp_path, version, name).decode()
        assert parent in text
        for horizon in ("1 h", "6 h", "24 h"):
            assert f"{horizon}, before" in text
            assert f"{horizon}, after" in text
        assert all(word in text for word in ("ICI", "Slope", "Observed / expected", "patients on record (archive)"))


def test_version_of_before_there_were_inputs_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot be saved anew\. Train another one: \./spark-submit\.sh retrain"):
        save_recalibrated(tmp_path, replace(make_bundle(), linear=None), made(), DATA, LATER)


@pytest.mark.parametrize(("passes", "in_service"), [(True, True), (False, True), (True, False)])
def test_only_what_passes_and_comes_from_the_version_in_service_is_published(
    tmp_path: Path, passes: bool, in_service: bool
) -> None:
    parent = save_small_bundle(tmp_path)
    serving = parent if in_service else save_small_bundle(tmp_path, seed=7)
    publish_small(tmp_path, serving)
    version, _ = save_recalibrated(tmp_path, load_bundle(tmp_path, parent), made(), DATA, LATER)
    decision = Decision(passes, (Check("a check", passes, "its reason."),))
    conclude(tmp_path, version, parent, decision, "anne", LATER)
    moved = passes and in_service
    assert current_version(tmp_path) == (version if moved else serving)
    last = read_journal(tmp_path)[-1]
    assert (last.by == "anne" and parent in last.why) == moved
