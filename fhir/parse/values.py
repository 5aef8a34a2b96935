"""What was measured: the rules on components, units and ranges, in their order of precedence."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from fhir.codes import JsonObject
from fhir.parse.quantities import (
    MMHG,
    PER_MINUTE,
    Kind,
    find_unit,
    in_base_unit,
    is_number,
    refuse_absent,
    refuse_comparator,
    refuse_no_quantity,
    refuse_not_numeric,
    refuse_unit,
    unit_text,
)
from fhir.ranges import (
    POSSIBLE_HEART_RATE,
    implausible_heart_rate,
    implausible_pressure,
    impossible_pressure,
)
from fhir.reasons import Reason, Refused

_VALUE_RULES = (refuse_absent, refuse_no_quantity, refuse_comparator, refuse_not_numeric, refuse_unit)


class Measured(msgspec.Struct, frozen=True, gc=False):
    """The parts of an Observation that carry values: components, or the Observation itself."""

    systolics: list[JsonObject]
    diastolics: list[JsonObject]
    heart_rates: list[JsonObject]


class Values(NamedTuple):
    """Pressures in mmHg, heart rate per minute, and the flags they earned."""

    systolic: float | None
    diastolic: float | None
    heart_rate: float | None
    flags: tuple[str, ...]


def read_values(measured: Measured) -> Values:
    """Pressures with the heart rate measured beside them; raise `Refused` by the first rule broken."""
    pressures = measured.systolics + measured.diastolics
    _refuse_duplicated("systolic", measured.systolics)
    _refuse_duplicated("diastolic", measured.diastolics)
    _refuse_mismatch(Kind.PRESSURE, pressures)
    _refuse_mismatch(Kind.RATE, measured.heart_rates)
    if not measured.systolics:
        raise Refused(Reason.SYSTOLIC_MISSING, "no systolic component")
    if not measured.diastolics:
        raise Refused(Reason.DIASTOLIC_MISSING, "no diastolic component")
    for rule in _VALUE_RULES:
        for component in pressures:
            rule(component)
    return _in_range(measured.systolics[0], measured.diastolics[0], measured.heart_rates)


def _in_range(systolic_part: JsonObject, diastolic_part: JsonObject, rates: list[JsonObject]) -> Values:
    systolic, systolic_converted = _pressure(systolic_part["valueQuantity"])
    diastolic, diastolic_converted = _pressure(diastolic_part["valueQuantity"])
    impossible = impossible_pressure(systolic, diastolic)
    if impossible is not None:
        raise Refused(impossible, f"{systolic:g}/{diastolic:g} mmHg")
    converted = ("unit_converted",) if systolic_converted or diastolic_converted else ()
    heart_rate, rate_flags = heart_rate_beside(rates)
    return Values(systolic, diastolic, heart_rate, converted + implausible_pressure(systolic, diastolic) + rate_flags)


def _pressure(quantity: JsonObject) -> tuple[float, bool]:
    unit = find_unit(quantity) or MMHG
    return in_base_unit(quantity, unit), unit.factor != 1.0


def _refuse_duplicated(name: str, components: list[JsonObject]) -> None:
    if len(components) > 1 and len(set(map(_comparable, _with_value(components)))) > 1:
        raise Refused(Reason.COMPONENT_DUPLICATED, f"{len(components)} {name} components with different values")


def _with_value(components: Iterable[JsonObject]) -> list[JsonObject]:
    quantities = (component.get("valueQuantity") for component in components)
    return [quantity for quantity in quantities if isinstance(quantity, dict) and quantity.get("value") is not None]


def _comparable(quantity: JsonObject) -> object:
    """16 kPa and 120 mmHg are the same value; what cannot be read is compared as written."""
    unit = find_unit(quantity)
    if unit is not None and is_number(quantity["value"]):
        return in_base_unit(quantity, unit)
    return repr((quantity["value"], quantity.get("code"), quantity.get("unit")))


def _refuse_mismatch(kind: Kind, components: list[JsonObject]) -> None:
    """A known unit of the other kind shows that this producer's codes cannot be trusted."""
    for component in components:
        quantity = component.get("valueQuantity")
        if not isinstance(quantity, dict):
            continue
        unit = find_unit(quantity)
        if unit is not None and unit.kind is not kind:
            raise Refused(Reason.UNIT_MISMATCH, f"{kind} in {unit_text(quantity)}")


def heart_rate_beside(components: list[JsonObject]) -> tuple[float | None, tuple[str, ...]]:
    """The heart rate of a pressure, which it is not worth losing for: a faulty rate is dropped and flagged."""
    given = [component for component in components if component.get("dataAbsentReason") is None]
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


def read_heart_rate_alone(observation: JsonObject) -> Values:
    """The value of a heart rate that is its own Observation; raise `Refused`."""
    _refuse_mismatch(Kind.RATE, [observation])
    rate = _heart_rate(observation)
    return Values(None, None, rate, ("heart_rate_only", *implausible_heart_rate(rate)))


def _heart_rate(measured: JsonObject) -> float:
    for rule in (refuse_absent, refuse_no_quantity, refuse_comparator, refuse_not_numeric):
        rule(measured)
    quantity = measured["valueQuantity"]
    if find_unit(quantity) is not PER_MINUTE:
        raise Refused(Reason.HEART_RATE_UNIT, unit_text(quantity) or "neither code nor unit")
    rate = in_base_unit(quantity, PER_MINUTE)
    if not POSSIBLE_HEART_RATE.holds(rate):
        raise Refused(Reason.HEART_RATE_OUT_OF_RANGE, f"{rate:g} /min")
    return rate
