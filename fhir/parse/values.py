"""What was measured: the rules on components, values, units and ranges, in their order of precedence."""

from __future__ import annotations

import math
from typing import Final

import msgspec

from fhir.codes import JsonObject
from fhir.measures import DIASTOLIC, HEART_RATE, SYSTOLIC, Measure
from fhir.ranges import implausible_heart_rate, implausible_pressure, impossible_pressure
from fhir.reasons import Reason, Refused
from fhir.units import MMHG, find_unit, in_base_unit

_EXTENDED: Final = frozenset({"extension", "_value"})
DATA_ABSENT_REASON: Final = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"


class Measured(msgspec.Struct, frozen=True, gc=False):
    """The parts of an Observation that carry values: components, or the Observation itself."""

    systolics: list[JsonObject]
    diastolics: list[JsonObject]
    heart_rates: list[JsonObject]


class Values(msgspec.Struct, frozen=True, gc=False):
    """Pressures in mmHg, heart rate per minute, and the flags they earned."""

    systolic: float | None
    diastolic: float | None
    heart_rate: float | None
    flags: tuple[str, ...]


def read_values(measured: Measured) -> Values:
    """Return the pressures with the heart rate measured beside them; raise `Refused` by the first rule broken."""
    systolics, diastolics = measured.systolics, measured.diastolics
    _refuse_duplicated(SYSTOLIC, systolics)
    _refuse_duplicated(DIASTOLIC, diastolics)
    pressures = systolics + diastolics
    _refuse_mismatch(SYSTOLIC, pressures)
    _refuse_mismatch(HEART_RATE, measured.heart_rates)
    if not systolics:
        raise Refused(Reason.SYSTOLIC_MISSING, "no systolic component")
    if not diastolics:
        raise Refused(Reason.DIASTOLIC_MISSING, "no diastolic component")
    for rule in _PRESSURE_RULES:
        for component in pressures:
            rule(component)
    (systolic, systolic_flags), (diastolic, diastolic_flags) = map(_pressure, (systolics[0], diastolics[0]))
    impossible = impossible_pressure(systolic, diastolic)
    if impossible is not None:
        raise Refused(impossible, f"{systolic:g}/{diastolic:g} mmHg")
    heart_rate, rate_flags = _heart_rate_beside(measured.heart_rates)
    flags = (systolic_flags or diastolic_flags) + implausible_pressure(systolic, diastolic) + rate_flags
    return Values(systolic, diastolic, heart_rate, flags)


def read_heart_rate_alone(observation: JsonObject) -> Values:
    """Return the value of a heart rate that is its own Observation; raise `Refused`."""
    _refuse_mismatch(HEART_RATE, [observation])
    rate = _heart_rate(observation)
    return Values(None, None, rate, ("heart_rate_only", *implausible_heart_rate(rate)))


def _heart_rate_beside(components: list[JsonObject]) -> tuple[float | None, tuple[str, ...]]:
    """Return the heart rate of a pressure, which it is not worth losing for: a faulty rate is dropped and flagged."""
    given = [component for component in components if _absent_reason(component) is None]
    if not given:
        return None, ()
    try:
        rates = {_heart_rate(component) for component in given}
    except Refused as refused:
        known = refused.reason in (Reason.HEART_RATE_UNIT, Reason.HEART_RATE_OUT_OF_RANGE)
        return None, (refused.reason.lower() if known else "heart_rate_unusable",)
    if len(rates) > 1:
        return None, ("heart_rate_unusable",)
    rate = rates.pop()
    return rate, implausible_heart_rate(rate)


def is_number(value: object) -> bool:
    """Tell whether a decoded JSON value is a finite number; an integer of any size is one."""
    return type(value) is int or (type(value) is float and math.isfinite(value))


def _pressure(component: JsonObject) -> tuple[float, tuple[str, ...]]:
    """Return a pressure in mmHg, and the flag of one that was converted to it."""
    quantity = component["valueQuantity"]
    unit = find_unit(quantity) or MMHG
    return in_base_unit(quantity, unit), () if unit.factor == 1.0 else ("unit_converted",)


def _heart_rate(measured: JsonObject) -> float:
    for rule in _HEART_RATE_RULES:
        rule(measured)
    quantity = measured["valueQuantity"]
    if find_unit(quantity) is not HEART_RATE.unit:
        raise Refused(Reason.HEART_RATE_UNIT, _unit_text(quantity) or "neither code nor unit")
    rate = in_base_unit(quantity, HEART_RATE.unit)
    if not HEART_RATE.possible.holds(rate):
        raise Refused(Reason.HEART_RATE_OUT_OF_RANGE, f"{rate:g} /min")
    return rate


