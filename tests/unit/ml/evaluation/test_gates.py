from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xgboost
from numpy.typing import NDArray

from conf.clinical import HORIZONS_H
from ml.calibration import UNCALIBRATED
from ml.dataset import Dataset
from ml.evaluation.gates import (
    LEAST_EVENTS,
    MOST_ALARM_RISE,
    MOST_AUROC_LOSS,
    MOST_ICI,
    MOST_ICI_RISE,
    SLOPE,
    Check,
    Decision,
    check_monotone,
    decide,
)
from ml.evaluation.quality import evaluate_part, evaluate_subgroups
from ml.features import FEATURE_NAMES
from ml.inputs import INPUT_NAMES, RISING, booster_inputs
from ml.prediction import Bundle, Predictor, booster_bytes
from tests.support.bundles import make_hours, make_linear

ROOT = Path(__file__).resolve().parents[4]
Evaluation = dict[str, Any]


def figure(value: float | None, low: float | None = None, high: float | None = None) -> dict[str, float | None]:
    return {"value": value, "low": low, "high": high}


def at_horizon(*others: str) -> dict[str, Any]:
    """Return a horizon at which the model is better than others and well calibrated."""
    model = {"slope": figure(1.05), "ici": figure(0.01), "brier": figure(0.04)}
    difference = {
        "brier": figure(-0.002, -0.003, -0.001),
        "auroc": figure(0.01, 0.005, 0.015),
        "result": "better",
    }
    models = {name: copy.deepcopy(model) for name in ("xgboost", *others)}
    return {"events": 500, "models": models, "differences": {name: copy.deepcopy(difference) for name in others}}


def good(champion: bool = True) -> Evaluation:
    others = ("climatology", "last_value", *(["champion"] if champion else []))
    subgroup = {horizon: at_horizon(*others) for horizon in ("1h", "6h", "24h")}
    part = {name: copy.deepcopy(subgroup) for name in ("all", "not_in_crisis", "in_crisis")}
    burden = {recall: {"alarms_per_patient_day": figure(1.0)} for recall in ("0.80", "0.90")}
    return {
        "parts": {name: copy.deepcopy(part) for name in ("test", "external")},
        "subgroups": {"group: sick": copy.deepcopy(subgroup)},
        "alarms": {"models": {name: {"at_recall": copy.deepcopy(burden)} for name in ("xgboost", *others)}},
        "coherence": {"noticeable_share": 0.01, "mean_repair": 0.001},
    }


def test_a_challenger_that_is_better_and_nowhere_worse_goes_into_service() -> None:
    decision = decide(good())
    assert decision.promote
    assert decision.reason == f"All {len(decision.checks)} checks passed."


def test_a_good_first_model_goes_into_service() -> None:
    assert decide(good(champion=False)).promote


WORSE = {"brier": figure(0.002, 0.001, 0.003), "auroc": figure(0.0, 0.0, 0.0), "result": "worse"}
EQUAL = {"brier": figure(-0.001, -0.003, 0.001), "auroc": figure(0.0, 0.0, 0.0), "result": "not better"}
FAULTS: dict[str, tuple[tuple[str, ...], Any]] = {
    "events 1h": (("parts", "test", "all", "1h", "events"), 199),
    "accuracy 6h": (("parts", "test", "not_in_crisis", "6h", "differences", "champion"), EQUAL),
    "accuracy 24h": (("parts", "test", "not_in_crisis", "24h", "differences", "champion"), WORSE),
    "calibration slope 1h": (("parts", "test", "not_in_crisis", "1h", "models", "xgboost", "slope"), figure(0.7)),
    "calibration slope 24h": (("parts", "test", "not_in_crisis", "24h", "models", "xgboost", "slope"), figure(None)),
    "calibration error 6h": (("parts", "test", "not_in_crisis", "6h", "models", "xgboost", "ici"), figure(0.03)),
    "subgroups": (
        ("subgroups", "group: sick", "24h", "differences", "champion", "auroc"),
        figure(-0.03, -0.05, -0.01),
    ),
    "alarms at recall 0.90": (
        ("alarms", "models", "xgboost", "at_recall", "0.90", "alarms_per_patient_day"),
        figure(1.06, 1.01, 1.11),
    ),
    "external 1h": (("parts", "external", "not_in_crisis", "1h", "differences", "champion"), WORSE),
    "coherence": (("coherence", "noticeable_share"), 0.06),
}


