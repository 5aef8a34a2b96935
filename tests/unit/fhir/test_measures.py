"""One row for each measure: what is written is what is read, and nothing plausible is impossible."""

from __future__ import annotations

import pytest

from fhir.codes import CONCEPTS, LOINC, MDC, SNOMED, meanings
from fhir.measures import MEASURES, Measure
from fhir.readings import Reading
from fhir.units import find_unit


@pytest.mark.parametrize("measure", MEASURES.values(), ids=lambda measure: measure.field)
def test_every_code_of_a_measure_means_it_and_so_does_the_one_we_write(measure: Measure) -> None:
    concept = CONCEPTS[measure.meaning]
    for system, codes in ((LOINC, concept.loinc), (MDC, concept.mdc), (SNOMED, concept.snomed)):
        for code in codes:
            assert meanings({"coding": [{"system": system, "code": code}]}) == [measure.meaning]
    assert measure.code in concept.loinc


@pytest.mark.parametrize("measure", MEASURES.values(), ids=lambda measure: measure.field)
def test_a_measure_is_a_field_of_a_reading_in_a_unit_that_is_known(measure: Measure) -> None:
    assert measure.field in Reading.__struct_fields__
    assert find_unit({"code": measure.unit.code}) is find_unit({"unit": measure.unit.text}) is measure.unit
    assert measure.unit.factor == 1.0


@pytest.mark.parametrize("measure", MEASURES.values(), ids=lambda measure: measure.field)
def test_what_is_plausible_is_possible(measure: Measure) -> None:
    assert measure.possible.holds(measure.plausible.lowest)
    assert measure.possible.holds(measure.plausible.highest)
    assert measure.possible != measure.plausible
