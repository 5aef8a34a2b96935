"""The criteria of Riley, against worked examples of their authors."""

from __future__ import annotations

from math import log
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ml.evaluation.sample_size import SampleSize, greatest_r2, r2_of, sample_size, sample_sizes
from ml.inputs import INPUT_NAMES

prevalences = st.floats(0.01, 0.5)
shares = st.floats(0.05, 0.8)  # of the greatest R²


def test_the_example_of_the_authors_program_pmsampsize() -> None:
    """Binary outcome, Cox-Snell R² 0.288, 24 parameters, prevalence 0.174: 623, 662 and 221 are needed, so 662."""
    found = sample_size(0.174, 0.288, 24)
    assert found == SampleSize(overall_risk=221, shrinkage=623, optimism=662)
    assert found.needed == 662


def test_the_example_of_pre_eclampsia_in_the_paper() -> None:
    """Prevalence 0.05, 30 parameters, R² 0.05: shrinkage asks for the most, 5,249; the greatest R² is 0.33."""
    assert greatest_r2(0.05) == pytest.approx(0.33, abs=0.005)
    found = sample_size(0.05, 0.05, 30)
    assert (found.needed, found.overall_risk) == (5249, 73)


@given(prevalences, shares, st.integers(1, 200))
def test_so_many_rows_are_enough_and_one_fewer_is_not(prevalence: float, share: float, parameters: int) -> None:
    r2 = share * greatest_r2(prevalence)
    found = sample_size(prevalence, r2, parameters)

    def shrinkage(rows: int) -> float:
        """Return the shrinkage S that solves n = P / ((S - 1) ln(1 - R² / S)), by bisection."""
        low, high = r2 * (1 + 1e-12), 1.0
        for _ in range(200):
            middle = (low + high) / 2
            wanted = parameters / ((middle - 1) * log(1 - r2 / middle)) > rows
            low, high = (low, middle) if wanted else (middle, high)
        return low

    assume(found.shrinkage > 10 * parameters)
    assert shrinkage(found.shrinkage) >= 0.9 - 1e-6
    assert shrinkage(found.shrinkage - 2) < 0.9


@given(prevalences, shares, st.integers(1, 200))
def test_more_parameters_and_less_to_explain_need_more_rows(prevalence: float, share: float, parameters: int) -> None:
    r2 = share * greatest_r2(prevalence)
    found = sample_size(prevalence, r2, parameters)
    assert sample_size(prevalence, r2, parameters + 1).needed >= found.needed
    assert sample_size(prevalence, 0.8 * r2, parameters).shrinkage >= found.shrinkage
    assert found.needed >= 1


@pytest.mark.parametrize("r2", [0.0, -0.1, 0.34])
def test_an_r2_that_no_model_reaches_is_refused(r2: float) -> None:
    with pytest.raises(ValueError, match=r"below 0\.327"):
        sample_size(0.05, r2, 30)


@given(prevalences)
def test_telling_everybody_the_prevalence_explains_nothing_and_knowing_all_explains_the_most(prevalence: float) -> None:
    chance = -prevalence * log(prevalence) - (1 - prevalence) * log(1 - prevalence)
    assert r2_of(chance, prevalence) == pytest.approx(0, abs=1e-12)
    assert r2_of(0.0, prevalence) == pytest.approx(greatest_r2(prevalence))


def counts(**changes: Any) -> dict[str, Any]:
    by_horizon = {"events": {"1h": 100, "6h": 400, "24h": 1200}, "censored_share": {"1h": 0.5, "6h": 0.2, "24h": 0.0}}
    return {"rows": 10_000, "patients": 700, **by_horizon, **changes}


def judged(log_loss: float | None = 0.1, prevalence: float = 0.05) -> dict[str, Any]:
    models = {"xgboost": {"log_loss": {"value": log_loss}}}
    return {horizon: {"models": models, "prevalence": prevalence} for horizon in ("1h", "6h", "24h")}


def test_each_horizon_is_told_what_it_needs_and_what_there_is_with_a_known_outcome() -> None:
    found = sample_sizes(counts(), judged())
    assert list(found) == ["1h", "6h", "24h"]
    assert {name: found["1h"][name] for name in ("rows", "patients", "events")} == {
        "rows": 5000,
        "patients": 700,
        "events": 100,
    }
    assert found["1h"]["parameters"] == len(INPUT_NAMES)
    assert found["6h"]["needed"] == sample_size(0.05, found["6h"]["r2"], len(INPUT_NAMES)).needed


@pytest.mark.parametrize("log_loss", [None, 0.3])
def test_a_model_that_explains_nothing_has_no_sample_size(log_loss: float | None) -> None:
    assert sample_sizes(counts(), judged(log_loss)) == {}
