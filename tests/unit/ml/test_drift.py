from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from ml.drift import (
    LEAST_PATIENTS,
    STRATA,
    SUMMARIES,
    Drift,
    OtherReferenceError,
    Reference,
    compare,
    count,
    from_json,
    has_rhythm_alone_moved,
    make_reference,
    reading,
    strata,
    summarise,
)
from ml.features import FEATURE_NAMES, Windows, feature_matrix
from tests.support.outcomes import Floats

HOUR_US = 3_600_000_000
Places = NDArray[np.intp]
Rows = NDArray[np.float32]
Drifts = dict[str, Drift]


def windows(filled: int = 30, minutes: int = 15, systolic: Floats | float = 130.0, rows: int = 2) -> Rows:
    place = np.broadcast_to(np.arange(-29, 1), (rows, 30))
    there = place > -filled
    pressures = np.where(there, systolic, np.nan).astype(np.float32)
    others = np.where(there, 70, np.nan).astype(np.float32)
    return feature_matrix(Windows(place * minutes * HOUR_US // 60, pressures, others, others))


def day_of(patients: int, seed: int, shift: float = 0.0, hours: tuple[float, float] = (0, 24)) -> tuple[Floats, Places]:
    """Return windows of patients, 20 each: full ones, the pressures of a patient alike, lower by night."""
    random = np.random.default_rng(seed)
    level = np.repeat(random.normal(130, 16, patients), 20)
    hour = random.uniform(*hours, len(level)).astype(np.float32)
    systolic = level - 15 * (hour < 6) + shift
    features = windows(systolic=systolic[:, None] + random.normal(0, 8, (len(level), 30)), rows=len(level))
    risks = 1 / (1 + np.exp(-(systolic[:, None] - [190, 170, 150]) / 12))
    return summarise(features, risks), strata(features, hour)


@cache
def reference() -> Reference:
    return make_reference(*day_of(1000, seed=1))


def drift_of(patients: int, seed: int = 2, shift: float = 0.0, hours: tuple[float, float] = (0, 24)) -> Drifts:
    rows, stratum = day_of(patients, seed, shift, hours)
    owner = np.repeat(np.arange(patients), 20)
    counted = np.stack([count(reference(), rows[owner == one], stratum[owner == one]) for one in range(patients)])
    return {one.summary: one for one in compare(reference(), counted)}


def test_a_window_is_summarised_in_words_of_the_bedside() -> None:
    systolic = np.append(np.full(28, 120.0), [150.0, 180.0])
    features = windows(filled=10, minutes=30, systolic=systolic, rows=1)
    features[0, FEATURE_NAMES.index("heart_rate_lag00")] = np.nan
    (row,) = summarise(features, np.array([[0.1, 0.2, 0.3]]))
    told = dict(zip(SUMMARIES, row.tolist(), strict=True))
    assert told["mean_systolic"] == pytest.approx((8 * 120 + 150 + 180) / 10)
    assert (told["greatest_systolic"], told["mean_diastolic"], told["mean_heart_rate"]) == (180, 70, 70)
    assert (told["without_heart_rate"], told["interval_minutes"]) == (pytest.approx(0.1), pytest.approx(30))
    assert (told["critical_risk_1h"], told["critical_risk_24h"]) == (0.1, 0.3)


def test_other_patients_of_the_same_kind_have_no_drift_by_day_nor_by_night() -> None:
    for hours in ((0, 24), (0, 6), (9, 12)):
        for patients in (LEAST_PATIENTS, 300):
            assert {one.reading for one in drift_of(patients, hours=hours).values()} == {"stable"}, (hours, patients)


def test_without_drift_no_day_of_a_month_alarms() -> None:
    alarms = [one for day in range(30) for one in drift_of(100, seed=100 + day).values() if one.reading != "stable"]
    assert alarms == []


def test_a_cuff_that_reads_too_high_is_told_with_what_has_moved_and_by_how_much() -> None:
    found = drift_of(300, shift=12)
    assert found["mean_systolic"].reading in ("moderate", "strong")
    assert found["critical_risk_6h"].reading in ("moderate", "strong")
    assert found["interval_minutes"].reading == "stable"
    then, now = found["mean_systolic"].reference_mean, found["mean_systolic"].mean
    assert then is not None
    assert now is not None
    assert now - then == pytest.approx(12, abs=4)


def test_short_windows_are_compared_with_short_windows() -> None:
    """A service whose windows are all full differs from a training that has short ones in nothing but that."""
    features = np.concatenate([windows(filled=12, systolic=110.0, rows=500), windows(systolic=140.0, rows=500)])
    hour, risks = np.full(1000, 12, np.float32), np.full((1000, 3), 0.1)
    mixed = make_reference(summarise(features, risks), strata(features, hour))
    full = summarise(features[500:], risks[500:]), strata(features[500:], hour[500:])
    found = compare(mixed, np.stack([count(mixed, *full)] * LEAST_PATIENTS))
    assert {one.psi for one in found} == {0.0}
    assert found[SUMMARIES.index("mean_systolic")].reference_mean == pytest.approx(140)


def test_windows_of_a_kind_that_the_training_has_none_of_are_left_out() -> None:
    short = windows(filled=12, rows=3)
    rows, stratum = summarise(short, np.full((3, 3), 0.1)), strata(short, np.full(3, 12, np.float32))
    assert not count(reference(), rows, stratum).any()
    assert compare(reference(), np.stack([count(reference(), rows, stratum)] * 60)) == []


def test_few_patients_have_means_but_no_index() -> None:
    few, enough = drift_of(LEAST_PATIENTS - 1), drift_of(LEAST_PATIENTS)
    assert {(one.psi, one.low, one.high, one.reading) for one in few.values()} == {(None, None, None, "unknown")}
    assert few["mean_systolic"].mean == pytest.approx(130, abs=10)
    assert all(one.psi is not None for one in enough.values())


def test_a_patient_counts_once_however_often_measured() -> None:
    rows, stratum = day_of(1, seed=3)
    once = count(reference(), rows, stratum)
    np.testing.assert_allclose(count(reference(), np.tile(rows, (5, 1)), np.tile(stratum, 5)), once)


def test_every_interval_holds_its_index() -> None:
    for one in drift_of(200, shift=8).values():
        assert one.low is not None
        assert one.psi is not None
        assert one.high is not None
        assert 0 <= one.low <= one.psi <= one.high
        assert one.reading == "stable" or one.low > 0


def test_missing_heart_rates_are_drift() -> None:
    rows, stratum = day_of(200, seed=4)
    rows[:, SUMMARIES.index("mean_heart_rate")] = np.nan
    owner = np.repeat(np.arange(200), 20)
    counted = np.stack([count(reference(), rows[owner == one], stratum[owner == one]) for one in range(200)])
    found = compare(reference(), counted)[SUMMARIES.index("mean_heart_rate")]
    assert (found.reading, found.mean) == ("strong", None)


def test_reference_comes_back_from_its_file_unchanged() -> None:
    back = from_json(json.loads(json.dumps(reference().to_json(), allow_nan=False)))
    assert back.ends == reference().ends
    np.testing.assert_allclose(back.shares, reference().shares, rtol=1e-5)
    assert back.shares.shape[0] == STRATA


@pytest.mark.parametrize("value", [{}, {"systolic_lag29": {"ends": [120.0], "counts": [5, 5, 0]}}])
def test_the_reference_of_an_older_version_is_refused_with_the_remedy(value: dict[str, object]) -> None:
    with pytest.raises(OtherReferenceError, match="Retrain"):
        from_json(value)


@pytest.mark.parametrize(
    ("index", "read"), [(0.0, "stable"), (0.099, "stable"), (0.1, "moderate"), (0.249, "moderate"), (0.25, "strong")]
)
def test_the_usual_reading(index: float, read: str) -> None:
    assert reading(index) == read


def test_another_rhythm_of_readings_is_told_from_other_patients() -> None:
    calm = dict.fromkeys(SUMMARIES, "stable")
    assert has_rhythm_alone_moved({**calm, "interval_minutes": "strong"})
    assert not has_rhythm_alone_moved({**calm, "interval_minutes": "strong", "mean_systolic": "moderate"})
    assert not has_rhythm_alone_moved(calm)
