from __future__ import annotations

import json

import pytest

from fhir.parse.message import parse_message
from fhir.readings import IntakeRules, Reading
from fhir.write.device import Shown, observation_id
from producer.forms import FORMS, PLAIN, USUAL_FORMS

EFFECTIVE_US = 1_740_787_215_000_000  # 2025-03-01T00:00:15Z
SHOWN = Shown("sim1-00007", EFFECTIVE_US, 60, 142, 88, 71)
WITHOUT_RATE = ("no_heart_rate", "extras")
SPELLINGS = range(20)  # at least as many variants as any form has spellings


def readings_of(form: str, variant: int, shown: Shown = SHOWN) -> list[Reading]:
    """Return what the intake reads in all messages of a reading; it refuses and ignores nothing."""
    found = []
    for part in FORMS[form](shown, variant):
        parsed = parse_message(part.payload, EFFECTIVE_US, IntakeRules())
        assert (parsed.rejects, parsed.ignored) == ([], 0)
        found += parsed.readings
    return found


@pytest.mark.parametrize("variant", SPELLINGS)
@pytest.mark.parametrize("form", FORMS)
def test_the_intake_reads_the_same_patient_instant_and_pressures_in_every_form(form: str, variant: int) -> None:
    pressures, *rest = readings_of(form, variant)
    assert (pressures.patient_id, pressures.effective_us) == (SHOWN.patient_id, EFFECTIVE_US)
    assert (pressures.systolic, pressures.diastolic) == (SHOWN.systolic, SHOWN.diastolic)
    assert pressures.observation_id == observation_id(SHOWN.patient_id, EFFECTIVE_US)
    rates = {reading.heart_rate for reading in (pressures, *rest)}
    assert SHOWN.heart_rate in rates or form in WITHOUT_RATE
    assert {reading.effective_us for reading in rest} <= {EFFECTIVE_US}


@pytest.mark.parametrize("variant", SPELLINGS)
def test_an_instant_with_a_fraction_of_a_second_is_spelt_exactly(variant: int) -> None:
    shown = SHOWN._replace(effective_us=EFFECTIVE_US - 123_456)
    assert [reading.effective_us for reading in readings_of("times", variant, shown)] == [shown.effective_us]


@pytest.mark.parametrize("pressures", [(50, 20), (300, 120), (117, 53), (220, 200)])
def test_kilopascals_come_back_as_the_same_millimetres(pressures: tuple[int, int]) -> None:
    shown = SHOWN._replace(systolic=pressures[0], diastolic=pressures[1])
    for variant in SPELLINGS:
        [reading] = readings_of("units", variant, shown)
        assert (reading.systolic, reading.diastolic) == pressures


def test_a_form_with_spellings_uses_all_of_them() -> None:
    flags = {
        flag for form in FORMS for variant in SPELLINGS for part in readings_of(form, variant) for flag in part.flags
    }
    assert {"unit_converted", "period_end_used", "subject_bare_id", "status_preliminary", "status_unknown"} <= flags
    codes = {
        json.loads(FORMS["old_codes"](SHOWN, variant)[0].payload)["code"]["coding"][0]["code"] for variant in SPELLINGS
    }
    assert codes == {"55284-4", "35094-2", "55417-0", "150020", "75367002"}


def test_the_heart_rate_comes_in_three_ways_or_not_at_all() -> None:
    assert len(FORMS[PLAIN](SHOWN, 0)) == 1
    assert [part.has_own_heart_rate for part in FORMS["separate_heart_rate"](SHOWN, 0)] == [False, True]
    assert [part.has_own_heart_rate for part in FORMS["bundle"](SHOWN, 0)] == [True]
    [alone] = readings_of("no_heart_rate", 0)
    assert alone.heart_rate is None


def test_the_usual_mix_leaves_most_readings_in_the_plain_form() -> None:
    assert set(USUAL_FORMS) <= set(FORMS)
    assert sum(USUAL_FORMS.values()) < 0.25
