from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.wording import (
    RANGE_TEXTS,
    REFUSAL_NAMES,
    TEXTS,
    UNUSABLE,
    attention_in_words,
    range_in_words,
    reason_text,
    reasons_in_words,
    refusal_name,
    strength,
    summary,
)
from fhir.reasons import Reason
from ml.explanation import LEAST_CONTRIBUTION, ReasonCode
from ml.trained_range import RangeCode


def same(text: str) -> str:
    return text


def reason(
    code: str = ReasonCode.SYSTOLIC_NEWEST, contribution: float = 0.5, value: float = 182.4
) -> dict[str, object]:
    return {"code": code, "contribution": contribution, "value": value}


def test_every_code_of_the_model_has_words() -> None:
    assert set(TEXTS) == set(ReasonCode)


@pytest.mark.parametrize("code", ReasonCode)
def test_a_reason_names_its_number(code: str) -> None:
    assert "14" in reason_text(reason(code, value=14.0), same, "en")


def test_pressures_are_whole_and_hours_have_the_decimal_sign_of_the_language() -> None:
    assert reason_text(reason(), same, "en") == "systolic pressure of the newest reading (182 mmHg)"
    assert reason_text(reason(ReasonCode.READING_TIMES, value=7.25), same, "fr").endswith("7,2 h)")


def test_a_missing_share_of_the_window_is_told_out_of_thirty() -> None:
    assert "12 of 30" in reason_text(reason(ReasonCode.READINGS_MISSING, value=12), same, "en")


def test_a_code_of_a_later_version_is_shown_as_it_is() -> None:
    assert reason_text(reason("PULSE_PRESSURE_TREND", value=3.14), same, "en") == "PULSE_PRESSURE_TREND (3.1)"


def test_a_prediction_out_of_range_is_told_with_every_reason_in_a_sentence() -> None:
    assert set(RANGE_TEXTS) == set(RangeCode)
    told = range_in_words(["INTERVAL_LONG", "LATER_CODE"], same)
    assert told == (
        "The model was not trained on such readings (readings further apart, LATER_CODE): the risk is a mere guess."
    )
    assert range_in_words(None, same) is None


def test_the_strongest_reason_comes_first_and_makes_the_sentence() -> None:
    told = reasons_in_words([reason(contribution=0.2), reason(ReasonCode.HEART_RATE_NEWEST, 1.2, 96)], same, "en")

    assert [(item.strength, item.share) for item in told] == [("weighs heavily", 1), ("weighs a little", 0.2 / 1.2)]
    assert summary(told, same) == "What raises the 6 h risk most: heart rate of the newest reading (96/min)."


@pytest.mark.parametrize("reasons", [None, []])
def test_a_prediction_without_reasons_says_nothing(reasons: list[dict[str, object]] | None) -> None:
    told = reasons_in_words(reasons, same, "en")

    assert (told, summary(told, same)) == ([], None)


@given(st.floats(LEAST_CONTRIBUTION, 8), st.floats(LEAST_CONTRIBUTION, 8))
def test_a_greater_contribution_never_has_a_weaker_word(one: float, other: float) -> None:
    words = ["weighs a little", "weighs clearly", "weighs heavily"]

    assert words.index(strength(min(one, other))) <= words.index(strength(max(one, other)))


def test_every_reason_of_a_refusal_has_words() -> None:
    assert set(REFUSAL_NAMES) == set(Reason)


def test_a_reason_of_a_later_version_has_plain_words() -> None:
    assert refusal_name("SOMETHING_NEW") == UNUSABLE


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("systolic > 250 mmHg, diastolic 81 mmHg", "SYS > 250 mmHg, DIA 81 mmHg"),
        ("309.8/159.8 mmHg", "309,8/159,8 mmHg"),
        ("systolic 212 or 120 (unit in doubt)", "SYS 212 OU 120 (?)"),
    ],
)
def test_what_a_device_says_is_told_word_by_word(stored: str, shown: str) -> None:
    french = {"systolic": "SYS", "diastolic": "DIA", "or": "OU", "(unit in doubt)": "(?)"}

    assert attention_in_words(stored, french.__getitem__, "fr") == shown
