"""What is refused but sounds like a crisis, and for whom: words of numbers only, never the message's own text."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.clinical import CRISIS_DIASTOLIC, CRISIS_SYSTOLIC
from fhir.parse.attention import MAY_BE_TRUE, attention
from fhir.parse.message import parse_message
from fhir.parse.values import Measured
from fhir.readings import IntakeRules, Reject
from fhir.reasons import Reason
from tests.support.factories import (
    bundle,
    code,
    component,
    half_observation,
    heart_rate_observation,
    observation,
    payload,
    pressure,
    quantity,
)
from tests.unit.fhir.parse.reading_tables import microseconds

RECORD_TIME_US = microseconds("2026-03-02T00:00:00Z")
DOCUMENT = Path(__file__).parents[4] / "docs" / "fhir.md"
SYSTOLIC, DIASTOLIC = "8480-6", "8462-4"
NOT_PERFORMED = {"coding": [{"code": "not-performed"}]}
RULES = IntakeRules()
WORDS = re.compile(r"(systolic|diastolic|or|mmHg|\(unit in doubt\)|[<>]=?|[0-9./,]+| )+").fullmatch


def refused(resource: Any, rules: IntakeRules = RULES, record_time_us: int = RECORD_TIME_US) -> Reject:
    (reject,) = parse_message(payload(resource), record_time_us, rules).rejects
    return reject


def with_pressures(systolic: Any, diastolic: Any = 81, unit: str | None = "mm[Hg]") -> dict[str, Any]:
    """Return an Observation whose values stand in any form; a Quantity given whole is left as it is."""
    parts = []
    for loinc, value in ((SYSTOLIC, systolic), (DIASTOLIC, diastolic)):
        if isinstance(value, dict):
            parts.append({"code": code(loinc), **value})
        else:
            parts.append(component(loinc, {"value": value} if unit is None else quantity(value, unit)))
    return observation(component=parts)


def compared(comparator: str, value: float) -> dict[str, Any]:
    return {"valueQuantity": {**quantity(value), "comparator": comparator}}


@pytest.mark.parametrize(
    ("resource", "reason", "words"),
    [
        (with_pressures(compared(">", 250)), "VALUE_HAS_COMPARATOR", "systolic > 250 mmHg, diastolic 81 mmHg"),
        (with_pressures(compared(">=", 180)), "VALUE_HAS_COMPARATOR", "systolic >= 180 mmHg, diastolic 81 mmHg"),
        (with_pressures(150, compared(">", 130)), "VALUE_HAS_COMPARATOR", "systolic 150 mmHg, diastolic > 130 mmHg"),
        (
            with_pressures(compared("<", 250), 125),
            "VALUE_HAS_COMPARATOR",
            "systolic < 250 mmHg, diastolic 125 mmHg",
        ),
        (observation(systolic=230, diastolic=None), "DIASTOLIC_MISSING", "systolic 230 mmHg"),
        (observation(systolic=None, diastolic=131), "SYSTOLIC_MISSING", "diastolic 131 mmHg"),
        (with_pressures(230, {"dataAbsentReason": NOT_PERFORMED}), "COMPONENT_ABSENT", "systolic 230 mmHg"),
        (half_observation(SYSTOLIC, 214), "DIASTOLIC_MISSING", "systolic 214 mmHg"),
        (observation(systolic=310, diastolic=160), "SYSTOLIC_OUT_OF_RANGE", "310/160 mmHg"),
        (observation(systolic=250, diastolic=210), "DIASTOLIC_OUT_OF_RANGE", "250/210 mmHg"),
        (observation(systolic=290, diastolic=84), "PULSE_PRESSURE_OUT_OF_RANGE", "290/84 mmHg"),
        (observation(systolic=84, diastolic=190), "SYSTOLIC_NOT_ABOVE_DIASTOLIC", "84/190 mmHg"),
        (observation(systolic=230, diastolic=2047), "DIASTOLIC_OUT_OF_RANGE", "systolic 230 mmHg"),
        (with_pressures(212, 130, unit=None), "UNIT_MISSING", "212/130 (unit in doubt)"),
        (with_pressures(212, 130, unit="torr (bed 7)"), "UNIT_UNSUPPORTED", "212/130 (unit in doubt)"),
        (with_pressures("212", 130), "VALUE_NOT_NUMERIC", "212/130 mmHg"),
        (
            with_pressures({"valueString": "> 250 mmHg"}),
            "VALUE_NOT_A_QUANTITY",
            "systolic > 250 mmHg, diastolic 81 mmHg",
        ),
        (with_pressures({"valueInteger": 212}), "VALUE_NOT_A_QUANTITY", "212/81 (unit in doubt)"),
        (
            observation(component=[pressure(SYSTOLIC, 212), pressure(SYSTOLIC, 120), pressure(DIASTOLIC, 80)]),
            "COMPONENT_DUPLICATED",
            "systolic 212 or 120 mmHg, diastolic 80 mmHg",
        ),
        (
            observation(component=[pressure(SYSTOLIC, 212), component(DIASTOLIC, quantity(72, "/min"))]),
            "UNIT_MISMATCH",
            "systolic 212 mmHg",
        ),
        (
            with_pressures({"valueQuantity": {**quantity(30, "kPa"), "comparator": ">"}}),
            "VALUE_HAS_COMPARATOR",
            "systolic > 225 mmHg, diastolic 81 mmHg",
        ),
        (with_pressures(41.3, 21.3, "kPa"), "SYSTOLIC_OUT_OF_RANGE", "309.8/159.8 mmHg"),
    ],
)
def test_values_that_cannot_be_taken_but_sound_like_a_crisis_are_told_in_words(
    resource: Any, reason: str, words: str
) -> None:
    reject = refused(resource)

    assert (reject.reason, reject.attention) == (reason, words)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"effectiveDateTime": "2026-04-01T00:00:00Z"}, "TIME_IN_FUTURE"),
        ({"effectiveDateTime": "2026-03-01T08:15:00"}, "TIME_NO_ZONE"),
        ({"effectiveDateTime": "2026-03-01"}, "TIME_TOO_COARSE"),
        ({"effectiveDateTime": "yesterday"}, "TIME_UNPARSEABLE"),
        ({"effectiveDateTime": None}, "TIME_MISSING"),
        ({"effectiveInstant": "2026-03-01T08:15:00Z"}, "TIME_AMBIGUOUS"),
        ({"status": None}, "STATUS_MISSING"),
        ({"status": "in-process"}, "STATUS_UNRECOGNISED"),
        ({"status": "registered"}, "STATUS_NO_RESULT"),
    ],
)
def test_a_crisis_that_is_refused_for_its_time_or_status_is_told(changes: dict[str, Any], reason: str) -> None:
    reject = refused(observation(systolic=212, diastolic=134, **changes))

    assert (reject.reason, reject.patient_id, reject.attention) == (reason, "p-1", "212/134 mmHg")


def test_a_crisis_in_a_record_without_a_believable_time_is_told_with_the_time_of_measuring() -> None:
    reject = refused(observation(systolic=212), record_time_us=-1000)

    assert reject.attention == "212/82 mmHg"
    assert reject.effective_us == microseconds("2026-03-01T07:15:00Z")


@pytest.mark.parametrize(
    "resource",
    [
        pytest.param(with_pressures(compared("<", 250)), id="an upper bound may be anything below"),
        pytest.param(with_pressures(compared("<=", 190)), id="so may this"),
        pytest.param(with_pressures(compared(">", 140)), id="a lower bound far from a crisis"),
        pytest.param(observation(systolic=2047, diastolic=2047), id="no value of Bluetooth"),
        pytest.param(with_pressures(128, 81, "kPa"), id="mmHg labelled kPa"),
        pytest.param(observation(systolic=401, diastolic=301), id="just beyond what looks like a reading"),
        pytest.param(with_pressures(1 << 80, 82), id="a huge number"),
        pytest.param(observation(systolic=150, diastolic=None), id="a half that is no crisis"),
        pytest.param(observation(systolic=84, diastolic=119), id="turned round, no crisis"),
        pytest.param(observation(systolic=66, diastolic=125), id="turned round, a crisis only as it was sent"),
        pytest.param(observation(systolic=30, diastolic=10), id="too low"),
        pytest.param(with_pressures(126, 80, unit=None), id="no unit, no crisis"),
        pytest.param(with_pressures({"valueString": "about 212"}), id="a sentence is not read"),
        pytest.param(with_pressures(150, {**component(DIASTOLIC, quantity(140)), "dataAbsentReason": NOT_PERFORMED}),
                     id="said to be absent"),
        pytest.param(observation(systolic=212, diastolic=134, status="entered-in-error"), id="taken back"),
        pytest.param(observation(systolic=212, diastolic=134, status="cancelled"), id="cancelled"),
        pytest.param(observation(systolic=212, diastolic=134, code=code("96607-7")), id="an average"),
        pytest.param(
            observation(systolic=212, diastolic=134, code=code("96607-7"), status=None), id="an average without status"
        ),
        pytest.param(observation(systolic=212, subject={"reference": "Group/g-1"}), id="a group's"),
        pytest.param(observation(systolic=212, effectiveDateTime="2001-01-01T00:00:00Z"), id="of long ago"),
        pytest.param(heart_rate_observation(rate=412), id="a heart rate"),
        pytest.param(heart_rate_observation(rate=190, unit="mm[Hg]"), id="a heart rate in mmHg"),
    ],
)  # fmt: skip
def test_what_is_no_sign_of_a_crisis_of_this_patient_is_refused_without_attention(resource: Any) -> None:
    reject = refused(resource)

    assert reject.attention is None


def test_a_reading_that_is_taken_needs_no_attention_however_high() -> None:
    assert parse_message(payload(observation(systolic=260, diastolic=140)), RECORD_TIME_US, RULES).rejects == []


def test_a_refusal_tells_patient_device_and_time_also_where_nothing_sounds_like_a_crisis() -> None:
    reject = refused(observation(systolic=20))

    assert (reject.patient_id, reject.device_id) == ("p-1", "cuff-7")
    assert (reject.effective_us, reject.attention) == (microseconds("2026-03-01T07:15:00Z"), None)


@pytest.mark.parametrize("subject", [None, 5, {}, {"reference": "#7"}, {"reference": "urn:uuid:"}])
def test_without_a_known_patient_attention_names_nobody(subject: Any) -> None:
    reject = refused(observation(systolic=212, diastolic=134, subject=subject))

    assert (reject.patient_id, reject.device_id, reject.attention) == (None, "cuff-7", "212/134 mmHg")


def test_halves_of_one_message_are_heard_together_wherever_they_stand() -> None:
    """The refusal of the first half tells it, which alone would sound harmless; that of the second not once more."""
    halves = bundle(half_observation(DIASTOLIC, 84, id="d"), half_observation(SYSTOLIC, 290, id="s"))
    rejects = parse_message(payload(halves), RECORD_TIME_US, RULES).rejects

    assert [(reject.entry, reject.attention) for reject in rejects] == [(0, "290/84 mmHg"), (1, None)]


def test_each_entry_of_a_bundle_is_told_of_its_own_patient() -> None:
    cuffs = bundle(
        observation(systolic=310, subject={"reference": "Patient/p-1"}, id="a"),
        observation(systolic=128, subject={"reference": "Patient/p-2"}, id="b"),
        observation(systolic=320, subject={"reference": "Patient/p-3"}, id="c"),
    )

    rejects = parse_message(payload(cuffs), RECORD_TIME_US, RULES).rejects

    assert [(each.patient_id, each.attention) for each in rejects] == [("p-1", "310/82 mmHg"), ("p-3", "320/82 mmHg")]


@pytest.mark.parametrize(
    ("systolic", "diastolic", "is_told"),
    [(CRISIS_SYSTOLIC, None, True), (CRISIS_SYSTOLIC - 1, None, False),
     (None, CRISIS_DIASTOLIC, True), (None, CRISIS_DIASTOLIC - 1, False)],
)  # fmt: skip
def test_the_limits_are_those_of_a_crisis(systolic: float | None, diastolic: float | None, *, is_told: bool) -> None:
    assert (refused(observation(systolic=systolic, diastolic=diastolic)).attention is not None) is is_told


def test_each_reason_is_decided_on_as_the_document_says() -> None:
    """A new reason has to be put into the table of docs/fhir.md, and here if it may be true."""
    rows = re.findall(r"^\| `([A-Z_]+)` \| (yes|no)\b", DOCUMENT.read_text(), re.MULTILINE)

    assert {Reason(name): answer == "yes" for name, answer in rows} == {
        reason: reason in MAY_BE_TRUE for reason in Reason
    }


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from([">", "mm[Hg]"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["valueQuantity", "value", "comparator", "code", "unit", "system", "valueString"]), inner
        )
    ),
    max_leaves=8,
)
carriers = st.lists(
    st.dictionaries(st.sampled_from(["valueQuantity", "valueString", "valueInteger", "dataAbsentReason"]), json_values),
    max_size=4,
)


@given(st.sampled_from(Reason), carriers, carriers)
def test_any_shape_gives_short_words_or_none(reason: Reason, systolics: Any, diastolics: Any) -> None:
    words = attention(reason, Measured(systolics, diastolics, []))

    assert words is None or (len(words) < 120 and WORDS(words) and reason in MAY_BE_TRUE)


def test_pseudonyms_stand_for_patient_and_device_and_the_words_stay() -> None:
    reject = refused(observation(systolic=310, diastolic=160), IntakeRules(pseudonym_key=b"k" * 32))

    assert reject.attention == "310/160 mmHg"
    assert reject.patient_id not in (None, "p-1")
    assert reject.device_id not in (None, "cuff-7")


def test_a_unit_s_own_text_is_not_repeated() -> None:
    resource = with_pressures(212, 130, unit="mmHg of John Doe")

    assert "John" not in (refused(resource).attention or "John")


def test_another_resource_names_nobody() -> None:
    reject = refused({"resourceType": "Device", "id": "x", "subject": {"reference": "Patient/p-1"}})

    assert (reject.patient_id, reject.attention) == (None, None)
