"""Champion and challenger are judged by the same windows, and it is told whether that is enough."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from conf.times import DAY_US
from jobs.training.comparing import PATIENT_SUMS, add_up_patients, calibration_documents, comparison_documents
from jobs.training.outcomes import document_id
from ml.evaluation.shadow import Needed
from tests.unit.jobs.training.test_outcomes import THAT_DAY_US, Readings, prediction, readings
from tests.unit.jobs.training.test_outcomes import patients as batch_of

NOW_US = THAT_DAY_US + 20 * DAY_US
ENOUGH = Needed(days=1, event_patients=1)


def scored(number: int, risk: float, shadow_risk: float, **changes: Any) -> dict[str, Any]:
    """Return a prediction at the reading of this number that a challenger has scored, too."""
    theirs = {f"shadow_risk_{horizon_h}h": shadow_risk for horizon_h in (1, 6, 24)}
    return {**prediction(number, risk), "shadow_model_version": "v2", **theirs, **changes}


def judge(needed: Needed = ENOUGH, **told: tuple[list[dict[str, Any]], Readings]) -> list[dict[str, Any]]:
    sums = pa.Table.from_batches(list(add_up_patients(iter([batch_of(**told)]))), PATIENT_SUMS)
    return comparison_documents(sums, needed, NOW_US)


def compared(needed: Needed = ENOUGH) -> list[dict[str, Any]]:
    """Return the documents of a sick patient over two days, and of a calm one whom the challenger knows better."""
    record = readings(400, at_10=190, at_110=190)
    sick = [scored(0, 0.4, 0.6), scored(10, 0.9, 0.9, systolic=190.0), scored(100, 0.4, 0.6)]
    return judge(needed, sick=(sick, record), calm=([scored(0, 0.3, 0.1)], readings(400)))


def of(documents: list[dict[str, Any]], horizon_h: int = 6, stratum: str = "not_in_crisis") -> dict[str, Any]:
    (found,) = (each for each in documents if (each["horizon_h"], each["stratum"]) == (horizon_h, stratum))
    return found


def test_both_are_judged_by_the_windows_that_both_have_scored() -> None:
    found = of(compared())
    assert (found["model_version"], found["shadow_model_version"]) == ("v1", "v2")
    assert (found["patients"], found["event_patients"], found["rows"], found["events"]) == (2, 1, 3, 2)
    assert found["brier"] == pytest.approx((2 * 0.6**2 + 0.3**2) / 3, rel=1e-5)
    assert found["shadow_brier"] == pytest.approx((2 * 0.4**2 + 0.1**2) / 3, rel=1e-5)
    assert found["brier_difference"]["value"] == pytest.approx(found["shadow_brier"] - found["brier"], rel=1e-3)
    assert found["expected_observed"]["value"] == pytest.approx(1.1 / 2)
    assert found["shadow_expected_observed"]["value"] == pytest.approx(1.3 / 2)


def test_a_window_in_crisis_counts_among_all_windows_alone() -> None:
    documents = compared()
    assert of(documents, stratum="all")["rows"] == of(documents)["rows"] + 1


def test_the_difference_has_an_interval_over_patients() -> None:
    random = np.random.default_rng(1)
    told = {
        f"p{number}": ([scored(step, 0.5, float(random.uniform(0, 0.2))) for step in range(0, 40, 4)], readings())
        for number in range(30)
    }
    difference = of(judge(ENOUGH, **told))["brier_difference"]
    assert difference["low"] < difference["value"] < difference["high"] < 0


def test_patients_in_another_order_have_the_same_intervals() -> None:
    told = {f"p{number}": ([scored(0, 0.5, 0.01 * number)], readings()) for number in range(20)}
    assert judge(ENOUGH, **told) == judge(ENOUGH, **dict(reversed(told.items())))


def test_an_outcome_that_is_not_known_yet_is_not_judged() -> None:
    documents = judge(a=([scored(0, 0.4, 0.6)], readings(20)))
    assert {document["horizon_h"] for document in documents} == {1}


def test_without_a_crisis_expected_by_observed_is_unknown() -> None:
    assert of(judge(a=([scored(0, 0.4, 0.6)], readings())))["expected_observed"]["value"] is None


@pytest.mark.parametrize(
    ("days", "event_patients", "is_ready"), [(1, 1, True), (2, 1, False), (1, 2, False), (2, 2, False)]
)
def test_a_challenger_is_ready_after_days_enough_and_patients_with_a_crisis_enough(
    days: int, event_patients: int, is_ready: bool
) -> None:
    documents = compared(Needed(days, event_patients))
    assert of(documents)["days"] == 1
    assert {document["ready"] for document in documents} == {is_ready}
    assert (documents[0]["needed_days"], documents[0]["needed_event_patients"]) == (days, event_patients)


def test_challengers_and_champions_are_not_mixed() -> None:
    told = [
        scored(0, 0.4, 0.6),
        scored(4, 0.4, 0.6, shadow_model_version="v3"),
        scored(8, 0.4, 0.6, model_version="v0"),
    ]
    documents = judge(a=(told, readings()))
    pairs = {(document["model_version"], document["shadow_model_version"]) for document in documents}
    assert pairs == {("v1", "v2"), ("v1", "v3"), ("v0", "v2")}
    assert {document["rows"] for document in documents} == {1}
    assert len({document_id(document) for document in documents}) == len(documents)


def test_batches_without_patients_have_no_sums() -> None:
    empty = batch_of(a=([scored(0, 0.4, 0.6)], readings())).slice(0, 0)
    assert list(add_up_patients(iter([empty]))) == []


def fitted(risk: float, patients: int = 40) -> list[dict[str, Any]]:
    """Return what is found of one version whose patients, one in two, have a crisis within 6 hours."""
    told = {
        f"p{number}": ([scored(0, risk, risk, shadow_model_version="v1")], readings(120, **crisis))
        for number in range(patients)
        for crisis in [{"at_10": 190} if number % 2 else {}]
    }
    batches = add_up_patients(iter([batch_of(**told)]))
    return list(calibration_documents(pa.Table.from_batches(list(batches), PATIENT_SUMS), "v1", NOW_US))


@pytest.mark.parametrize(("risk", "is_off"), [(0.5, False), (0.6, False), (0.95, True), (0.1, True)])
def test_risks_that_are_far_from_what_happens_are_told(risk: float, is_off: bool) -> None:
    found = {document["horizon_h"]: document for document in fitted(risk)}
    assert found[6]["expected_observed"]["value"] == pytest.approx(risk / 0.5, rel=1e-4)
    assert found[6]["is_off"] == is_off
    assert (found[6]["patients"], found[6]["event_patients"]) == (40, 20)
    assert len({document_id(document) for document in found.values()}) == 3


def test_few_crises_say_nothing_of_the_risks() -> None:
    assert not any(document["is_off"] for document in fitted(0.95, patients=2))
