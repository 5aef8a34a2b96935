from __future__ import annotations

import copy
from typing import Any

import pytest

from ml.report.findings import doubts, findings, merits
from tests.support.evaluations import full_evaluation, least_evaluation

BEATEN = {"value": -0.002, "low": -0.003, "high": -0.001}
OPEN = {"value": -0.0001, "low": -0.001, "high": 0.001}
LOST = {"value": 0.002, "low": 0.001, "high": 0.003}


def evaluation(horizon: str = "6h", part: str = "test", **changes: Any) -> dict[str, Any]:
    """Return a flawless evaluation, then with changes to the model's figures or differences at one horizon."""
    made = copy.deepcopy(full_evaluation())
    made["alarms"]["comparisons"] = {}
    for judged in (found["not_in_crisis"][h] for found in made["parts"].values() for h in ("1h", "6h", "24h")):
        judged["patients_with_event"] = 500
        judged["models"]["xgboost"] |= {"ici": {"value": 0.01}, "slope": {"value": 1.0, "low": 0.9, "high": 1.1}}
        for difference in judged["differences"].values():
            difference |= {"brier": BEATEN, "result": "better"}
    judged = made["parts"][part]["not_in_crisis"][horizon]
    judged["differences"] |= changes.pop("differences", {})
    judged["models"]["xgboost"] |= changes.pop("figures", {})
    judged |= changes
    return made


def test_a_flawless_model_leaves_no_doubt() -> None:
    assert doubts(evaluation()) == []


@pytest.mark.parametrize(
    ("brier", "result", "said"), [(OPEN, "not better", "does not beat"), (LOST, "worse", "is worse than")]
)
def test_a_reference_model_that_is_not_beaten_is_named_first(brier: dict[str, float], result: str, said: str) -> None:
    made = evaluation("24h", differences={"random_forest": {"brier": brier, "result": result}})
    assert findings(made)[0].startswith(f"At 24 h the model {said} random forest (Brier difference ")
    assert not any("24 h the model beats every reference model" in sentence for sentence in merits(made))


def test_shifted_patients_are_told_apart_from_unseen_ones() -> None:
    made = evaluation(part="external", differences={"last_value": {"brier": OPEN, "result": "not better"}})
    (doubt,) = doubts(made)
    assert doubt.startswith("At 6 h on shifted patients the model does not beat last value")


def test_bad_calibration_is_a_doubt() -> None:
    slope = {"value": 0.7, "low": 0.6, "high": 0.8}
    found = doubts(evaluation("1h", figures={"ici": {"value": 0.03}, "slope": slope}))
    assert found == [
        "At 1 h its risks are off by 0.030 on average (ICI), more than the 0.02 aimed at.",
        "At 1 h its risks are too extreme: the calibration slope is 0.70 (0.60 to 0.80).",
    ]


@pytest.mark.parametrize(("slope", "said"), [(-0.5, "the wrong way round"), (0.79, "too extreme"), (1.21, "too timid")])
def test_a_slope_far_from_one_is_named(slope: float, said: str) -> None:
    (doubt,) = doubts(evaluation(figures={"slope": {"value": slope, "low": slope, "high": slope}}))
    assert f"its risks are {said}" in doubt


def test_few_patients_with_a_crisis_are_a_doubt() -> None:
    (doubt,) = doubts(evaluation("1h", patients_with_event=12, patients=9000))
    assert doubt == "At 1 h only 12 of 9,000 patients had a crisis: the figures are uncertain."


def test_merits_name_the_closest_reference_model_the_gap_and_the_source() -> None:
    closest = {"brier": {"value": -0.0005, "low": -0.0009, "high": -0.0001}, "result": "better"}
    found = merits(evaluation(differences={"logistic_regression": closest}))
    assert found[0].startswith(
        "At 6 h the model beats every reference model; against the closest, logistic regression, by a Brier"
    )
    assert any("of the way from climatology" in sentence for sentence in found)
    assert found[-1].startswith("All figures come from simulated patients")


def test_the_model_in_service_is_no_reference_model_but_is_compared() -> None:
    made = evaluation(differences={"champion": {"brier": OPEN, "result": "not better"}})
    assert doubts(made) == []
    assert any("At 6 h it is not told apart from the model in service" in sentence for sentence in merits(made))


def test_a_least_evaluation_has_findings_too() -> None:
    assert findings(least_evaluation())


def test_a_model_that_could_not_be_compared_is_named_first_with_the_reason_and_not_counted_as_beaten() -> None:
    made = evaluation()
    made["missing"] = {"random_forest": "It had no room."}
    assert doubts(made) == ["There is no comparison with random forest, which failed. It had no room."]
    assert any("the model beats every reference model that could be fitted" in sentence for sentence in merits(made))


def test_one_reference_model_alone_is_named_and_not_called_all() -> None:
    made = copy.deepcopy(least_evaluation())
    made["parts"]["test"]["not_in_crisis"]["6h"]["differences"]["last_value"] |= {"brier": BEATEN, "result": "better"}
    (sentence,) = [one for one in merits(made) if one.startswith("At 6 h the model beats")]
    assert sentence.startswith("At 6 h the model beats last value; ")


@pytest.mark.parametrize(
    ("ratio", "said"),
    [
        ({"value": 2.27, "low": 1.9, "high": 2.59}, "it raises more alarms than last value: 2.27 (1.90 to 2.59) times"),
        (
            {"value": 0.9, "low": 0.7, "high": 1.1},
            "it raises no fewer alarms than last value: 0.90 (0.70 to 1.10) times",
        ),
    ],
)
def test_alarms_that_are_not_fewer_than_those_of_the_last_value_are_told_first(
    ratio: dict[str, float], said: str
) -> None:
    made = evaluation()
    made["alarms"]["comparisons"] = {"last_value": {"0.80": ratio}}
    assert said in findings(made)[0]
    assert not any("alarms than" in sentence for sentence in merits(made))


def test_fewer_alarms_than_the_bedside_rule_are_a_merit() -> None:
    made = evaluation()
    made["alarms"]["comparisons"] = {"threshold_rule": {"0.78": {"value": 0.2, "low": 0.1, "high": 0.4}}}
    assert doubts(made) == []
    (told,) = [sentence for sentence in merits(made) if "alarms" in sentence]
    assert told.startswith("To find 78 % of the crises it raises fewer alarms than threshold rule (160/100): 0.20")


def test_each_level_is_told_in_windows_of_a_hundred() -> None:
    made = evaluation()
    share = {"value": 0.67, "low": 0.59, "high": 0.75}
    made["levels"] = {
        "LOW": {"rows": 1000, "events": 12, "patients": 300, "followed": {"value": 0.012, "low": 0.005, "high": 0.02}},
        "HIGH": {"rows": 200, "events": 134, "patients": 40, "followed": share},
        "CRITICAL": {"rows": 0, "events": 0, "patients": 0, "followed": dict.fromkeys(share)},
    }
    told = [sentence for sentence in merits(made) if sentence.startswith("Of 100 windows")]
    assert told == [
        "Of 100 windows at HIGH, 67 (59 to 75) were followed by a crisis within 6 h (134 of 200, 40 patients).",
        "Of 100 windows at LOW, 1.2 (0.5 to 2.0) were followed by a crisis within 6 h (12 of 1,000, 300 patients).",
    ]