def with_change(evaluation: Evaluation, path: tuple[str, ...], value: Any) -> Evaluation:
    place = evaluation
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return evaluation


@pytest.mark.parametrize("name", FAULTS)
def test_each_condition_alone_keeps_a_challenger_out_and_says_so(name: str) -> None:
    decision = decide(with_change(good(), *FAULTS[name]))
    assert not decision.promote
    (failed,) = [check for check in decision.checks if not check.passed]
    assert failed.name == name
    assert decision.reason == failed.detail


def test_no_interval_is_no_proof_of_being_no_worse() -> None:
    unknown = {"brier": figure(None), "auroc": figure(None), "result": "not better"}
    decision = decide(with_change(good(), ("parts", "test", "not_in_crisis", "1h", "differences", "champion"), unknown))
    assert [check.name for check in decision.checks if not check.passed] == ["accuracy 1h"]
    assert "unknown" in decision.reason


@pytest.mark.parametrize("rival", ["climatology", "last_value"])
def test_a_first_model_must_beat_what_needs_no_model(rival: str) -> None:
    path = ("parts", "test", "not_in_crisis", "24h", "differences", rival)
    decision = decide(with_change(good(champion=False), path, WORSE))
    assert [check.name for check in decision.checks if not check.passed] == [f"beats {rival} 24h"]


def test_a_first_model_may_not_be_far_from_calibrated() -> None:
    path = ("parts", "test", "not_in_crisis", "24h", "models", "xgboost", "ici")
    assert not decide(with_change(good(champion=False), path, figure(0.021))).promote


@pytest.mark.parametrize("auroc", [figure(-0.03, -0.07, 0.01), figure(-0.015, -0.02, -0.01), figure(None)])
def test_a_subgroup_may_lose_a_little_or_by_chance(auroc: dict[str, float | None]) -> None:
    path = ("subgroups", "group: sick", "24h", "differences", "champion", "auroc")
    assert decide(with_change(good(), path, auroc)).promote


def test_parts_that_were_not_judged_are_not_checked() -> None:
    evaluation = good()
    del evaluation["parts"]["external"]
    decision = decide(evaluation | {"alarms": None, "coherence": None, "subgroups": {}})
    assert decision.promote
    assert not [check for check in decision.checks if check.name.startswith(("external", "alarms", "coherence"))]


def test_checks_of_the_caller_count_too() -> None:
    decision = decide(good(), [Check("monotone", False, "A higher pressure lowers a risk.")])
    assert (decision.promote, decision.reason) == (False, "A higher pressure lowers a risk.")


def test_every_check_is_a_sentence_and_the_decision_plain_values() -> None:
    for evaluation in (good(), good(champion=False)):
        decision = decide(evaluation)
        assert all(check.detail.endswith(".") for check in decision.checks)
        told = json.loads(json.dumps(decision.to_json()))
        assert told["checks"][0].keys() == {"name", "passed", "detail"}


