"""What an Observation is by its codes: half, average, another vessel, or coded in a way that FHIR does not have."""

from __future__ import annotations

from typing import Any

import pytest

from fhir.codes import CONCEPTS, LOINC, MDC, SNOMED, Meaning
from fhir.parse.message import parse_message
from fhir.readings import IntakeRules, Parsed
from fhir.reasons import Reason
from tests.support.factories import (
    Json,
    bundle,
    code,
    coding,
    half_observation,
    heart_rate_observation,
    observation,
    payload,
    pressure,
    quantity,
)
from tests.unit.fhir.parse.reading_tables import microseconds

RECORD_TIME_US = microseconds("2026-03-02T00:00:00Z")


def codes_of(meaning: Meaning) -> list[Json]:
    """Return a coding of each code of a meaning."""
    concept = CONCEPTS[meaning]
    by_system = ((LOINC, concept.loinc), (MDC, concept.mdc), (SNOMED, concept.snomed))
    return [coding(item, system) for system, codes in by_system for item in codes]


def name(item: Json) -> str:
    return f"{item['system'].rpartition('/')[2]} {item['code']}"


def parse(resource: Any) -> Parsed:
    """Return what comes of a message, which is the same by the short way and, in a Bundle, by the full rules."""
    alone = parse_message(payload(resource), RECORD_TIME_US, IntakeRules())
    bundled = parse_message(payload(bundle(resource)), RECORD_TIME_US, IntakeRules())
    assert alone.readings == bundled.readings
    assert [reject.reason for reject in alone.rejects] == [reject.reason for reject in bundled.rejects]
    assert alone.ignored == bundled.ignored
    return alone


def reason(resource: Any) -> Reason | None:
    parsed = parse(resource)
    assert bool(parsed.readings) != bool(parsed.rejects)
    return parsed.rejects[0].reason if parsed.rejects else None


def values(parsed: Parsed) -> list[tuple[float | None, float | None]]:
    assert parsed.rejects == []
    return [(reading.systolic, reading.diastolic) for reading in parsed.readings]


def panel(systolic: list[Json], diastolic: list[Json], *extra: Json, **overrides: Any) -> Json:
    """Return a panel whose pressures, 128/82, have these codings."""
    components = [
        {"code": {"coding": systolic}, "valueQuantity": quantity(128)},
        {"code": {"coding": diastolic}, "valueQuantity": quantity(82)},
    ]
    return observation(component=[*components, *extra], **overrides)


# A pressure that is an Observation of its own is a half, whatever else it is coded as.


@pytest.mark.parametrize("panel_code", codes_of(Meaning.PANEL), ids=name)
@pytest.mark.parametrize("panel_first", [True, False])
def test_what_has_a_value_and_no_component_is_a_half_though_coded_as_a_panel(
    panel_code: Json, panel_first: bool
) -> None:
    def coded(loinc: str) -> Json:
        codings = [panel_code, coding(loinc)]
        return {"coding": codings if panel_first else codings[::-1]}

    halves = bundle(
        half_observation("8480-6", 128, code=coded("8480-6")), half_observation("8462-4", 82, code=coded("8462-4"))
    )

    assert values(parse_message(payload(halves), RECORD_TIME_US, IntakeRules())) == [(128, 82)]


@pytest.mark.parametrize("components", [None, [], [{"code": code("8478-0"), "valueQuantity": quantity(97)}]])
def test_a_half_coded_as_a_panel_may_have_other_components(components: Any) -> None:
    half = half_observation("8480-6", 128, code=code("85354-9", "8480-6"), component=components)

    assert reason(half) is Reason.DIASTOLIC_MISSING


def test_a_half_coded_as_a_panel_may_be_absent() -> None:
    absent = half_observation("8462-4", 0, code=code("85354-9", "8462-4"), valueQuantity=None)
    absent["dataAbsentReason"] = {"coding": [{"code": "error"}]}
    parsed = parse_message(payload(bundle(half_observation("8480-6", 128), absent)), RECORD_TIME_US, IntakeRules())

    assert [reject.reason for reject in parsed.rejects] == [Reason.COMPONENT_ABSENT] * 2  # both halves of the pair


def test_a_panel_without_value_and_components_is_no_half() -> None:
    assert reason(observation(code=code("8480-6", "85354-9"), component=None)) is Reason.SYSTOLIC_MISSING


def test_a_half_also_coded_as_heart_rate_is_no_heart_rate() -> None:
    half = half_observation("8480-6", 128, code=code("8867-4", "8480-6"))

    assert reason(half) is Reason.DIASTOLIC_MISSING


