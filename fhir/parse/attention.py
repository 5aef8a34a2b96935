"""What a refused resource still tells: whose it is, of which device, from when, and whether it sounds like a crisis.

A value that cannot be taken (``> 250``, a systolic of 230 without its diastolic, 310/160, a reading of a clock that
runs wrong) must not become a feature, and must not be lost on the ward either. Such a refusal carries *attention*: a
few words for somebody who can look at the patient, made of numbers and of the words below only, never of the message's
own text. All of it is asked where something is refused, and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple, cast

from conf.clinical import is_crisis
from fhir.codes import JsonObject
from fhir.measures import DIASTOLIC, SYSTOLIC, Measure, Range
from fhir.parse.content import classify
from fhir.parse.effective_time import is_in_calendar, read_instant
from fhir.parse.observation import device_id
from fhir.parse.subject import Scope, read_subject
from fhir.parse.values import Measured, is_number
from fhir.readings import IntakeRules, Reject
from fhir.reasons import Reason, Refused
from fhir.units import MMHG, Dimension, find_unit

# The refusals whose values may be true of this patient now. Not among them: what is taken back (entered in error,
# cancelled), what is no single reading (averages), what is somebody else's, what is years old, what was taken already,
# and what could not be read at all.
MAY_BE_TRUE: Final = frozenset(
    {
        Reason.STATUS_MISSING,
        Reason.STATUS_NO_RESULT,
        Reason.STATUS_UNRECOGNISED,
        Reason.SUBJECT_MISSING,
        Reason.SUBJECT_UNRESOLVED,
        Reason.TIME_AMBIGUOUS,
        Reason.TIME_MISSING,
        Reason.TIME_TOO_COARSE,
        Reason.TIME_NO_ZONE,
        Reason.TIME_UNPARSEABLE,
        Reason.RECORD_TIME_OUT_OF_RANGE,
        Reason.TIME_IN_FUTURE,
        Reason.COMPONENT_DUPLICATED,
        Reason.UNIT_MISMATCH,
        Reason.SYSTOLIC_MISSING,
        Reason.DIASTOLIC_MISSING,
        Reason.COMPONENT_ABSENT,
        Reason.VALUE_NOT_A_QUANTITY,
        Reason.VALUE_HAS_COMPARATOR,
        Reason.VALUE_NOT_NUMERIC,
        Reason.UNIT_MISSING,
        Reason.UNIT_UNSUPPORTED,
        Reason.SYSTOLIC_OUT_OF_RANGE,
        Reason.DIASTOLIC_OUT_OF_RANGE,
        Reason.SYSTOLIC_NOT_ABOVE_DIASTOLIC,
        Reason.PULSE_PRESSURE_OUT_OF_RANGE,
    }
)

# What looks like a reading (mmHg): the bounds of MIT-LCP/mimic-code. Beyond are the codes of devices for "no value"
# (2046 to 2048 of Bluetooth's SFLOAT) and mmHg labelled kPa (128 kPa are 960 mmHg); they count as not given.
LIKELY: Final = {SYSTOLIC.field: Range(0, 400), DIASTOLIC.field: Range(0, 300)}
MOST_VALUES: Final = 3  # of one measure in the words
IN_DOUBT: Final = "(unit in doubt)"

HIGHEST_NUMBER: Final = 10_000  # of any size in JSON; none above this is a pressure, in no unit that we know

_UPPER_BOUNDS: Final = frozenset({"<", "<="})
_COMPARATORS: Final = frozenset({">", ">="}) | _UPPER_BOUNDS
_match_text = re.compile(r"\s*([<>]=?)?\s*([0-9]{1,4}(?:\.[0-9]{1,3})?)\s*(mmHg|mm Hg|mm\[Hg\])?\s*").fullmatch


class Heard(NamedTuple):
    """A pressure as it was sent, in mmHg, with its comparator ("" for none), and whether its unit is sure."""

    mmhg: float
    comparator: str
    is_sure: bool

    @property
    def text(self) -> str:
        """Return it as it is read out."""
        return f"{self.comparator} {self.mmhg:g}".lstrip()

    @property
    def least(self) -> float:
        """Return the least that it can be: what is below an upper bound (``< 250``) may be anything down to 0."""
        return 0.0 if self.comparator in _UPPER_BOUNDS else self.mmhg


def describe_refusal(refused: Refused, resource: object, entry: int, scope: Scope, rules: IntakeRules) -> Reject:
    """Return the reject of a resource, with what of it could be read."""
    if not isinstance(resource, dict) or resource.get("resourceType") != "Observation":
        return Reject(refused.reason, refused.detail, entry)
    try:
        patient_id = read_subject(resource, scope, rules)[0]
    except Refused:
        patient_id = None
    try:
        content = classify(resource) if refused.reason in MAY_BE_TRUE else None
    except Refused:
        content = None
    words = None if content is None or content.objection is not None else attention(refused.reason, content.measured)
    return Reject(refused.reason, refused.detail, entry, patient_id, device_id(resource), _measured_us(resource), words)


def _measured_us(observation: JsonObject) -> int | None:
    """Return when it says to be measured, None where that is no time that any reading can have."""
    try:
        effective_us = read_instant(observation)[0].us
    except Refused:
        return None
    return effective_us if is_in_calendar(effective_us) else None


def attention(reason: Reason, measured: Measured) -> str | None:
    """Return what sounds like a crisis although it is refused, such as ``systolic > 250 mmHg``; None for all else.

    Never raises, whatever the components look like.
    """
    if reason not in MAY_BE_TRUE:
        return None
    systolics, diastolics = _heard(SYSTOLIC, measured.systolics), _heard(DIASTOLIC, measured.diastolics)
    highest = _most(systolics), _most(diastolics)
    if not is_crisis(*highest) or (reason is Reason.SYSTOLIC_NOT_ABOVE_DIASTOLIC and not is_crisis(*highest[::-1])):
        return None  # also a pair that was turned round and is no crisis when it is read the right way
    heard = systolics + diastolics
    if len(systolics) == len(diastolics) == 1 and not any(value.comparator for value in heard):
        return f"{systolics[0].text}/{diastolics[0].text} {_unit(heard)}"
    named = ((SYSTOLIC.field, systolics), (DIASTOLIC.field, diastolics))
    return ", ".join(f"{name} {' or '.join(value.text for value in of)} {_unit(of)}" for name, of in named if of)


def _most(heard: Sequence[Heard]) -> float | None:
    return max((value.least for value in heard), default=None)


def _unit(heard: Sequence[Heard]) -> str:
    return MMHG.text if all(value.is_sure for value in heard) else IN_DOUBT


def _heard(measure: Measure, carriers: Sequence[JsonObject]) -> list[Heard]:
    """Return the different values of a measure that look like a reading, in their order."""
    values = (_value(carrier) for carrier in carriers if carrier.get("dataAbsentReason") is None)
    likely = (value for value in values if value is not None and LIKELY[measure.field].holds(value.mmhg))
    return list(dict.fromkeys(likely))[:MOST_VALUES]


def _value(carrier: JsonObject) -> Heard | None:
    """Return the value of a component, also one that was written as a text, None where there is no pressure."""
    quantity = carrier.get("valueQuantity")
    if not isinstance(quantity, dict):
        quantity = {"value": carrier.get("valueString", carrier.get("valueInteger"))}
    number, sign, unit_text = _read(quantity.get("value"))
    unit = find_unit(quantity) or (MMHG if unit_text else None)
    if number is None or (unit is not None and unit.dimension is not Dimension.PRESSURE):
        return None
    comparator = quantity.get("comparator")
    if isinstance(comparator, str) and comparator in _COMPARATORS:
        sign = comparator
    return Heard(round(number * (unit or MMHG).factor, 1), sign, unit is not None)


def _read(value: object) -> tuple[float | None, str, str | None]:
    """Return number, comparator and unit of a value, which may be a text such as ``>250 mmHg``."""
    if is_number(value):
        number = cast(float, value)
        return (float(number), "", None) if abs(number) < HIGHEST_NUMBER else (None, "", None)
    found = _match_text(value) if isinstance(value, str) else None
    return (float(found[2]), found[1] or "", found[3]) if found else (None, "", None)
