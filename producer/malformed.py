"""Messages that the intake must refuse, each with the one reason that it must give.

Each builder spoils a valid panel of a reading. "other_observation" is not at fault, but not about blood pressure: it is
ignored and counted, and leaves no document.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from conf.times import DAY_US, HOUR_US
from fhir.codes import LOINC, JsonObject, Meaning
from fhir.measures import DIASTOLIC, SYSTOLIC
from fhir.reasons import Reason
from fhir.units import MMHG
from fhir.write.device import Shown, local_time, panel, utc_time
from fhir.write.observation import bare_concept, component, concept, quantity
from producer.forms import encode, without_nulls

IN_FUTURE_US: Final = 1000 * DAY_US  # however late the message is sent


class Malformed(NamedTuple):
    """A way to spoil a reading, and what it is refused for; None: ignored."""

    payload: Callable[[Shown], bytes | None]
    reason: Reason | None


def _with(**elements: Any) -> Callable[[Shown], bytes]:
    """Return the builder of a panel with other elements; those of None are left out."""
    return lambda shown: encode(without_nulls(panel(shown, **elements)))


def _with_systolic(**changes: Any) -> Callable[[Shown], bytes]:
    """Return the builder of a panel whose systolic component has other elements; those of None are left out."""

    def payload(shown: Shown) -> bytes:
        spoilt = panel(shown)
        spoilt["component"][0] = without_nulls(spoilt["component"][0] | changes)
        return encode(spoilt)

    return payload


def _with_quantity(**changes: Any) -> Callable[[Shown], bytes]:
    """Return the builder of a panel whose systolic quantity has other elements; those of None are left out."""

    def payload(shown: Shown) -> bytes:
        return _with_systolic(valueQuantity=without_nulls(quantity(shown.systolic, MMHG) | changes))(shown)

    return payload


def _with_pressures(choose: Callable[[Shown], list[JsonObject]]) -> Callable[[Shown], bytes]:
    """Return the builder of a panel with the chosen components."""
    return lambda shown: encode(panel(shown, component=choose(shown)))


def _at(spell: Callable[[Shown], JsonObject]) -> Callable[[Shown], bytes]:
    """Return the builder of a panel whose time is spelt otherwise."""
    return lambda shown: _with(**{"effectiveDateTime": None, **spell(shown)})(shown)


def _an_hour_long(shown: Shown) -> JsonObject:
    """Return a period longer than any single measurement takes, in the place of an instant."""
    return {"effectivePeriod": {"start": utc_time(shown.effective_us - HOUR_US), "end": utc_time(shown.effective_us)}}


def _with_bare_nan(shown: Shown) -> bytes:
    """Write NaN for the systolic value, which Python's own encoder does and JSON forbids."""
    return encode(panel(shown)).replace(b'"value":%d' % shown.systolic, b'"value":NaN', 1)


def _local(shown: Shown) -> str:
    return local_time(shown.effective_us, shown.utc_offset_minutes)


