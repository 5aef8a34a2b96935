from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np
import pytest

from ml.dataset import Dataset
from ml.evaluation.alarms import Track, alarm_burden, begins_crisis, lead_hours, make_track, threshold_for
from ml.features import Windows, feature_matrix
from tests.support.outcomes import Floats, three

MINUTE_US = 60_000_000
CALM, CRISIS = 140.0, 185.0


def track_of(*systolic: Sequence[float], minutes: int = 15, target: float = 0.0) -> Dataset:
    """Return every window of patients that are measured every `minutes`, one sequence of systolic pressures each."""
    windows = [windows_of(np.array(values), minutes) for values in systolic]
    lengths = [len(values) for values in systolic]
    return Dataset(
        features=np.concatenate([feature_matrix(window) for window in windows]),
        targets=np.full((sum(lengths), 3), target, dtype=np.float32),
        patient_id=np.repeat([f"p{number}" for number in range(len(systolic))], lengths),
        newest_us=np.concatenate([window.effective_us[:, -1] for window in windows]),
        group=np.full(sum(lengths), ""),
        hour=np.zeros(sum(lengths), np.float32),
        confirmed=np.zeros((sum(lengths), 3), np.float32),
    )


def windows_of(systolic: Floats, minutes: int) -> Windows:
    place = np.arange(len(systolic))[:, None] + np.arange(-29, 1)
    pressures = np.where(place >= 0, systolic[place.clip(0)], np.nan).astype(np.float32)
    others = np.where(place >= 0, 80, np.nan).astype(np.float32)
    return Windows(place.clip(0) * minutes * MINUTE_US, pressures, others, others)


def test_a_crisis_begins_after_six_hours_without_one() -> None:
    pressures = [CALM] * 60
    for tick in (10, 11, 34, 59):  # 11 continues 10; 34 is 5 h 45 min after 11; 59 is 6 h 15 min after 34
        pressures[tick] = CRISIS
    assert np.flatnonzero(begins_crisis(track_of(pressures).features)).tolist() == [10, 59]


def test_a_crisis_in_the_first_six_hours_of_a_patient_is_left_out() -> None:
    early, late = [CALM] * 40, [CALM] * 40
    early[23], late[24] = CRISIS, CRISIS  # at 5 h 45 min and at 6 h
    assert make_track(track_of(early), 1, seed=0).crisis.tolist() == []
    assert make_track(track_of(early, late), 1, seed=0).crisis.tolist() == [40 + 24]


def crisis_at_tick_30() -> Track:
    pressures = [CALM] * 40
    pressures[30] = CRISIS
    return make_track(track_of(pressures), 1, seed=0)


@pytest.mark.parametrize(("tick", "lead"), [(28, 0.5), (29, 0.25), (6, 6.0), (5, 0.0), (30, 0.0), (31, 0.0)])
def test_the_lead_is_the_time_of_the_first_flag_within_the_six_hours_before(tick: int, lead: float) -> None:
    flagged = np.zeros(40, dtype=bool)
    flagged[tick] = True
    assert lead_hours(crisis_at_tick_30(), flagged).tolist() == [lead]


def test_the_first_of_several_flags_counts() -> None:
    flagged = np.zeros(40, dtype=bool)
    flagged[[5, 22, 29]] = True
    assert lead_hours(crisis_at_tick_30(), flagged).tolist() == [2.0]


def test_the_threshold_finds_the_wanted_share_of_crises_and_no_higher_one_does() -> None:
    sequences = [[CALM] * 31 for _ in range(10)]
    risk = np.zeros(310)
    for number, sequence in enumerate(sequences):
        sequence[30] = CRISIS
        risk[31 * number + 20] = 0.05 * (number + 1)
        risk[31 * number + 30] = 0.99  # at the crisis itself: no prediction
    track = make_track(track_of(*sequences), 1, seed=0)
    assert threshold_for(track, risk, 0.80) == pytest.approx(0.15)
    assert threshold_for(track, risk, 0.90) == pytest.approx(0.10)
    found = lead_hours(track, track.may_flag & (risk >= 0.15)) > 0
    assert found.mean() == 0.8


def burden_of(risk: Floats, data: Dataset) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = alarm_burden(data, {"xgboost": three(risk)}, replicates=50)["models"][
        "xgboost"
    ]["at_level"]["HIGH"]
    return found


def two_patients(target: float = 0.0) -> Dataset:
    pressures = [CALM] * 97
    crisis = [*pressures]
    crisis[90] = CRISIS
    return track_of(pressures, crisis, target=target)


def test_a_flag_that_stands_is_one_alarm_however_long() -> None:
    risk = np.zeros(194)
    risk[10:40] = 0.5
    risk[97 + 88] = 0.5
    found = burden_of(risk, two_patients())
    assert found["alarms_per_patient_day"]["value"] == 1.0
    assert found["recall"]["value"] == 1.0


