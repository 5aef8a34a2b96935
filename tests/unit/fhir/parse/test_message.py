"""One message in, everything it says out."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import Any

import pytest

from fhir.parse.message import parse_message
from fhir.readings import IntakeRules, Parsed, Reading, Retraction
from fhir.reasons import Reason
from tests.support.factories import (
    UCUM,
    code,
    component,
    heart_rate_observation,
    observation,
    payload,
    pressure,
    quantity,
)
from tests.unit.fhir.parse.reading_tables import microseconds

RECORD_TIME_US = microseconds("2026-03-02T00:00:00Z")
ABSENT = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}


def parse(resource: Any) -> Parsed:
    return parse_message(payload(resource), RECORD_TIME_US, IntakeRules())


def reason(resource: Any) -> Reason | None:
    rejects = parse(resource).rejects
    return rejects[0].reason if rejects else None


def test_a_reading_carries_all_that_the_observation_says() -> None:
    assert parse(observation(heart_rate=71)) == Parsed(
        readings=[
            Reading(
                patient_id="p-1",
                effective_us=microseconds("2026-03-01T07:15:00Z"),
                utc_offset_minutes=60,
                systolic=128.0,
                diastolic=82.0,
                heart_rate=71.0,
                status="final",
                observation_id="bp-1",
                version_id="1",
                device_id="cuff-7",
                flags=(),
                entry=0,
                version=2,
            )
        ]
    )


def test_of_several_faults_the_first_in_precedence_is_reported() -> None:
    """Start with everything wrong, mend one thing after the other: the reasons come in the order of the table."""
    bad: dict[str, Any] = observation(status=None, subject=None, component=None)
    bad["valueSampledData"] = {}
    bad["effectiveInstant"] = "2026-03-01T07:15:00Z"
    absent = {"code": code("8462-4"), "dataAbsentReason": {}}
    no_unit = {"value": 400, "system": UCUM}
    mendings: list[tuple[Reason, dict[str, Any]]] = [
        (Reason.STATUS_MISSING, {"status": "final"}),
        (Reason.NOT_A_SINGLE_READING, {"valueSampledData": None}),
        (Reason.SUBJECT_MISSING, {"subject": {"reference": "Patient/p-1"}}),
        (Reason.TIME_AMBIGUOUS, {"effectiveInstant": None, "effectiveDateTime": "2001-01-01T00:00:00Z"}),
        (Reason.TIME_TOO_OLD, {"effectiveDateTime": "2026-03-01T07:15:00Z"}),
        (Reason.SYSTOLIC_MISSING, {"component": [pressure("8480-6", 1), component("8480-6", quantity(2, "/min"))]}),
        (Reason.COMPONENT_DUPLICATED, {"component": [component("8480-6", quantity("1", "/min"))]}),
        (Reason.UNIT_MISMATCH, {"component": [{"code": code("8480-6"), "valueString": "128"}]}),
        (Reason.DIASTOLIC_MISSING, {"component": [{"code": code("8480-6"), "valueString": "128"}, absent]}),
        (Reason.COMPONENT_ABSENT, {"component": [{"code": code("8480-6")}, pressure("8462-4", 82)]}),
        (Reason.VALUE_NOT_A_QUANTITY, {"component": [component("8480-6", {"value": "9", "comparator": "<"})] * 2}),
        (Reason.DIASTOLIC_MISSING, {"component": with_systolic({"value": "9", "comparator": "<"})}),
        (Reason.VALUE_HAS_COMPARATOR, {"component": with_systolic({"value": "9"})}),
        (Reason.VALUE_NOT_NUMERIC, {"component": with_systolic(no_unit)}),
        (Reason.UNIT_MISSING, {"component": with_systolic({**no_unit, "code": "Pa"})}),
        (Reason.UNIT_UNSUPPORTED, {"component": with_systolic({**no_unit, "code": "mm[Hg]"})}),
        (Reason.SYSTOLIC_OUT_OF_RANGE, {"component": with_systolic(quantity(128))}),
    ]
    for expected, mending in mendings:
        assert reason(bad) is expected
        bad |= mending
    assert reason(bad) is None


def with_systolic(value_quantity: dict[str, Any]) -> list[dict[str, Any]]:
    return [component("8480-6", value_quantity), pressure("8462-4", 82)]


def test_another_observation_is_ignored_before_anything_of_it_is_judged() -> None:
    assert parse(observation(code=code("9279-1"), component=None, status=None, subject=5)) == Parsed(ignored=1)


@pytest.mark.parametrize("shape", [None, [], {}, "x", 5, [None], [[]], ["x"], [{"code": 5}], [{"code": {"coding": 5}}]])
def test_a_component_of_any_other_shape_is_a_missing_one(shape: Any) -> None:
    assert reason(observation(component=shape)) is Reason.SYSTOLIC_MISSING


def test_a_retraction_names_what_it_takes_back() -> None:
    parsed = parse(observation(status="entered-in-error"))

    assert parsed.retractions == [Retraction("p-1", "bp-1", microseconds("2026-03-01T07:15:00Z"), 0, version=2)]
    assert [reject.reason for reject in parsed.rejects] == [Reason.STATUS_ENTERED_IN_ERROR]


def test_a_retraction_needs_neither_content_nor_a_recent_time() -> None:
    parsed = parse(observation(status="entered-in-error", component=None, effectiveDateTime="2001-01-01T00:00:00Z"))

    assert parsed.retractions[0].effective_us == microseconds("2001-01-01T00:00:00Z")


def test_a_retraction_names_the_time_of_a_reading_from_a_clock_that_runs_ahead() -> None:
    ahead = "2026-03-02T23:00:00Z"
    reading, retraction = (
        parse(observation(effectiveDateTime=ahead)).readings[0],
        parse(observation(status="entered-in-error", effectiveDateTime=ahead)),
    )

    assert reading.flags == ("clock_ahead",)
    assert retraction.retractions[0].effective_us == reading.effective_us == microseconds(ahead)


@pytest.mark.parametrize(
    "effective",
    [
        "9999-12-31T23:59:59-05:00",
        "9999-12-31T23:59:59Z",
        "2106-02-07T06:28:15Z",
        "2026-03-03T00:00:01Z",
        "1970-01-01T00:00:00Z",
        "1900-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
    ],
)
def test_a_retraction_at_a_time_that_no_stored_reading_can_have_keeps_only_its_names(effective: str) -> None:
    parsed = parse(observation(status="entered-in-error", effectiveDateTime=effective))

    assert parsed.retractions == [Retraction("p-1", "bp-1", None, 0, version=2)]
    assert [reject.reason for reject in parsed.rejects] == [Reason.STATUS_ENTERED_IN_ERROR]


def test_a_retraction_whose_record_time_is_out_of_range_keeps_only_its_names() -> None:
    resource = observation(status="entered-in-error")

    parsed = parse_message(payload(resource), record_time_us=-1000, rules=IntakeRules())

    assert parsed.retractions == [Retraction("p-1", "bp-1", None, 0, version=2)]


def test_the_detail_of_a_record_time_out_of_range_tells_what_it_was() -> None:
    (reject,) = parse_message(payload(observation()), 1_795_946_400_000_000_000, IntakeRules()).rejects

    assert reject.reason is Reason.RECORD_TIME_OUT_OF_RANGE
    assert "1795946400000000 ms" in reject.detail


def test_the_detail_of_an_absent_component_is_its_code() -> None:
    absent = {"code": code("8462-4"), "dataAbsentReason": code("not-performed", system="http://example.org")}

    assert parse(observation(component=[pressure("8480-6", 128), absent])).rejects[0].detail == "not-performed"


def test_the_detail_of_a_comparator_tells_the_value_for_an_alert() -> None:
    beyond = component("8480-6", {**quantity(250), "comparator": ">="})

    detail = parse(observation(component=[beyond, pressure("8462-4", 82)])).rejects[0].detail

    assert detail == ">= 250 mm[Hg]"


@pytest.mark.parametrize(
    "extended",
    [
        {"extension": [{"url": "https://example.org/precision"}, ABSENT]},
        {"_value": {"extension": [ABSENT]}},
        {"value": 128, "extension": [ABSENT]},
    ],
)
def test_a_data_absent_reason_inside_the_quantity_is_the_reason(extended: dict[str, Any]) -> None:
    written = {name: value for name, value in quantity(0).items() if name != "value"} | extended
    pressures = [component("8480-6", written), pressure("8462-4", 82)]
    with_rate = [*observation()["component"], component("8867-4", {**written, "code": "/min"})]

    (reject,) = parse(observation(component=pressures)).rejects
    (reading,) = parse(observation(component=with_rate)).readings

    assert (reject.reason, reject.detail) == (Reason.COMPONENT_ABSENT, "masked")
    assert (reading.heart_rate, reading.flags) == (None, ())


def test_a_panel_also_coded_as_average_is_not_a_single_reading() -> None:
    assert reason(observation(code=code("85354-9", "96607-7"))) is Reason.NOT_A_SINGLE_READING


@pytest.mark.parametrize("status", ["final", "unknown"])
def test_a_component_with_codes_of_two_meanings_counts_once_as_the_first(status: str) -> None:
    components = [component("8480-6", quantity(128)), {**pressure("8462-4", 82), "code": code("8462-4", "8480-6")}]

    (reading,) = parse(observation(component=components, status=status)).readings

    assert (reading.systolic, reading.diastolic) == (128, 82)


def test_components_come_before_the_value_of_an_observation_coded_systolic_itself() -> None:
    (reading,) = parse(observation(code=code("8480-6"), valueQuantity=quantity(1))).readings

    assert (reading.systolic, reading.diastolic) == (128, 82)


def test_the_uri_of_a_code_system_may_end_in_a_slash() -> None:
    slashed = code("85354-9", system="http://loinc.org/")

    assert reason(observation(code=slashed, component=None)) is Reason.SYSTOLIC_MISSING


def test_a_contained_device_has_no_id() -> None:
    (reading,) = parse(observation(device={"reference": "#cuff"})).readings

    assert reading.device_id is None


def test_a_component_is_never_read_by_its_position() -> None:
    (reading,) = parse(observation(component=observation()["component"][::-1])).readings

    assert (reading.systolic, reading.diastolic) == (128, 82)


def test_a_code_without_its_system_means_nothing() -> None:
    nameless = {"coding": [{"code": "85354-9"}]}

    assert parse(observation(code=nameless, component=None)) == Parsed(ignored=1)


def test_two_different_heart_rates_beside_a_pressure_are_dropped() -> None:
    twice = [*observation(heart_rate=64)["component"], component("8867-4", quantity(71, "/min"))]

    (reading,) = parse(observation(component=twice)).readings

    assert (reading.heart_rate, reading.flags) == (None, ("heart_rate_unusable",))


def test_a_heart_rate_in_a_known_pressure_unit_condemns_the_whole_record() -> None:
    assert reason(observation(component=[*observation()["component"], pressure("8867-4", 82)])) is Reason.UNIT_MISMATCH
    assert reason(heart_rate_observation(unit="mmHg")) is Reason.UNIT_MISMATCH


def test_a_pulse_in_a_note_is_never_read() -> None:
    (reading,) = parse(observation(note=[{"text": 'Metadata: {"pulse": 65}'}])).readings

    assert reading.heart_rate is None


@pytest.mark.parametrize("odd", ["x" * 300, "", 5, None, ["a"], {"a": 1}])
def test_an_odd_id_or_version_or_device_costs_nothing(odd: Any) -> None:
    (reading,) = parse(observation(id=odd, meta={"versionId": odd}, device={"reference": odd})).readings

    assert (reading.observation_id, reading.version_id, reading.device_id) == (None, None, None)


def test_rules_and_results_can_be_sent_to_other_processes() -> None:
    rules, parsed = IntakeRules(patient_key="source"), parse(observation())

    assert pickle.loads(pickle.dumps(rules)) == rules  # noqa: S301 - our own bytes
    assert pickle.loads(pickle.dumps(parsed)) == parsed  # noqa: S301


def test_the_parser_needs_nothing_but_msgspec() -> None:
    heavy = "pyspark pyarrow pandas numpy pydantic"
    script = f"import sys, fhir.parse.message; sys.exit(any(name in sys.modules for name in {heavy.split()}))"

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