# Every code of the table is read as what it stands under.


@pytest.mark.parametrize("systolic", codes_of(Meaning.SYSTOLIC), ids=name)
def test_every_systolic_code_is_read(systolic: Json) -> None:
    assert values(parse(panel([systolic], [coding("8462-4")]))) == [(128, 82)]


@pytest.mark.parametrize("diastolic", codes_of(Meaning.DIASTOLIC), ids=name)
def test_every_diastolic_code_is_read(diastolic: Json) -> None:
    assert values(parse(panel([coding("8480-6")], [diastolic]))) == [(128, 82)]


@pytest.mark.parametrize("rate", codes_of(Meaning.HEART_RATE), ids=name)
def test_every_heart_rate_code_is_read_alone_and_in_a_panel(rate: Json) -> None:
    extra = {"code": {"coding": [rate]}, "valueQuantity": quantity(71, "/min")}

    assert parse(heart_rate_observation(71, code={"coding": [rate]})).readings[0].heart_rate == 71
    assert parse(panel([coding("8480-6")], [coding("8462-4")], extra)).readings[0].heart_rate == 71


@pytest.mark.parametrize("item", codes_of(Meaning.PANEL), ids=name)
def test_every_panel_code_makes_a_missing_component_visible(item: Json) -> None:
    assert reason(observation(code={"coding": [item]}, component=[])) is Reason.SYSTOLIC_MISSING


def test_the_heart_rate_of_a_fetus_is_none_of_our_business() -> None:
    assert parse(heart_rate_observation(140, code=code("249043002", system=SNOMED))).ignored == 1


# Codings have no order: one that says average or extreme rules a single reading out from any place.


@pytest.mark.parametrize("average", codes_of(Meaning.AVERAGE), ids=name)
@pytest.mark.parametrize("average_first", [True, False])
def test_an_average_is_no_single_reading_wherever_it_is_coded(average: Json, average_first: bool) -> None:
    def beside(loinc: str) -> list[Json]:
        return [average, coding(loinc)] if average_first else [coding(loinc), average]

    of_component = panel(beside("8480-6"), beside("8462-4"))
    of_panel = observation(code={"coding": beside("85354-9")})
    of_half = half_observation("8480-6", 128, code={"coding": beside("8480-6")})

    assert {reason(item) for item in (of_component, of_panel, of_half)} == {Reason.NOT_A_SINGLE_READING}


@pytest.mark.parametrize("average", codes_of(Meaning.AVERAGE), ids=name)
def test_an_average_beside_a_complete_reading_is_left_out(average: Json) -> None:
    extra = {"code": {"coding": [average]}, "valueQuantity": quantity(141)}

    assert values(parse(panel([coding("8480-6")], [coding("8462-4")], extra))) == [(128, 82)]


def test_an_average_systolic_beside_the_single_one_is_no_second_systolic() -> None:
    extra = {"code": code("8480-6", "96608-5"), "valueQuantity": quantity(141)}

    assert values(parse(panel([coding("8480-6")], [coding("8462-4")], extra))) == [(128, 82)]


def test_an_average_beside_half_a_reading_leaves_none() -> None:
    components = [pressure("8480-6", 128), pressure("96609-3", 82)]

    assert reason(observation(component=components)) is Reason.NOT_A_SINGLE_READING


def test_an_average_beside_a_lone_half_leaves_the_half() -> None:
    halves = bundle(
        half_observation("8480-6", 128, component=[pressure("96608-5", 141)]), half_observation("8462-4", 82)
    )

    assert values(parse_message(payload(halves), RECORD_TIME_US, IntakeRules())) == [(128, 82)]


# A pressure from elsewhere than the systemic arteries never passes for a blood pressure.


@pytest.mark.parametrize("vessel", codes_of(Meaning.OTHER_VESSEL) + codes_of(Meaning.OTHER_PRESSURE), ids=name)
def test_the_code_of_the_panel_or_a_half_tells_another_vessel(vessel: Json) -> None:
    of_panel = observation(code={"coding": [coding("85354-9"), vessel]})
    of_half = half_observation("8480-6", 92, code={"coding": [coding("8480-6"), vessel]})

    assert {reason(of_panel), reason(of_half)} == {Reason.NOT_SYSTEMIC_PRESSURE}


@pytest.mark.parametrize("vessel", codes_of(Meaning.OTHER_VESSEL), ids=name)
@pytest.mark.parametrize("generic_first", [True, False])
def test_the_detail_of_one_component_tells_another_vessel(vessel: Json, generic_first: bool) -> None:
    codings = [coding("8480-6"), vessel]

    told = panel(codings if generic_first else codings[::-1], [coding("8462-4")])

    assert reason(told) is Reason.NOT_SYSTEMIC_PRESSURE


