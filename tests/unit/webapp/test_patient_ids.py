"""Every id of a patient has exactly one address."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.routing import Map, ValidationError

from webapp.patient_ids import PatientId, spell

converter = PatientId(Map())


@given(st.text(min_size=1, max_size=200).filter(lambda text: text.isprintable()))
def test_an_id_comes_back_from_its_address(patient_id: str) -> None:
    spelled = spell(patient_id)

    assert re.fullmatch(converter.regex, spelled)
    assert converter.to_python(spelled) == patient_id


@pytest.mark.parametrize("patient_id", ["P-0412", "a.b_c-1", "x" * 64])
def test_a_plain_id_is_spelled_as_it_is(patient_id: str) -> None:
    assert spell(patient_id) == patient_id


@pytest.mark.parametrize("patient_id", ["..", ".", "x" * 65, "a/b", "système|7"])
def test_other_ids_are_coded(patient_id: str) -> None:
    assert spell(patient_id).startswith("~")


@pytest.mark.parametrize("address", ["~UC0wNDEy", "~!!", "~/w", "~_w", "..", "~" + "A" * 4000])
def test_a_second_spelling_or_nonsense_is_no_address(address: str) -> None:
    with pytest.raises(ValidationError):
        converter.to_python(address)