def test_the_time_flagged_is_that_until_the_flag_falls() -> None:
    risk = np.zeros(194)
    risk[10:40] = 0.5
    assert burden_of(risk, two_patients())["time_flagged"]["value"] == pytest.approx(31 / 192, rel=1e-5)


def test_flags_at_random_for_the_same_time_find_crises_by_chance() -> None:
    random = np.random.default_rng(1)
    data = track_of(*([CALM] * 97 for _ in range(400)))
    risk = np.concatenate([np.where(random.random(97) < 0.02, 0.5, 0.0) for _ in range(400)])
    found = burden_of(risk, with_crises(data))
    assert found["recall_by_chance"]["value"] == pytest.approx(found["recall"]["value"], abs=0.05)


def with_crises(data: Dataset) -> Dataset:
    """Return the data with a crisis shown at the 61st reading of each patient, which no window tells of before."""
    features = data.features.copy()
    features[60::97, -4] = CRISIS
    return replace(data, features=features)


def test_models_are_compared_by_their_alarms_at_the_same_recall() -> None:
    data = with_crises(track_of(*([CALM] * 97 for _ in range(40))))
    steady, restless = np.zeros(97), np.zeros(97)
    steady[40:60] = 0.5
    restless[[10, 20, 30, 40, 50]] = 0.5
    risks = {"xgboost": np.tile(steady, 40), "last_value": np.tile(restless, 40)}
    of_ours, of_theirs = (
        alarm_burden(data, {name: three(risks[other]) for name, other in pairs.items()}, replicates=50)["comparisons"]
        for pairs in (
            {"xgboost": "xgboost", "last_value": "last_value"},
            {"xgboost": "last_value", "last_value": "xgboost"},
        )
    )
    fifth, fivefold = ({"value": share, "low": share, "high": share} for share in (0.2, 5.0))
    assert of_ours == {"last_value": {"0.80": fifth, "0.90": fifth}}
    assert of_theirs == {"last_value": {"0.80": fivefold, "0.90": fivefold}}


def test_a_rule_without_a_threshold_to_choose_is_met_at_its_own_recall() -> None:
    data = with_crises(track_of(*([CALM] * 97 for _ in range(40))))
    rule = np.full((40, 97), 0.1)
    rule[:20, [30, 50]] = 0.4  # finds half of the crises, with two alarms each
    ours = np.zeros((40, 97))
    ours[:, 55] = np.linspace(0.1, 0.9, 40)
    found = alarm_burden(data, {"xgboost": three(ours.ravel()), "threshold_rule": three(rule.ravel())}, replicates=50)
    (recall,) = found["comparisons"]["threshold_rule"]
    assert recall == "0.50"
    assert found["comparisons"]["threshold_rule"][recall]["value"] == 0.5


def test_a_crisis_first_flagged_exactly_30_minutes_ahead_is_not_found_over_30_minutes_ahead() -> None:
    risk = np.zeros(194)
    risk[97 + 88] = 0.5
    found = burden_of(risk, two_patients())
    assert found["median_lead_h"]["value"] == 0.5
    assert found["found_over_30_min_ahead"]["value"] == 0.0
    risk[97 + 87] = 0.5
    assert burden_of(risk, two_patients())["found_over_30_min_ahead"]["value"] == 1.0


def test_flags_in_crisis_are_not_alarms() -> None:
    risk = np.zeros(194)
    risk[97 + 90] = 0.9
    assert burden_of(risk, two_patients())["alarms_per_patient_day"]["value"] == 0.0


def test_alarms_with_censored_target_do_not_count_for_ppv() -> None:
    data = two_patients()
    data.targets[[10, 20, 30], 1] = (1, 0, np.nan)
    risk = np.zeros(194)
    risk[[10, 20, 30]] = 0.5
    found = burden_of(risk, data)
    assert found["ppv"]["value"] == 0.5
    assert found["alarms_per_patient_day"]["value"] == 1.5


def test_rows_may_come_in_any_order() -> None:
    data = two_patients()
    risk = np.linspace(0, 1, 194)
    order = np.random.default_rng(3).permutation(194)
    mixed = Dataset(*(getattr(data, field.name)[order] for field in fields(data)))
    assert alarm_burden(mixed, {"xgboost": three(risk[order])}, replicates=5) == alarm_burden(
        data, {"xgboost": three(risk)}, replicates=5
    )


def test_a_track_without_crisis_has_no_figures() -> None:
    found = alarm_burden(track_of([CALM] * 50), {"xgboost": three(np.zeros(50))}, replicates=5)
    assert (found["crises"], found["models"]) == (0, {})


def test_the_result_is_strict_json() -> None:
    found = alarm_burden(two_patients(), {"xgboost": three(np.zeros(194)), "forest": three(np.ones(194))}, replicates=5)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert set(found["models"]) == {"xgboost"}
