from __future__ import annotations

import pytest

from ml.report.wording import joined, number, ordered, percent, percent_interval, with_interval


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(0.12345, 3, "0.123"), (-0.5, 2, "\N{MINUS SIGN}0.50"), (-0.0001, 2, "0.00"), (None, 3, "\N{EN DASH}")],
)
def test_numbers_have_a_real_minus_and_no_negative_zero(value: float | None, digits: int, text: str) -> None:
    assert number(value, digits) == text


def test_intervals_stand_in_brackets_where_there_are_any() -> None:
    assert with_interval({"value": 0.5, "low": 0.4, "high": 0.6}, 1) == "0.5 (0.4 to 0.6)"
    assert with_interval({"value": 0.5, "low": None, "high": None}, 1) == "0.5"
    assert percent_interval({"value": 0.51, "low": 0.4, "high": 0.6}) == "51 % (40 to 60)"
    assert percent(None) == "\N{EN DASH}"


def test_names_are_joined_as_in_a_sentence() -> None:
    assert joined(["a"]) == "a"
    assert joined(["a", "b", "c"], "or") == "a, b or c"


def test_models_are_shown_with_ours_first_and_unknown_ones_last() -> None:
    assert ordered({"new": 0, "climatology": 0, "xgboost": 0}) == ["xgboost", "climatology", "new"]
