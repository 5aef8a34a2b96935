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
    EXPECTED_PER_OBSERVED,
    LEAST_HOUR_EVENTS,
    LEAST_WITH_CRISIS,
    MOST_ALARM_RISE,
    MOST_AUROC_LOSS,
    MOST_CHANCE_RISE,
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


SIMPLE = ("climatology", "last_value", "logistic_regression")
HOURS_OF_DAY = tuple(f"hour of the day: {hour:02d}-{hour + 3:02d}" for hour in range(0, 24, 3))


def at_horizon(*others: str) -> dict[str, Any]:
    """Return a horizon at which the model is better than others, well calibrated, and tells when."""
    model = {
        **{"slope": figure(1.05), "ici": figure(0.005), "brier": figure(0.04)},
        **{"within_auroc": figure(0.7, 0.65, 0.75), "expected_per_observed": figure(1.1, 0.9, 1.4)},
    }
    difference = {
        "brier": figure(-0.002, -0.003, -0.001),
        "auroc": figure(0.01, 0.005, 0.015),
        "within_auroc": figure(0.01, -0.01, 0.03),
        "result": "better",
    }
    models = {name: copy.deepcopy(model) for name in ("xgboost", *others)}
    differences = {name: copy.deepcopy(difference) for name in others}
    return {"events": 500, "patients_with_event": 90, "models": models, "differences": differences}


def good(champion: bool = True) -> Evaluation:
    others = (*SIMPLE, *(["champion"] if champion else []))
    subgroup = {horizon: at_horizon(*others) for horizon in ("1h", "6h", "24h")}
    part = {name: copy.deepcopy(subgroup) for name in ("all", "not_in_crisis", "in_crisis")}
    fewer = {recall: figure(0.6, 0.4, 0.9) for recall in ("0.80", "0.90")}
    return {
        "source": "simulated patients",
        "parts": {name: copy.deepcopy(part) for name in ("test", "external")},
        "subgroups": {name: copy.deepcopy(subgroup) for name in ("group: sick", *HOURS_OF_DAY)},
        "alarms": {"comparisons": {name: copy.deepcopy(fewer) for name in (*others, "threshold_rule")}},
        "coherence": {"noticeable_share": 0.01, "mean_repair": 0.001},
    }


def test_a_challenger_that_is_better_and_nowhere_worse_goes_into_service() -> None:
    decision = decide(good())
    assert decision.promote
    assert decision.reason == f"All {len(decision.checks)} checks passed."


def test_a_good_first_model_goes_into_service() -> None:
    assert decide(good(champion=False)).promote


def with_ici(ours: float | None, champion: float) -> dict[str, Any]:
    """Return the models of a horizon with other calibration errors."""
    models = at_horizon("champion")["models"]
    return {name: {**models[name], "ici": figure(ici)} for name, ici in {"xgboost": ours, "champion": champion}.items()}


