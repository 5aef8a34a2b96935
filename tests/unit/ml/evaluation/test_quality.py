from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, r2_score, roc_auc_score

from ml.evaluation.quality import (
    LEAST_FOR_CALIBRATION,
    compared,
    evaluate_levels,
    evaluate_part,
    evaluate_subgroups,
)
from tests.support.outcomes import distorted, draw_outcomes, make_data, three

OUTCOMES = draw_outcomes(6000, patients=150)
DATA = make_data(OUTCOMES)
CLIMATOLOGY = np.full_like(OUTCOMES.true, OUTCOMES.target.mean(dtype=np.float64))
RISKS = {
    "xgboost": three(OUTCOMES.true),
    "twin": three(OUTCOMES.true),
    "shifted": three(distorted(OUTCOMES.true, shift=1.0)),
    "climatology": three(CLIMATOLOGY),
}
FOUND = evaluate_part(DATA, RISKS, replicates=300)["all"]["6h"]


def test_the_values_are_those_of_sklearn() -> None:
    found = {name: figure["value"] for name, figure in FOUND["models"]["shifted"].items()}
    target, risk = OUTCOMES.target, RISKS["shifted"][:, 1]
    brier = brier_score_loss(target, risk)
    assert found["auroc"] == pytest.approx(roc_auc_score(target, risk), abs=1e-6)
    assert found["auprc"] == pytest.approx(average_precision_score(target, risk), abs=1e-6)
    assert found["brier"] == pytest.approx(brier, rel=1e-5)
    assert found["rmse"] == pytest.approx(np.sqrt(brier), rel=1e-5)
    assert found["r2"] == pytest.approx(r2_score(target, risk), abs=1e-5)
    assert found["mean_risk"] == pytest.approx(risk.mean(), rel=1e-5)


def test_every_interval_holds_its_value() -> None:
    biased = {"ici", "e50", "e90"}  # a distance is only made larger by the noise of a resample
    for name, figure in FOUND["models"]["shifted"].items():
        if name not in biased:
            assert figure["low"] < figure["value"] < figure["high"], name


def test_the_intervals_are_those_of_a_plain_patient_bootstrap() -> None:
    random = np.random.default_rng(9)
    patients, patient = np.unique(OUTCOMES.patient_id, return_inverse=True)
    rows_of = [np.flatnonzero(patient == number) for number in range(len(patients))]
    draws = [np.concatenate([rows_of[i] for i in random.integers(0, 150, 150)]) for _ in range(300)]
    risk = RISKS["shifted"][:, 1]
    peers = {"auroc": roc_auc_score, "auprc": average_precision_score, "brier": brier_score_loss}
    for name, score in peers.items():
        low, high = np.percentile([score(OUTCOMES.target[rows], risk[rows]) for rows in draws], (2.5, 97.5))
        figure = FOUND["models"]["shifted"][name]
        assert (figure["low"], figure["high"]) == pytest.approx((low, high), abs=0.25 * (high - low)), name


def test_the_calibrated_model_is_told_from_the_shifted_one() -> None:
    right, wrong = FOUND["models"]["xgboost"], FOUND["models"]["shifted"]
    assert right["ici"]["value"] < 0.02
    assert wrong["ici"]["value"] == pytest.approx(np.abs(RISKS["shifted"][:, 1] - OUTCOMES.true).mean(), abs=0.015)
    assert right["slope"]["low"] < 1 < right["slope"]["high"]
    assert right["intercept"]["low"] < 0 < right["intercept"]["high"]
    assert wrong["intercept"]["value"] == pytest.approx(-1, abs=0.15)


def test_a_model_equal_to_ours_differs_by_exactly_nothing() -> None:
    nothing = {"value": 0, "low": 0, "high": 0}
    assert FOUND["differences"]["twin"] == {
        "brier": nothing,
        "auroc": nothing,
        "within_auroc": nothing,
        "result": "not better",
    }


