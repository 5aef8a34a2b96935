from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from conf.clinical import HORIZONS_H
from ml.inputs import INPUT_NAMES, RISING
from ml.linear import LinearPart, fit
from tests.support.bundles import make_linear

SYSTOLIC, MEAN = INPUT_NAMES.index("systolic"), INPUT_NAMES.index("systolic_mean_24h")


def drawn(rows: int = 4_000, sign: int = 1) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return inputs and targets whose log odds are a straight line in two inputs; a tenth of one input is missing."""
    random = np.random.default_rng(1)
    inputs = random.normal(130, 15, (rows, len(INPUT_NAMES))).astype(np.float32)
    log_odds = sign * (inputs[:, SYSTOLIC] - 130) / 15 + (inputs[:, MEAN] - 130) / 30 - 1
    targets = (random.random((rows, len(HORIZONS_H))) < 1 / (1 + np.exp(-log_odds))[:, None]).astype(np.float32)
    inputs[random.random(rows) < 0.1, 5] = np.nan
    targets[::7, 1] = np.nan
    return inputs, targets


def test_it_finds_the_line_that_the_targets_follow() -> None:
    inputs, targets = drawn()
    part = fit(inputs, targets)
    margins = part.margins(inputs)
    assert margins.shape == (len(inputs), len(HORIZONS_H))
    per_mmhg = part.coefficients / part.scale
    assert per_mmhg[:, SYSTOLIC] == pytest.approx([1 / 15] * 3, rel=0.15)
    risk = 1 / (1 + np.exp(-margins))
    assert risk.mean(axis=0) == pytest.approx(np.nanmean(targets, axis=0), abs=0.01)


def test_log_odds_never_fall_with_the_newest_pressures_whatever_the_rows_say() -> None:
    part = fit(*drawn(sign=-1))
    assert (part.coefficients[:, [INPUT_NAMES.index(name) for name in RISING]] >= 0).all()
    assert part.coefficients[0, SYSTOLIC] == 0


def test_a_missing_input_counts_as_average_and_adds_nothing() -> None:
    part = make_linear()
    average = np.tile(part.centre, (1, 1))
    missing = np.full_like(average, np.nan)
    np.testing.assert_array_equal(part.margins(missing), part.margins(average))
    assert (part.contributions(missing, 6) == 0).all()


def test_contributions_sum_up_to_the_log_odds_beside_those_of_an_average_row() -> None:
    inputs, _ = drawn(50)
    part = make_linear()
    by_input = part.contributions(inputs, 24)
    np.testing.assert_allclose(
        by_input.sum(axis=1) + part.intercepts[2], part.margins(inputs)[:, 2], rtol=1e-4, atol=1e-4
    )


def test_it_comes_back_from_json_as_it_was() -> None:
    part = fit(*drawn(500))
    back = LinearPart.from_json(json.loads(json.dumps(part.to_json())))
    inputs, _ = drawn(50)
    np.testing.assert_array_equal(back.margins(inputs), part.margins(inputs))


def test_another_number_of_coefficients_is_refused() -> None:
    part = make_linear()
    short = replace(part, coefficients=part.coefficients[:, 1:])
    with pytest.raises(ValueError, match="coefficients for each horizon"):
        LinearPart.from_json(short.to_json())
