from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ml.drift import MODERATE, FeatureBins, from_json, have_times_alone_moved, make_reference, psi, reading, to_json
from ml.features import FEATURE_NAMES

FEATURE = 116
NAME = FEATURE_NAMES[FEATURE]

Rows = NDArray[np.float32]


def rows(count: int = 2000, seed: int = 1) -> Rows:
    random = np.random.default_rng(seed)
    drawn = random.normal(130, 20, (count, len(FEATURE_NAMES))).astype(np.float32)
    drawn[random.random(drawn.shape) < 0.1] = np.nan
    return drawn


@given(st.integers(0, 2**32), st.integers(1, 300), st.sampled_from([1, 5, 50, 0.001]))
def test_the_same_sample_has_no_drift(seed: int, count: int, step: float) -> None:
    sample = (np.round(rows(count, seed) / step) * step).astype(np.float32)
    assert set(psi(make_reference(sample), sample).values()) == {0.0}


@given(st.integers(0, 2**32), st.integers(1, 200), st.integers(1, 200))
def test_drift_is_never_negative(seed: int, before: int, now: int) -> None:
    random = np.random.default_rng(seed)
    shifted = rows(now, seed + 1) * random.normal(1, 1) + random.normal(0, 50)
    assert min(psi(make_reference(rows(before, seed)), shifted.astype(np.float32)).values()) >= 0


def test_other_rows_of_the_same_kind_are_stable() -> None:
    assert max(psi(make_reference(rows(seed=1)), rows(seed=2)).values()) < 0.05


def test_the_feature_that_moves_is_the_one_that_is_named() -> None:
    moved = rows(seed=2)
    moved[:, FEATURE] += 20
    indices = psi(make_reference(rows(seed=1)), moved)
    assert max(indices, key=lambda name: indices[name]) == NAME
    assert reading(indices[NAME]) == "strong"
    assert sum(reading(index) != "stable" for index in indices.values()) == 1


def test_more_missing_values_are_drift() -> None:
    moved = rows(seed=2)
    moved[:800, FEATURE] = np.nan
    assert psi(make_reference(rows(seed=1)), moved)[NAME] > 0.25


def test_the_index_is_the_sum_over_bins_worked_out_by_hand() -> None:
    reference = make_reference(np.tile(np.arange(1000, dtype=np.float32)[:, None], 120))
    upper_half = np.tile(np.arange(500, 1000, dtype=np.float32)[:, None], 120)
    then = np.append(np.full(10, 100.5), 0.5) / 1005.5
    now = np.append(np.repeat([0.5, 100.5], 5), 0.5) / 505.5
    assert psi(reference, upper_half)[NAME] == pytest.approx(((now - then) * np.log(now / then)).sum())


def test_a_feature_that_never_varies_or_is_never_there_has_a_single_bin() -> None:
    sample = rows()
    sample[:, 0], sample[:, 1] = 0, np.nan
    reference = make_reference(sample)
    assert (reference[FEATURE_NAMES[0]], reference[FEATURE_NAMES[1]]) == (
        FeatureBins((), (2000, 0)),
        FeatureBins((), (0, 2000)),
    )
    assert psi(reference, rows())[FEATURE_NAMES[1]] > 1


def test_counts_of_all_bins_are_all_rows() -> None:
    for bins in make_reference(rows(777)).values():
        assert sum(bins.counts) == 777
        assert len(bins.counts) == len(bins.ends) + 2


def test_reference_comes_back_from_its_file_unchanged() -> None:
    reference = make_reference(rows())
    assert from_json(json.loads(json.dumps(to_json(reference)))) == reference


@pytest.mark.parametrize("value", [{}, {NAME: {}}])
def test_what_is_no_reference_is_refused(value: dict[str, object]) -> None:
    with pytest.raises(KeyError):
        from_json(value)


@pytest.mark.parametrize(
    ("index", "read"), [(0.0, "stable"), (0.099, "stable"), (0.1, "moderate"), (0.249, "moderate"), (0.25, "strong")]
)
def test_the_usual_reading(index: float, read: str) -> None:
    assert reading(index) == read


def test_another_rhythm_of_readings_is_told_from_other_patients() -> None:
    times = {"hours_before_newest_lag05": 3.1, "hours_before_newest_lag06": 0.2, "systolic_lag00": 0.02}

    assert have_times_alone_moved(times)
    assert not have_times_alone_moved({**times, "systolic_lag00": MODERATE})
    assert not have_times_alone_moved({"hours_before_newest_lag05": 0.01})
