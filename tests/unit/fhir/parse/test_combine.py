"""What the Observations of one message say together."""

from __future__ import annotations

from typing import Any

import pytest

from fhir.parse.message import parse_message
from fhir.readings import IntakeRules, Parsed, Reading
from fhir.reasons import Reason
from tests.support.factories import SNOMED, bundle, code, half_observation, heart_rate_observation, observation, payload
from tests.unit.fhir.parse.reading_tables import microseconds

RECORD_TIME_US = microseconds("2026-03-02T00:00:00Z")
A_MINUTE_LATER = "2026-03-01T08:16:00+01:00"


def parse(*resources: Any) -> Parsed:
    return parse_message(payload(bundle(*resources)), RECORD_TIME_US, IntakeRules())


def only_reading(*resources: Any) -> Reading:
    (reading,) = parse(*resources).readings
    return reading


def reasons(parsed: Parsed) -> list[tuple[Reason, int | None]]:
    return [(reject.reason, reject.entry) for reject in parsed.rejects]


def test_a_heart_rate_joins_the_pressure_of_its_instant_whichever_comes_first() -> None:
    for resources in ([observation(), heart_rate_observation()], [heart_rate_observation(), observation()]):
        reading = only_reading(*resources)

        assert (reading.systolic, reading.heart_rate, reading.flags) == (128, 71, ())


def test_a_heart_rate_of_another_instant_or_patient_stays_alone() -> None:
    later = heart_rate_observation(effectiveDateTime=A_MINUTE_LATER)
    of_another = heart_rate_observation(id="hr-2", subject={"reference": "Patient/p-2"})

    parsed = parse(observation(), later, of_another)

    assert [reading.flags for reading in parsed.readings] == [(), ("heart_rate_only",), ("heart_rate_only",)]


def test_equal_instants_in_different_zones_are_one_instant() -> None:
    assert only_reading(observation(), heart_rate_observation(effectiveDateTime="2026-03-01T02:15:00-05:00")).heart_rate


def test_the_heart_rate_measured_with_the_pressure_comes_before_a_separate_one() -> None:
    assert only_reading(observation(heart_rate=64), heart_rate_observation(71)).heart_rate == 64


def test_the_flags_of_a_separate_heart_rate_go_with_it() -> None:
    reading = only_reading(observation(), heart_rate_observation(225, status="preliminary"))

    assert reading.flags == ("status_preliminary", "implausible_heart_rate")
    assert reading.status == "final"


def test_a_bad_heart_rate_never_costs_the_pressure() -> None:
    parsed = parse(observation(), heart_rate_observation(unit="Hz"))

    assert [reading.heart_rate for reading in parsed.readings] == [None]
    assert reasons(parsed) == [(Reason.HEART_RATE_UNIT, 1)]


def test_the_later_of_two_values_wins_and_is_flagged() -> None:
    reading = only_reading(observation(), observation(id="bp-2", systolic=131))

    assert (reading.systolic, reading.observation_id, reading.flags) == (131, "bp-2", ("conflicting_values",))


def test_a_correction_wins_over_a_later_final() -> None:
    corrected = observation(systolic=131, status="corrected", meta={"versionId": "2"})

    assert only_reading(corrected, observation()).systolic == 131
    assert only_reading(observation(), corrected).systolic == 131


def test_pressures_that_differ_only_in_a_missing_heart_rate_do_not_conflict() -> None:
    for pair in ([None, 64], [64, None]):
        resources = [observation(id=f"bp-{rate}", heart_rate=rate) for rate in pair]

        reading = only_reading(*resources)

        assert (reading.heart_rate, reading.flags) == (64, ())


def test_two_heart_rates_of_one_instant_are_one_reading() -> None:
    reading = only_reading(heart_rate_observation(71), heart_rate_observation(75, id="hr-2"))

    assert (reading.heart_rate, reading.flags) == (75, ("heart_rate_only", "conflicting_values"))