def _refuse_duplicated(measure: Measure, components: list[JsonObject]) -> None:
    """Refuse several components of a measure that give different values."""
    if len(components) > 1:
        quantities = (component.get("valueQuantity") for component in components)
        given = [item for item in quantities if isinstance(item, dict) and item.get("value") is not None]
        if len(set(map(_comparable, given))) > 1:
            detail = f"{len(components)} {measure.field} components with different values"
            raise Refused(Reason.COMPONENT_DUPLICATED, detail)


def _comparable(quantity: JsonObject) -> object:
    """Return what makes two values equal: 16 kPa is 120 mmHg, and what cannot be read is compared as written."""
    unit = find_unit(quantity)
    if unit is not None and is_number(quantity["value"]):
        return in_base_unit(quantity, unit)
    return repr((quantity["value"], quantity.get("code"), quantity.get("unit")))


def _refuse_mismatch(measure: Measure, components: list[JsonObject]) -> None:
    """Refuse a known unit of another dimension: it shows that this producer's codes cannot be trusted."""
    dimension = measure.unit.dimension
    for component in components:
        quantity = component.get("valueQuantity")
        if not isinstance(quantity, dict):
            continue
        unit = find_unit(quantity)
        if unit is not None and unit.dimension is not dimension:
            raise Refused(Reason.UNIT_MISMATCH, f"{dimension} in {_unit_text(quantity)}")


def refuse_modified(carrier: object) -> None:
    """Refuse an element with a modifier extension, which may change or deny what it says; we know none."""
    extensions = carrier.get("modifierExtension") if isinstance(carrier, dict) else None
    if extensions:
        first = extensions[0] if isinstance(extensions, list) else extensions
        url = first.get("url") if isinstance(first, dict) else None
        raise Refused(Reason.MODIFIER_EXTENSION, url or "no url")


def _absent_reason(measured: JsonObject) -> object:
    """Return the code of the data-absent reason, of the part or of its Quantity; None if there is none."""
    reason = measured.get("dataAbsentReason")
    if reason is not None:
        codings = reason.get("coding") if isinstance(reason, dict) else None
        first = codings[0] if isinstance(codings, list) and codings else None
        return (first.get("code") if isinstance(first, dict) else None) or "no code"
    quantity = measured.get("valueQuantity")
    if not isinstance(quantity, dict) or _EXTENDED.isdisjoint(quantity):
        return None
    for element in (quantity, quantity.get("_value")):
        extensions = element.get("extension") if isinstance(element, dict) else None
        for extension in extensions if isinstance(extensions, list) else ():
            if isinstance(extension, dict) and extension.get("url") == DATA_ABSENT_REASON:
                return extension.get("valueCode") or "no code"
    return None


def _refuse_absent(measured: JsonObject) -> None:
    """Refuse what has a data-absent reason, even beside a value; the detail is its code."""
    reason = _absent_reason(measured)
    if reason is not None:
        raise Refused(Reason.COMPONENT_ABSENT, reason)


def _refuse_no_quantity(measured: JsonObject) -> None:
    """Refuse what is no valueQuantity object: only that is a measured value."""
    if not isinstance(measured.get("valueQuantity"), dict):
        found = sorted(key for key in measured if key.startswith("value"))
        raise Refused(Reason.VALUE_NOT_A_QUANTITY, f"found {', '.join(found) or 'neither value nor reason'}")


def _refuse_comparator(measured: JsonObject) -> None:
    """Refuse ``>= 250``, which is not 250."""
    quantity = measured["valueQuantity"]
    comparator = quantity.get("comparator")
    if comparator is not None:
        raise Refused(Reason.VALUE_HAS_COMPARATOR, f"{comparator} {quantity.get('value')} {_unit_text(quantity) or ''}")


def _refuse_not_numeric(measured: JsonObject) -> None:
    """Refuse quoted numbers, booleans and non-finite numbers, which are no numbers."""
    value = measured["valueQuantity"].get("value")
    if not is_number(value):
        raise Refused(Reason.VALUE_NOT_NUMERIC, f"{type(value).__name__} {value!r}")


def _refuse_unit(measured: JsonObject) -> None:
    """Refuse a unit that is not given or not known."""
    quantity = measured["valueQuantity"]
    if find_unit(quantity) is None:
        text = _unit_text(quantity)
        raise Refused(Reason.UNIT_UNSUPPORTED if text else Reason.UNIT_MISSING, text or "neither code nor unit")


def _unit_text(quantity: JsonObject) -> object:
    """Return the unit as written, for a detail; falsy if none is given."""
    return quantity.get("code") or quantity.get("unit")


_NUMBER_RULES = (_refuse_absent, _refuse_no_quantity, _refuse_comparator, _refuse_not_numeric)
_HEART_RATE_RULES = (refuse_modified, *_NUMBER_RULES)
_PRESSURE_RULES = (*_NUMBER_RULES, _refuse_unit)