def test_differences_are_ours_minus_the_other_model_and_paired() -> None:
    models, difference = FOUND["models"], FOUND["differences"]["shifted"]
    expected = models["xgboost"]["brier"]["value"] - models["shifted"]["brier"]["value"]
    assert difference["brier"]["value"] == pytest.approx(expected, abs=1e-6)
    width = difference["brier"]["high"] - difference["brier"]["low"]
    unpaired = models["shifted"]["brier"]["high"] - models["shifted"]["brier"]["low"]
    assert width < unpaired
    assert difference["result"] == "better"


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(-2, -1, "better"), (-1, 1, "not better"), (0, 0, "not better"), (1, 2, "worse"), (None, None, "not better")],
)
def test_only_an_interval_that_excludes_zero_decides(low: float | None, high: float | None, expected: str) -> None:
    assert compared({"value": 0, "low": low, "high": high}) == expected


def test_skill_is_measured_against_climatology() -> None:
    assert FOUND["models"]["climatology"]["brier_skill"] == {"value": 0, "low": 0, "high": 0}
    assert FOUND["models"]["xgboost"]["brier_skill"]["low"] > 0
    assert FOUND["models"]["climatology"]["auroc"]["value"] == 0.5
    assert FOUND["models"]["climatology"]["slope"]["value"] is None


def test_who_is_prone_is_told_from_when_a_crisis_comes() -> None:
    patients, patient = np.unique(OUTCOMES.patient_id, return_inverse=True)
    usual = np.array([OUTCOMES.target[patient == number].mean() for number in range(len(patients))])
    found = evaluate_part(DATA, {"xgboost": three(usual[patient].astype(np.float64))}, replicates=50)["all"]["6h"]
    figures = found["models"]["xgboost"]
    assert figures["auroc"]["value"] > 0.7
    assert figures["within_auroc"] == {"value": 0.5, "low": 0.5, "high": 0.5}
    assert FOUND["models"]["xgboost"]["within_auroc"]["low"] > 0.5


def test_auroc_within_patients_is_the_share_of_all_pairs_of_one_patient_that_are_ranked_right() -> None:
    risk = np.round(OUTCOMES.true, 2)
    right = pairs = 0.0
    for name in np.unique(OUTCOMES.patient_id):
        mine = OUTCOMES.patient_id == name
        event, calm = risk[mine & (OUTCOMES.target == 1)], risk[mine & (OUTCOMES.target == 0)]
        right += (event[:, None] > calm).sum() + (event[:, None] == calm).sum() / 2
        pairs += len(event) * len(calm)
    found = evaluate_part(DATA, {"xgboost": three(risk)}, replicates=5)["all"]["6h"]
    assert found["models"]["xgboost"]["within_auroc"]["value"] == pytest.approx(right / pairs, rel=1e-5)


def test_risks_that_are_twice_too_high_have_twice_the_observed_events() -> None:
    risk = three(OUTCOMES.true * 2)
    found = evaluate_part(DATA, {"xgboost": risk}, replicates=50)["all"]["6h"]["models"]["xgboost"]
    assert found["expected_per_observed"]["low"] < 2 < found["expected_per_observed"]["high"]


def test_patients_with_a_crisis_are_counted_beside_the_windows() -> None:
    assert FOUND["patients_with_event"] == len(np.unique(OUTCOMES.patient_id[OUTCOMES.target == 1]))


def test_subgroups_by_crisis_part_the_rows_by_their_newest_reading() -> None:
    systolic = np.where(np.arange(6000) % 3 == 0, 180.0, 179.0)
    found = evaluate_part(make_data(OUTCOMES, systolic), {"xgboost": RISKS["xgboost"]}, replicates=5)
    assert {name: horizons["24h"]["rows"] for name, horizons in found.items()} == {
        "all": 6000,
        "not_in_crisis": 4000,
        "in_crisis": 2000,
    }