def test_a_repeated_version_is_a_duplicate_whatever_its_content() -> None:
    assert reasons(parse(observation(), observation(effectiveDateTime=A_MINUTE_LATER))) == [(Reason.DUPLICATE, 1)]


def test_equal_ids_without_a_version_are_told_apart_by_content() -> None:
    parsed = parse(observation(meta={}), observation(meta={}, effectiveDateTime=A_MINUTE_LATER))

    assert len(parsed.readings) == 2


def test_equal_values_at_two_instants_are_two_readings() -> None:
    parsed = parse(observation(), observation(id="bp-2", effectiveDateTime=A_MINUTE_LATER))

    assert [len(parsed.readings), parsed.rejects] == [2, []]


def test_a_retraction_is_never_taken_for_a_duplicate() -> None:
    parsed = parse(observation(), observation(status="entered-in-error"))

    assert reasons(parsed) == [(Reason.STATUS_ENTERED_IN_ERROR, 1)]
    assert [retraction.observation_id for retraction in parsed.retractions] == ["bp-1"]


def test_two_halves_become_one_pressure_in_any_order() -> None:
    for pair in ([("8480-6", 128), ("8462-4", 82)], [("8462-4", 82), ("8480-6", 128)]):
        reading = only_reading(*(half_observation(loinc, value) for loinc, value in pair))

        assert (reading.systolic, reading.diastolic, reading.entry) == (128, 82, 0)


def test_the_flags_of_both_halves_are_kept() -> None:
    reading = only_reading(
        half_observation("8480-6", 128, status="preliminary"), half_observation("8462-4", 82, status="unknown")
    )

    assert reading.flags == ("status_preliminary", "status_unknown")


def test_a_pair_is_judged_like_a_panel() -> None:
    inverted = parse(half_observation("8480-6", 82), half_observation("8462-4", 128))

    assert reasons(inverted) == [(Reason.SYSTOLIC_NOT_ABOVE_DIASTOLIC, 0), (Reason.SYSTOLIC_NOT_ABOVE_DIASTOLIC, 1)]


def test_a_pair_that_sounds_like_a_crisis_asks_for_attention_once() -> None:
    parsed = parse(half_observation("8480-6", 310), half_observation("8462-4", 160))

    assert [reject.attention for reject in parsed.rejects] == ["310/160 mmHg", None]


def test_halves_of_two_patients_never_pair() -> None:
    of_another = half_observation("8462-4", 82, subject={"reference": "Patient/p-2"})

    parsed = parse(half_observation("8480-6", 128), of_another)

    assert reasons(parsed) == [(Reason.DIASTOLIC_MISSING, 0), (Reason.SYSTOLIC_MISSING, 1)]


def test_a_half_never_completes_a_panel() -> None:
    parsed = parse(observation(diastolic=None), half_observation("8462-4", 82))

    assert reasons(parsed) == [(Reason.DIASTOLIC_MISSING, 0), (Reason.SYSTOLIC_MISSING, 1)]


def test_of_two_corrections_the_later_wins() -> None:
    first = observation(systolic=131, status="amended", meta={"versionId": "2"})
    second = observation(systolic=133, status="corrected", meta={"versionId": "3"})

    assert only_reading(first, second).systolic == 133


