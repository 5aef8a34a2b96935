from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from fhir.measures import HEART_RATE
from fhir.parse.message import parse_message
from fhir.readings import IntakeRules
from fhir.write.device import Shown, alone, encode_observation, observation_id, panel

EFFECTIVE_US = 1_740_787_215_000_000  # 2025-03-01T00:00:15Z


def encode(**changes: Any) -> bytes:
    reading = {"systolic": 142, "diastolic": 88, "heart_rate": 71, "utc_offset_minutes": 60}
    return encode_observation("sim1-00007", EFFECTIVE_US, **{**reading, **changes})


def test_the_intake_reads_back_what_was_written_without_a_flag() -> None:
    parsed = parse_message(encode(), EFFECTIVE_US, IntakeRules())
    assert parsed.rejects == []
    [reading] = parsed.readings
    assert (reading.systolic, reading.diastolic, reading.heart_rate) == (142, 88, 71)
    assert (reading.patient_id, reading.effective_us, reading.utc_offset_minutes) == ("sim1-00007", EFFECTIVE_US, 60)
    assert reading.observation_id == observation_id("sim1-00007", EFFECTIVE_US)
    assert reading.flags == ()


@pytest.mark.parametrize("heart_rate", [71, None])
def test_the_fast_encoder_writes_what_the_builder_gives(heart_rate: int | None) -> None:
    shown = Shown("sim1-00007", EFFECTIVE_US, 60, 142, 88, heart_rate or 0)
    assert json.loads(encode(heart_rate=heart_rate)) == panel(shown, heart_rate=heart_rate is not None)


def test_a_measure_of_its_own_has_its_own_id_code_and_unit() -> None:
    rate = alone(Shown("sim1-00007", EFFECTIVE_US, 60, 142, 88, 71), HEART_RATE)
    assert rate["id"] != observation_id("sim1-00007", EFFECTIVE_US)
    assert rate["code"]["coding"] == [{"system": "http://loinc.org", "code": "8867-4", "display": "Heart rate"}]
    assert rate["valueQuantity"]["value"] == 71
    assert rate["valueQuantity"]["code"] == "/min"


def test_it_is_a_blood_pressure_panel_of_the_vital_signs_category() -> None:
    observation = json.loads(encode())
    assert observation["resourceType"] == "Observation"
    assert observation["status"] == "final"
    assert observation["category"][0]["coding"][0]["code"] == "vital-signs"
    assert observation["code"]["coding"][0] == {
        "system": "http://loinc.org",
        "code": "85354-9",
        "display": "Blood pressure panel with all children optional",
    }
    assert observation["subject"] == {"reference": "Patient/sim1-00007"}


def test_components_carry_loinc_codes_and_ucum_units() -> None:
    components = json.loads(encode())["component"]
    seen = [
        (
            part["code"]["coding"][0]["code"],
            part["valueQuantity"]["value"],
            part["valueQuantity"]["system"],
            part["valueQuantity"]["code"],
        )
        for part in components
    ]
    ucum = "http://unitsofmeasure.org"
    assert seen == [("8480-6", 142, ucum, "mm[Hg]"), ("8462-4", 88, ucum, "mm[Hg]"), ("8867-4", 71, ucum, "/min")]


def test_an_absent_heart_rate_leaves_its_component_out() -> None:
    assert len(json.loads(encode(heart_rate=None))["component"]) == 2


@pytest.mark.parametrize(
    ("offset", "text"),
    [(0, "2025-03-01T00:00:15+00:00"), (-300, "2025-02-28T19:00:15-05:00"), (330, "2025-03-01T05:30:15+05:30")],
)
def test_the_time_is_local_with_its_offset_and_names_the_same_instant(offset: int, text: str) -> None:
    written = json.loads(encode(utc_offset_minutes=offset))["effectiveDateTime"]
    assert written == text
    assert datetime.fromisoformat(written).timestamp() * 1_000_000 == EFFECTIVE_US


def test_the_id_is_the_same_for_the_same_reading_and_differs_otherwise() -> None:
    ids = {observation_id(patient, us) for patient in ("a", "b") for us in (1, 2)}
    assert len(ids) == 4
    assert json.loads(encode())["id"] == json.loads(encode(systolic=150))["id"]
