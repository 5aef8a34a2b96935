from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from conf.errors import UserError
from conf.settings import Settings, load_settings
from ml.evaluation.comparison import MOST_POINTS, bundle_risks, evaluate, evaluate_version
from ml.prediction import Predictor
from tests.support.bundles import make_bundle, make_calibrators
from tests.support.evaluations import full_evaluation, least_evaluation, make_part, make_risks


def test_every_part_with_risks_is_judged() -> None:
    assert list(full_evaluation()["parts"]) == ["test", "block", "external", "oracle"]
    assert full_evaluation()["alarms"]["crises"] == 20
    assert full_evaluation()["subgroups"]["group: treated"]["6h"]["rows"] > 0


def test_what_was_not_given_is_not_judged() -> None:
    found = least_evaluation()
    assert (found["alarms"], found["gap_closed"], found["coherence"]) == (None, {}, None)
    assert list(found["parts"]) == ["test"]


def test_an_evaluation_without_test_rows_is_refused() -> None:
    data, outcomes = make_part(seed=1, rows=50)
    with pytest.raises(UserError, match="no test rows"):
        evaluate({"external": data}, {"external": make_risks(outcomes)})


def test_simulated_patients_are_named_as_such() -> None:
    assert full_evaluation()["source"] == "simulated patients"
    data, outcomes = make_part(seed=1, rows=300)
    real = replace(data, group=np.full(300, ""))
    assert evaluate({"test": real}, {"test": make_risks(outcomes)}, replicates=2)["source"] == "patients on record"


def test_the_expected_gap_is_tighter_than_the_observed_one_and_agrees_with_it() -> None:
    closed = full_evaluation()["gap_closed"]["not_in_crisis"]["6h"]["climatology"]
    assert 0.8 < closed["expected"]["value"] < 1
    assert closed["observed"]["low"] < closed["expected"]["value"] < closed["observed"]["high"]
    widths = {name: found["high"] - found["low"] for name, found in closed.items()}
    assert widths["expected"] < widths["observed"]


def test_repairs_are_counted_and_the_unrepaired_risks_are_no_model_to_compare() -> None:
    repairs = {"repaired_share": 0.1, "noticeable_share": pytest.approx(1 / 30), "mean_repair": pytest.approx(0.004)}
    assert full_evaluation()["coherence"] == repairs
    assert "xgboost_unrepaired" not in full_evaluation()["parts"]["test"]["all"]["6h"]["models"]


def test_the_sample_of_single_windows_is_bounded_and_calm() -> None:
    points = full_evaluation()["scatter"]["24h"]
    assert set(points["models"]) == {"xgboost", "random_forest", "oracle"}
    assert {len(points["outcome"]), *(len(values) for values in points["models"].values())} == {MOST_POINTS}


def test_an_evaluation_is_strict_json() -> None:
    for found in (full_evaluation(), least_evaluation()):
        assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_risks_of_a_bundle_are_those_served_and_those_before() -> None:
    bundle, rows = make_bundle(calibrators=make_calibrators()), make_part(seed=1, rows=50)[0]
    found, predictor = bundle_risks(bundle, rows), Predictor(bundle)
    np.testing.assert_array_equal(found["xgboost"], predictor.risks(rows.features, rows.hour).values)
    np.testing.assert_array_equal(found["xgboost_uncalibrated"], predictor.raw_risks(rows.features, rows.hour))
    np.testing.assert_array_equal(np.maximum.accumulate(found["xgboost_unrepaired"], axis=1), found["xgboost"])


def test_without_a_published_version_the_remedy_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="retrain"):
        evaluate_version(settings_in(tmp_path), tmp_path / "rows.parquet", None)


def settings_in(folder: Path) -> Settings:
    return load_settings({"BP_MODEL_DIR": str(folder / "models")})