def test_censored_rows_are_left_out_and_their_share_is_told() -> None:
    targets = DATA.targets.copy()
    targets[:1500, 2] = np.nan
    found = evaluate_part(replace(DATA, targets=targets), RISKS, replicates=5)["all"]
    assert (found["24h"]["rows"], found["24h"]["censored_share"]) == (4500, 0.25)
    assert (found["6h"]["rows"], found["6h"]["censored_share"]) == (6000, 0.0)
    rows = found["24h"]["models"]["xgboost"]["brier"]["value"]
    assert rows == pytest.approx(brier_score_loss(OUTCOMES.target[1500:], OUTCOMES.true[1500:]), rel=1e-5)


@pytest.mark.parametrize("event", [0, 1])
def test_one_outcome_alone_gives_errors_but_no_ranking_and_no_calibration(event: int) -> None:
    alone = replace(DATA, targets=np.full_like(DATA.targets, event))
    found = evaluate_part(alone, RISKS, replicates=5)["all"]["1h"]["models"]["xgboost"]
    assert found["brier"]["value"] is not None
    assert found["auroc"]["value"] is found["ici"]["value"] is found["r2"]["value"] is None


def test_too_few_events_say_nothing_about_calibration() -> None:
    targets = np.zeros_like(DATA.targets)
    targets[: LEAST_FOR_CALIBRATION - 1] = 1
    found = evaluate_part(replace(DATA, targets=targets), RISKS, replicates=5)["all"]["1h"]["models"]["xgboost"]
    assert found["auroc"]["value"] is not None
    assert found["ici"]["value"] is found["slope"]["value"] is None


def test_an_empty_subgroup_is_reported_as_empty() -> None:
    found = evaluate_part(DATA, RISKS, replicates=5)["in_crisis"]["1h"]
    assert (found["rows"], found["events"], found["models"]["xgboost"]["brier"]["value"]) == (0, 0, None)


def test_the_result_is_strict_json() -> None:
    found = evaluate_part(DATA, RISKS, replicates=5)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_subgroups_are_judged_apart_on_rows_not_in_crisis() -> None:
    group = np.where(np.arange(6000) % 2 == 0, "treated", "normotensive")
    systolic = np.where(np.arange(6000) % 4 == 0, 190.0, 140.0)
    data = replace(make_data(OUTCOMES, systolic), group=group)
    found = evaluate_subgroups(data, {**RISKS, "champion": RISKS["shifted"]}, replicates=20)
    assert found["group: treated"]["1h"]["rows"] == 1500
    assert found["group: normotensive"]["1h"]["rows"] == 3000
    assert set(found["group: treated"]["1h"]["models"]) == {"xgboost", "champion"}
    assert set(found["group: treated"]["1h"]["differences"]) == {"champion"}


def test_curves_stand_in_the_headline_which_can_be_judged_alone_without_them() -> None:
    whole = evaluate_part(DATA, RISKS, replicates=5)
    alone = evaluate_part(DATA, RISKS, replicates=5, headline_only=True)
    headline = whole["not_in_crisis"]["6h"]
    assert set(headline.pop("curves")["models"]) == set(RISKS)
    assert "curves" not in whole["all"]["6h"]
    assert alone["not_in_crisis"]["6h"] == headline
    assert list(alone) == ["not_in_crisis"]


def test_what_followed_a_level_is_counted_on_windows_not_in_crisis() -> None:
    risk = np.select([OUTCOMES.true < 0.1, OUTCOMES.true < 0.3], [0.19, 0.2], 0.6)
    systolic = np.where(np.arange(6000) % 4 == 0, 190.0, 140.0)
    found = evaluate_levels(make_data(OUTCOMES, systolic), three(risk), replicates=50)
    medium = (risk == 0.2) & (systolic < 180)
    assert (found["MEDIUM"]["rows"], found["MEDIUM"]["events"]) == (medium.sum(), OUTCOMES.target[medium].sum())
    share = found["MEDIUM"]["followed"]
    assert share["low"] < OUTCOMES.target[medium].mean() < share["high"]
    assert found["HIGH"] == {"rows": 0, "events": 0, "patients": 0, "followed": dict.fromkeys(share)}
    assert found["CRITICAL"]["rows"] > 0
