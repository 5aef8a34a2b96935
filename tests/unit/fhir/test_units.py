"""Units: the code first, then the text."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir.parse.values import is_number
from fhir.units import KILOPASCAL, MMHG, PER_MINUTE, UCUM, Unit, find_unit, in_base_unit


@pytest.mark.parametrize(
    ("spelling", "unit"),
    [(text, MMHG) for text in ("mm[Hg]", "mm[hg]", "mm[HG]", "mmHg", "mmhg", "mm Hg", "mm[Hg]{cuff}")]
    + [("kPa", KILOPASCAL)]
    + [
        (text, PER_MINUTE)
        for text in (
            *("/min", "{beats}/min", "beats/min", "beats/minute", "count/min", "bpm", "1/min", "min-1", "1.min-1"),
            *("{Beats}/min", "{heart beats}/min", "{}/min", "/min{beats}", "{x}/min{y}", "{beats}.min-1", "/min{H.B.}"),
            *("BPM", "Beats/min", "Beats/Minute", "beats per minute"),
        )
    ],
)
def test_every_spelling_is_known_as_code_and_as_text(spelling: str, unit: Unit) -> None:
    assert find_unit({"code": spelling}) is unit
    assert find_unit({"unit": spelling}) is unit


@pytest.mark.parametrize(
    ("quantity", "unit"),
    [
        ({"code": "kPa", "unit": "mmHg"}, KILOPASCAL),
        ({"code": "Pa", "unit": "mmHg"}, None),
        ({"code": "Pa", "unit": "mmHg", "system": UCUM}, None),
        ({"code": "Pa", "unit": "mmHg", "system": f"{UCUM}/"}, None),
        ({"code": "266016", "unit": "mmHg", "system": "urn:iso:std:iso:11073:10101"}, MMHG),
        ({"code": "", "unit": "mmHg"}, MMHG),
        ({"code": None, "unit": "mmHg"}, MMHG),
        ({"code": ["kPa"], "unit": ["mmHg"]}, None),
        ({"unit": "MMHG"}, None),
        ({"code": "{beats}", "unit": "bpm", "system": UCUM}, PER_MINUTE),
        ({"code": "{beats}", "unit": "beats", "system": UCUM}, None),
        ({"code": "{Beats}/min", "unit": "anything", "system": UCUM}, PER_MINUTE),
        ({"code": "/s", "unit": "bpm", "system": UCUM}, None),
        ({"code": "{beats/min", "system": UCUM}, None),
        ({"code": "/h{beats}", "unit": "/min", "system": UCUM}, None),
        ({"code": "min", "system": UCUM}, None),
        ({"code": "264864", "unit": "{Beats}/min", "system": "urn:iso:std:iso:11073:10101"}, PER_MINUTE),
        ({"code": "mm[Hg]", "unit": "kPa", "system": UCUM}, MMHG),
        ({}, None),
    ],
)
def test_the_code_decides_and_the_text_only_helps_where_there_is_no_ucum_code(
    quantity: dict[str, Any], unit: Unit | None
) -> None:
    assert find_unit(quantity) is unit


@given(st.floats(5, 40))
def test_kilopascals_become_mmhg_with_one_decimal(kilopascals: float) -> None:
    mmhg = in_base_unit({"value": kilopascals}, KILOPASCAL)

    assert mmhg == pytest.approx(kilopascals * 7.50062, abs=0.05 + 1e-9)
    assert round(mmhg, 1) == mmhg


@pytest.mark.parametrize("value", [True, "128", None, float("nan"), float("inf"), [128]])
def test_what_is_not_a_finite_number_is_no_number(value: object) -> None:
    assert not is_number(value)


@pytest.mark.parametrize("value", [10**400, -(10**400)])
def test_an_integer_of_any_size_stays_finite(value: int) -> None:
    assert is_number(value)
    assert abs(in_base_unit({"value": value}, MMHG)) == 1e300