MALFORMED: Final[Mapping[str, Malformed]] = MappingProxyType(
    {
        "truncated": Malformed(lambda shown: encode(panel(shown))[:-20], Reason.MALFORMED_JSON),
        "empty": Malformed(lambda _: b"", Reason.MALFORMED_JSON),
        "null": Malformed(lambda _: None, Reason.MALFORMED_JSON),
        "not_a_number": Malformed(_with_bare_nan, Reason.MALFORMED_JSON),
        "array": Malformed(lambda shown: encode([panel(shown)]), Reason.NOT_AN_OBJECT),
        "other_resource": Malformed(_with(resourceType="MedicationStatement"), Reason.UNSUPPORTED_RESOURCE_TYPE),
        "other_observation": Malformed(_with(code=bare_concept(LOINC, "59408-5"), component=None), None),
        "no_status": Malformed(_with(status=None), Reason.STATUS_MISSING),
        "cancelled": Malformed(_with(status="cancelled"), Reason.STATUS_CANCELLED),
        "registered": Malformed(_with(status="registered"), Reason.STATUS_NO_RESULT),
        "unheard_of_status": Malformed(_with(status="appended"), Reason.STATUS_UNRECOGNISED),
        "simulated": Malformed(
            _with(modifierExtension=[{"url": "http://example.org/simulated", "valueBoolean": True}]),
            Reason.MODIFIER_EXTENSION,
        ),
        "other_rules": Malformed(_with(implicitRules="http://example.org/rules"), Reason.IMPLICIT_RULES),
        "coding_without_list": Malformed(
            _with(code={"coding": concept(Meaning.PANEL)["coding"][0]}), Reason.CODING_MALFORMED
        ),
        "pulmonary_artery": Malformed(_with(code=concept(Meaning.OTHER_VESSEL)), Reason.NOT_SYSTEMIC_PRESSURE),
        "average": Malformed(_with(code=concept(Meaning.AVERAGE)), Reason.NOT_A_SINGLE_READING),
        "hour_long": Malformed(
            _at(
                lambda shown: {
                    "effectivePeriod": {
                        "start": utc_time(shown.effective_us - HOUR_US),
                        "end": utc_time(shown.effective_us),
                    }
                }
            ),
            Reason.NOT_A_SINGLE_READING,
        ),
        "no_subject": Malformed(_with(subject=None), Reason.SUBJECT_MISSING),
        "group": Malformed(_with(subject={"reference": "Group/ward-3"}), Reason.SUBJECT_NOT_A_PATIENT),
        "conditional_subject": Malformed(
            _with(subject={"reference": "Patient?identifier=x"}), Reason.SUBJECT_UNRESOLVED
        ),
        "donor": Malformed(_with(focus=[{"reference": "RelatedPerson/donor-1"}]), Reason.FOCUS_NOT_THE_SUBJECT),
        "two_times": Malformed(_with(effectiveInstant="2026-01-01T00:00:00Z"), Reason.TIME_AMBIGUOUS),
        "no_time": Malformed(_with(effectiveDateTime=None), Reason.TIME_MISSING),
        "a_day": Malformed(_at(lambda shown: {"effectiveDateTime": _local(shown)[:10]}), Reason.TIME_TOO_COARSE),
        "no_zone": Malformed(_at(lambda shown: {"effectiveDateTime": _local(shown)[:19]}), Reason.TIME_NO_ZONE),
        "no_such_day": Malformed(_with(effectiveDateTime="2026-02-30T08:00:00Z"), Reason.TIME_UNPARSEABLE),
        "in_future": Malformed(
            _at(lambda shown: {"effectiveDateTime": utc_time(shown.effective_us + IN_FUTURE_US)}), Reason.TIME_IN_FUTURE
        ),
        "two_systolics": Malformed(
            _with_pressures(lambda shown: [*panel(shown)["component"], component(SYSTOLIC, shown.systolic + 9)]),
            Reason.COMPONENT_DUPLICATED,
        ),
        "a_rate_as_pressure": Malformed(_with_quantity(unit="/min", code="/min"), Reason.UNIT_MISMATCH),
        "no_systolic": Malformed(
            _with_pressures(lambda shown: [component(DIASTOLIC, shown.diastolic)]), Reason.SYSTOLIC_MISSING
        ),
        "no_diastolic": Malformed(
            _with_pressures(lambda shown: [component(SYSTOLIC, shown.systolic)]), Reason.DIASTOLIC_MISSING
        ),
        "failed": Malformed(
            _with_systolic(valueQuantity=None, dataAbsentReason=bare_concept("http://example.org/absent", "error")),
            Reason.COMPONENT_ABSENT,
        ),
        "text_value": Malformed(_with_systolic(valueQuantity=None, valueString="high"), Reason.VALUE_NOT_A_QUANTITY),
        "comparator": Malformed(_with_quantity(comparator=">="), Reason.VALUE_HAS_COMPARATOR),
        "quoted_number": Malformed(_with_quantity(value="142"), Reason.VALUE_NOT_NUMERIC),
        "no_unit": Malformed(_with_quantity(unit=None, code=None), Reason.UNIT_MISSING),
        "centimetres_of_water": Malformed(_with_quantity(unit="cmH2O", code="cm[H2O]"), Reason.UNIT_UNSUPPORTED),
        "impossible_systolic": Malformed(_with_quantity(value=999), Reason.SYSTOLIC_OUT_OF_RANGE),
        "impossible_diastolic": Malformed(
            _with_pressures(lambda _: [component(SYSTOLIC, 290), component(DIASTOLIC, 250)]),
            Reason.DIASTOLIC_OUT_OF_RANGE,
        ),
        "exchanged": Malformed(
            _with_pressures(lambda _: [component(SYSTOLIC, 80), component(DIASTOLIC, 130)]),
            Reason.SYSTOLIC_NOT_ABOVE_DIASTOLIC,
        ),
        "no_pulse": Malformed(
            _with_pressures(lambda _: [component(SYSTOLIC, 122), component(DIASTOLIC, 120)]),
            Reason.PULSE_PRESSURE_OUT_OF_RANGE,
        ),
    }
)
NAMES: Final = tuple(MALFORMED)