def judged(quality: float, champion: float | None, rows: int = 6000) -> Decision:
    """Return a real evaluation of risks that know this share of the true log odds; the champion another."""
    random = np.random.default_rng(5)
    signal = random.normal(0, 1.5, (rows, 1))
    truth = 1 / (1 + np.exp(-(signal - 1.5)))
    targets = (random.random((rows, 3)) < truth).astype(np.float32)
    features = np.full((rows, 120), 100, dtype=np.float32)
    patients = np.char.add("p", (np.arange(rows) // 3).astype(str))
    data = Dataset(
        features, targets, patients, np.arange(rows, dtype=np.int64), np.full(rows, ""), make_hours(rows), targets
    )

    def known(share: float) -> Any:
        seen = share * signal + np.sqrt(1 - share**2) * random.normal(0, 1.5, (rows, 1))
        risk = 1 / (1 + np.exp(-(share * seen - 1.5)))
        return np.repeat(risk, 3, axis=1)

    risks = {"xgboost": known(quality), "climatology": np.full((rows, 3), truth.mean()), "last_value": known(0.3)}
    risks |= {} if champion is None else {"champion": known(champion)}
    parts = {"test": evaluate_part(data, risks, replicates=100)}
    return decide({"parts": parts, "subgroups": evaluate_subgroups(data, risks, replicates=100)})


def test_a_model_of_noise_is_refused_in_place_of_a_good_one_and_as_the_first() -> None:
    for champion in (0.8, None):
        decision = judged(0.0, champion)
        assert not decision.promote
        assert "Brier score" in decision.reason


def test_a_clearly_better_model_passes_the_rule_on_a_real_evaluation() -> None:
    decision = judged(1.0, 0.5)
    assert decision.promote, decision.reason


def test_more_alarms_than_allowed_pass_while_they_may_be_chance() -> None:
    place = ("alarms", "models", "xgboost", "at_recall", "0.90", "alarms_per_patient_day")
    assert decide(with_change(good(), place, figure(1.2, 0.9, 1.5))).promote
    assert not decide(with_change(good(), place, figure(1.2, 1.01, 1.4))).promote


HOURS = make_hours(400)


def features() -> NDArray[np.float32]:
    return np.random.default_rng(1).normal(130, 20, (400, len(FEATURE_NAMES))).astype(np.float32)


def predictor(direction: int, constrained: bool) -> Predictor:
    """Return trees that learn that a higher newest systolic raises (1) or lowers (-1) the risk."""
    rows = booster_inputs(features(), HOURS)
    target = (direction * (rows[:, INPUT_NAMES.index("systolic")] - 130) > 0).astype(np.float32)
    constraints = "(" + ",".join(str(int(constrained and name in RISING)) for name in INPUT_NAMES) + ")"
    settings = {"objective": "reg:logistic", "max_depth": 3, "nthread": 1, "monotone_constraints": constraints}
    booster = xgboost.train(settings, xgboost.DMatrix(rows, target), 10)
    return Predictor(Bundle("test", {}, booster_bytes(dict.fromkeys(HORIZONS_H, booster)), UNCALIBRATED, make_linear()))


def test_a_model_whose_risk_rises_with_the_newest_pressure_passes() -> None:
    check = check_monotone(predictor(1, constrained=True), features(), HOURS)
    assert check.passed
    assert check.detail == "A higher newest pressure never lowers a risk (400 windows)."


def test_a_model_whose_risk_falls_somewhere_fails_and_says_by_how_much() -> None:
    check = check_monotone(predictor(-1, constrained=False), features(), HOURS)
    assert not check.passed
    assert "lowers a risk by up to 0." in check.detail


def test_the_documentation_tells_the_limits_of_the_rule() -> None:
    text = " ".join((ROOT / "docs" / "models.md").read_text(encoding="utf-8").split())
    assert f"ICI rises by at most {MOST_ICI_RISE}, the calibration slope is {SLOPE[0]} to {SLOPE[1]}" in text
    assert f"alarms per patient-day rise by at most {100 * MOST_ALARM_RISE:g} %" in text
    assert f"no subgroup loses more than {MOST_AUROC_LOSS} of AUROC" in text
    assert f"at least {LEAST_EVENTS} crises per horizon in test" in text
    assert f"with ICI ≤ {MOST_ICI}" in text