def halves(systolic: dict[str, Any] | None = None, diastolic: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Return a systolic and a diastolic half, varied."""
    return [half_observation("8480-6", 128, **(systolic or {})), half_observation("8462-4", 82, **(diastolic or {}))]


def at(seconds: int) -> dict[str, Any]:
    """Return the time of the usual Observation and some seconds as an element."""
    return {"effectiveDateTime": f"2026-03-01T08:{15 + seconds // 60}:{seconds % 60:02}+01:00"}


@pytest.mark.parametrize(("correction", "names"), [(0, ("s", "d")), (1, ("d", "s"))])
def test_pair_is_known_by_the_ids_of_both_halves_the_corrected_one_first(
    correction: int, names: tuple[str, str]
) -> None:
    pair = halves({"id": "s"}, {"id": "d"})
    pair[correction]["status"] = "corrected"

    reading = only_reading(*pair)

    assert (reading.observation_id, reading.partner_id) == names


def test_version_of_a_pair_is_that_of_the_half_with_the_older_one() -> None:
    assert only_reading(*halves({"meta": {"versionId": "5"}}, {"meta": {"versionId": "3"}})).version == 4


@pytest.mark.parametrize("seconds", [1, 59, 60])
def test_halves_that_were_stamped_within_a_minute_pair_at_the_later_time(seconds: int) -> None:
    for pair in (halves({}, at(seconds)), halves(at(seconds), {})):
        reading = only_reading(*pair)

        assert reading.effective_us == microseconds(at(seconds)["effectiveDateTime"])
        assert (reading.systolic, reading.diastolic) == (128, 82)


def test_halves_more_than_a_minute_apart_do_not_pair() -> None:
    assert reasons(parse(*halves({}, at(61)))) == [(Reason.DIASTOLIC_MISSING, 0), (Reason.SYSTOLIC_MISSING, 1)]


def test_halves_near_each_other_do_not_pair_where_another_one_competes() -> None:
    competing = half_observation("8462-4", 90, id="other", **at(50))

    assert parse(*halves({}, at(20)), competing).readings == []


def test_halves_of_equal_time_pair_however_near_the_next_measurement_is() -> None:
    second = [half_observation(loinc, value, id=loinc, **at(30)) for loinc, value in (("8480-6", 140), ("8462-4", 90))]

    readings = parse(*halves(), *second).readings

    assert [(reading.systolic, reading.diastolic) for reading in readings] == [(128, 82), (140, 90)]


LEFT: dict[str, Any] = {"bodySite": code("368208006", system=SNOMED)}
RIGHT: dict[str, Any] = {"bodySite": code("368209003", system=SNOMED)}


@pytest.mark.parametrize("first", [LEFT, RIGHT])
def test_of_two_arms_the_higher_systolic_stands_and_is_flagged(first: dict[str, Any]) -> None:
    second = RIGHT if first is LEFT else LEFT

    reading = only_reading(observation(systolic=186, **first), observation(id="bp-2", systolic=132, **second))

    assert (reading.systolic, reading.flags) == (186, ("two_sites",))


def test_halves_of_two_arms_pair_arm_by_arm() -> None:
    right = [half_observation(loinc, value, id=loinc, **RIGHT) for loinc, value in (("8480-6", 150), ("8462-4", 95))]

    reading = only_reading(*halves(LEFT, LEFT), *right)

    assert (reading.systolic, reading.diastolic, reading.flags) == (150, 95, ("two_sites",))


def test_of_one_arm_or_without_a_site_the_later_stands_as_a_conflict() -> None:
    nowhere: dict[str, Any] = {}
    for first, second in ((LEFT, LEFT), (LEFT, nowhere), (nowhere, LEFT)):
        reading = only_reading(observation(systolic=186, **first), observation(id="bp-2", systolic=132, **second))

        assert (reading.systolic, reading.flags) == (132, ("conflicting_values",))


@pytest.mark.parametrize("newest_first", [True, False])
def test_of_the_versions_in_one_message_the_newest_stands_wherever_the_others_are(newest_first: bool) -> None:
    versions = [
        observation(meta={"versionId": "1"}),
        observation(meta={"versionId": "2"}, subject={"reference": "Patient/p-2"}),
        observation(meta={"versionId": "3"}, effectiveDateTime=A_MINUTE_LATER),
    ]

    parsed = parse(*(reversed(versions) if newest_first else versions))

    assert [(reading.patient_id, reading.version_id) for reading in parsed.readings] == [("p-1", "3")]
    assert [reject.reason for reject in parsed.rejects] == [Reason.DUPLICATE] * 2
    assert parsed.retractions == []