def test_the_mean_alone_tells_another_vessel() -> None:
    mean = {"code": code("8478-0", "8414-5"), "valueQuantity": quantity(58)}

    assert reason(panel([coding("8480-6")], [coding("8462-4")], mean)) is Reason.NOT_SYSTEMIC_PRESSURE


@pytest.mark.parametrize("site", codes_of(Meaning.OTHER_SITE), ids=name)
def test_the_body_site_tells_another_vessel(site: Json) -> None:
    assert reason(observation(bodySite={"coding": [site]})) is Reason.NOT_SYSTEMIC_PRESSURE


@pytest.mark.parametrize("site", ["368209003", "723961002", "11527006", "7569003"])
def test_an_arm_or_an_artery_of_it_as_body_site_is_read(site: str) -> None:
    assert values(parse(observation(bodySite=code(site, system=SNOMED)))) == [(128, 82)]


@pytest.mark.parametrize("other", codes_of(Meaning.OTHER_PRESSURE), ids=name)
def test_a_venous_or_intracranial_pressure_beside_a_complete_reading_is_left_out(other: Json) -> None:
    extra = {"code": {"coding": [other]}, "valueQuantity": quantity(8)}

    assert values(parse(panel([coding("8480-6")], [coding("8462-4")], extra))) == [(128, 82)]


@pytest.mark.parametrize("other", codes_of(Meaning.OTHER_PRESSURE) + codes_of(Meaning.OTHER_VESSEL), ids=name)
def test_a_single_value_of_another_site_is_none_of_our_business(other: Json) -> None:
    assert parse(half_observation("", 8, code={"coding": [other]})).ignored == 1


def test_a_panel_of_details_alone_is_refused() -> None:
    assert reason(panel([coding("8440-0")], [coding("8385-7")])) is Reason.NOT_SYSTEMIC_PRESSURE


def test_an_arterial_pressure_of_intensive_care_is_read() -> None:
    told = panel(
        [coding("8480-6"), coding("150037", MDC)],
        [coding("8462-4"), coding("150038", MDC)],
        code={"coding": [coding("364090009", SNOMED), coding("75367002", SNOMED)]},
    )

    assert values(parse(told)) == [(128, 82)]


def test_a_heart_rate_may_be_counted_at_any_site() -> None:
    assert parse(heart_rate_observation(71, bodySite=code("53085002", system=SNOMED))).readings[0].heart_rate == 71


# What is ours but not written as FHIR has it is refused, so that somebody sees it; the rest is only counted.


@pytest.mark.parametrize(
    "resource",
    [
        observation(code={"coding": coding("85354-9")}),
        observation(code={"coding": [{"system": SNOMED, "code": 75367002}]}),
        observation(component=[{**pressure("8480-6", 128), "code": {"coding": coding("8480-6")}}]),
        half_observation("", 128, code={"coding": [{"system": MDC, "code": 150021}]}),
        heart_rate_observation(71, code={"coding": coding("8867-4")}),
        heart_rate_observation(71, code={"coding": [{"system": MDC, "code": 147842}]}),
        heart_rate_observation(71, code="8867-4"),
        half_observation("", 128, code=[code("8480-6")]),
        panel([coding("8480-6"), {"system": MDC, "code": 150045}], [coding("8462-4")]),
        observation(bodySite={"coding": coding("81040000", SNOMED)}),
    ],
)
def test_a_malformed_coding_of_ours_is_refused(resource: Json) -> None:
    assert reason(resource) is Reason.CODING_MALFORMED


@pytest.mark.parametrize(
    "concept",
    [
        {"coding": coding("29463-7")},
        {"coding": [{"system": MDC, "code": 188736}]},
        {"coding": [None, {"system": [], "code": {}}]},
        {"coding": []},
        {"text": "blood pressure"},
    ],
)
def test_a_malformed_coding_of_something_else_is_counted(concept: Json) -> None:
    assert parse(half_observation("", 80, code=concept)).ignored == 1


def test_a_number_beside_a_coding_that_says_the_same_is_read() -> None:
    told = panel([coding("8480-6"), {"system": MDC, "code": 150021}], [coding("8462-4")])

    assert values(parse(told)) == [(128, 82)]


def test_status_is_judged_before_codings() -> None:
    withdrawn = observation(code={"coding": coding("85354-9")}, status="entered-in-error")

    assert reason(withdrawn) is Reason.STATUS_ENTERED_IN_ERROR