WORSE = {**dict.fromkeys(("auroc", "within_auroc"), figure(0.0, 0.0, 0.0)), "brier": figure(0.002, 0.001, 0.003)} | {
    "result": "worse"
}
EQUAL = {**WORSE, "brier": figure(-0.001, -0.003, 0.001), "result": "not better"}
CALM = ("parts", "test", "not_in_crisis")
FAULTS: dict[str, tuple[tuple[str, ...], Any]] = {
    "patients 1h": (("parts", "test", "all", "1h", "patients_with_event"), LEAST_WITH_CRISIS - 1),
    "accuracy against climatology 24h": ((*CALM, "24h", "differences", "climatology"), EQUAL),
    "accuracy against last_value 1h": ((*CALM, "1h", "differences", "last_value"), EQUAL),
    "accuracy against logistic_regression 1h": ((*CALM, "1h", "differences", "logistic_regression"), WORSE),
    "accuracy against logistic_regression 6h": ((*CALM, "6h", "differences", "logistic_regression"), EQUAL),
    "accuracy against champion 6h": ((*CALM, "6h", "differences", "champion"), EQUAL),
    "accuracy against champion 24h": ((*CALM, "24h", "differences", "champion"), WORSE),
    "calibration slope 1h": ((*CALM, "1h", "models", "xgboost", "slope"), figure(0.7)),
    "calibration slope 24h": ((*CALM, "24h", "models", "xgboost", "slope"), figure(None)),
    "calibration error 6h": ((*CALM, "6h", "models"), with_ici(0.021, champion=0.02)),
    "calibration error against champion 6h": ((*CALM, "6h", "models", "xgboost", "ici"), figure(0.018)),
    "hours of the day": (
        ("subgroups", HOURS_OF_DAY[7], "6h", "models", "xgboost", "expected_per_observed"),
        figure(2.34, 2.08, 2.68),
    ),
    "within patients": ((*CALM, "6h", "models", "xgboost", "within_auroc"), figure(0.52, 0.49, 0.55)),
    "within patients against last_value": (
        (*CALM, "6h", "differences", "last_value", "within_auroc"),
        figure(-0.03, -0.05, -0.01),
    ),
    "within patients 24h": ((*CALM, "24h", "differences", "champion", "within_auroc"), figure(-0.03, -0.05, -0.01)),
    "subgroups": (
        ("subgroups", "group: sick", "24h", "differences", "champion", "auroc"),
        figure(-0.03, -0.05, -0.01),
    ),
    "alarms against last_value": (("alarms", "comparisons", "last_value", "0.80"), figure(2.27, 1.9, 2.59)),
    "alarms against threshold_rule": (("alarms", "comparisons", "threshold_rule", "0.80"), figure(None)),
    "alarms against champion": (("alarms", "comparisons", "champion", "0.90"), figure(1.06, 1.01, 1.11)),
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
    unknown = {**EQUAL, "brier": figure(None)}
    decision = decide(with_change(good(), (*CALM, "1h", "differences", "champion"), unknown))
    assert [check.name for check in decision.checks if not check.passed] == ["accuracy against champion 1h"]
    assert "unknown" in decision.reason


@pytest.mark.parametrize(("rival", "horizon"), [("climatology", "24h"), ("last_value", "6h")])
def test_a_first_model_must_beat_what_needs_no_model(rival: str, horizon: str) -> None:
    decision = decide(with_change(good(champion=False), (*CALM, horizon, "differences", rival), EQUAL))
    assert not decision.promote
    assert [check.name for check in decision.checks if not check.passed] == [f"accuracy against {rival} {horizon}"]


def test_a_first_model_may_not_be_far_from_calibrated() -> None:
    path = (*CALM, "24h", "models", "xgboost", "ici")
    assert not decide(with_change(good(champion=False), path, figure(0.021))).promote


OF_A_CHALLENGER = [
    name for name in FAULTS if name.startswith(("accuracy against logistic", "hours", "alarms against l"))
]


@pytest.mark.parametrize("name", [*OF_A_CHALLENGER, "within patients", "accuracy against last_value 1h"])
def test_what_a_first_model_lacks_is_told_and_keeps_it_out_of_trust_not_out_of_service(name: str) -> None:
    decision = decide(with_change(good(champion=False), *FAULTS[name]))
    assert decision.promote
    (failed,) = [check for check in decision.checks if not check.passed]
    assert (failed.name, failed.binds) == (name, False)
    assert decision.reason.startswith("The first model, to be shown and not to be trusted")
    assert failed.detail in decision.reason


@pytest.mark.parametrize("auroc", [figure(-0.03, -0.07, 0.01), figure(-0.015, -0.02, -0.01), figure(None)])
def test_a_subgroup_may_lose_a_little_or_by_chance(auroc: dict[str, float | None]) -> None:
    path = ("subgroups", "group: sick", "24h", "differences", "champion", "auroc")
    assert decide(with_change(good(), path, auroc)).promote


@pytest.mark.parametrize(
    ("absent", "names"),
    [
        ({"alarms": None}, {f"alarms against {name}" for name in ("last_value", "threshold_rule", "champion")}),
        ({"coherence": None}, {"coherence"}),
        ({"subgroups": {}}, {"subgroups", "hours of the day"}),
    ],
)
def test_what_was_not_judged_does_not_pass(absent: Evaluation, names: set[str]) -> None:
    decision = decide(good() | absent)
    assert {check.name for check in decision.checks if not check.passed} == names


def test_shifted_patients_must_be_judged_where_there_can_be_any() -> None:
    evaluation = good()
    del evaluation["parts"]["external"]
    failed = {check.name for check in decide(evaluation).checks if not check.passed}
    assert failed == {f"external {horizon}" for horizon in ("1h", "6h", "24h")}
    assert decide(evaluation | {"source": "patients on record"}).promote


def test_a_model_without_any_comparison_with_logistic_regression_does_not_pass() -> None:
    evaluation = good()
    for found in evaluation["parts"]["test"]["not_in_crisis"].values():
        del found["differences"]["logistic_regression"]
    failed = {check.name for check in decide(evaluation).checks if not check.passed}
    assert failed == {f"accuracy against logistic_regression {horizon}" for horizon in ("1h", "6h", "24h")}


@pytest.mark.parametrize(
    ("ratio", "passes"),
    [
        (figure(1.6, 1.1, 2.4), True),  # may be 1.1
        (figure(1.6, 1.26, 2.4), False),
        (figure(0.6, 0.3, 0.79), False),
        (figure(0.6, 0.3, 0.81), True),
    ],
)
def test_an_hour_of_the_day_fails_only_if_its_whole_interval_is_outside(
    ratio: dict[str, float | None], passes: bool
) -> None:
    path = ("subgroups", HOURS_OF_DAY[0], "1h", "models", "xgboost", "expected_per_observed")
    assert decide(with_change(good(), path, ratio)).promote is passes


def test_hours_with_few_crises_say_nothing_but_most_hours_must_say_something() -> None:
    evaluation = good()
    for number, name in enumerate(HOURS_OF_DAY):
        for horizon in ("1h", "6h", "24h"):
            assert decide(evaluation).promote is (number < 4), (name, horizon)
            evaluation["subgroups"][name][horizon]["events"] = LEAST_HOUR_EVENTS - 1


def test_checks_of_the_caller_count_too() -> None:
    decision = decide(good(), [Check("monotone", False, "A higher pressure lowers a risk.")])
    assert (decision.promote, decision.reason) == (False, "A higher pressure lowers a risk.")


def test_every_check_is_a_sentence_and_the_decision_plain_values() -> None:
    for evaluation in (good(), good(champion=False)):
        decision = decide(evaluation)
        assert all(check.detail.endswith(".") for check in decision.checks)
        told = json.loads(json.dumps(decision.to_json()))
        assert told["checks"][0].keys() == {"name", "passed", "detail", "binds"}


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
    risks |= {"logistic_regression": known(0.4)} | ({} if champion is None else {"champion": known(champion)})
    part = evaluate_part(data, risks, replicates=100)
    judged = {"parts": {"test": part, "external": part}, "subgroups": evaluate_subgroups(data, risks, replicates=100)}
    return decide(good() | judged)


def test_a_model_of_noise_is_refused_in_place_of_a_good_one_and_as_the_first() -> None:
    for champion in (0.8, None):
        decision = judged(0.0, champion)
        assert not decision.promote
        assert "Brier score" in decision.reason


def test_a_clearly_better_model_passes_the_rule_on_a_real_evaluation() -> None:
    decision = judged(1.0, 0.5)
    assert decision.promote, decision.reason


@pytest.mark.parametrize(
    ("ratio", "passes"),
    [
        (figure(1.04, 1.01, 1.08), True),
        (figure(1.2, 0.9, 1.5), True),  # may be chance
        (figure(1.2, 1.01, 1.4), False),
        (figure(2.0, 0.99, 3.0), False),  # twice as many are not excused by doubt
    ],
)
def test_more_alarms_than_the_champions_pass_while_they_are_few_or_may_be_chance(
    ratio: dict[str, float | None], passes: bool
) -> None:
    assert decide(with_change(good(), ("alarms", "comparisons", "champion", "0.90"), ratio)).promote is passes


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
    low, high = EXPECTED_PER_OBSERVED
    for said in (
        f"ICI rises by at most {MOST_ICI_RISE} at each horizon",
        f"the calibration slope is {SLOPE[0]} to {SLOPE[1]}",
        f"alarms rise by at most {100 * MOST_ALARM_RISE:g} %, or {100 * MOST_CHANCE_RISE:g} % where that may be chance",
        f"no subgroup loses more than {MOST_AUROC_LOSS} of AUROC",
        f"at least {LEAST_WITH_CRISIS} patients with a crisis per horizon in test",
        f"expected/observed is not surely outside {low} to {high}",
        f"of fewer than {LEAST_HOUR_EVENTS} crises",
        f"ICI is at most {MOST_ICI}",
    ):
        assert said in text, said
