"""Values with units: which spellings are known, and the rules every measured value must pass."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Final, NamedTuple

from fhir.codes import JsonObject
from fhir.reasons import Reason, Refused

UCUM: Final = "http://unitsofmeasure.org"
MMHG_PER_KPA: Final = 7.50062


class Kind(StrEnum):
    """What a unit measures."""

    PRESSURE = "pressure"
    RATE = "rate"


class Unit(NamedTuple):
    """A known unit: its kind, and the factor to mmHg or to beats per minute."""

    kind: Kind
    factor: float = 1.0


MMHG: Final = Unit(Kind.PRESSURE)
KILOPASCAL: Final = Unit(Kind.PRESSURE, MMHG_PER_KPA)
PER_MINUTE: Final = Unit(Kind.RATE)

UNITS: Final[dict[str, Unit]] = {
    **dict.fromkeys(("mm[Hg]", "mm[hg]", "mmHg", "mm Hg"), MMHG),
    "kPa": KILOPASCAL,
    **dict.fromkeys(("/min", "{beats}/min", "beats/min", "beats/minute", "count/min", "bpm", "1/min"), PER_MINUTE),
}


def find_unit(quantity: JsonObject) -> Unit | None:
    """The known unit of a Quantity, or None: `code` decides; `unit` only without code, or beside one not from UCUM."""
    code, text = quantity.get("code"), quantity.get("unit")
    if isinstance(code, str) and code in UNITS:
        return UNITS[code]
    if code and _is_ucum(quantity.get("system")):
        return None
    return UNITS.get(text) if isinstance(text, str) else None


def _is_ucum(system: object) -> bool:
    """A code without a system is taken for UCUM, the only system the profile allows."""
    return not system or (isinstance(system, str) and system.rstrip("/") == UCUM)


def unit_text(quantity: JsonObject) -> object:
    """The unit as written, for a detail; falsy if none is given."""
    return quantity.get("code") or quantity.get("unit")


def refuse_absent(measured: JsonObject) -> None:
    """A data-absent reason makes the value unusable, even beside a value; the detail is its code."""
    reason = measured.get("dataAbsentReason")
    if reason is not None:
        raise Refused(Reason.COMPONENT_ABSENT, _absent_code(reason))


def _absent_code(reason: object) -> object:
    codings = reason.get("coding") if isinstance(reason, dict) else None
    first = codings[0] if isinstance(codings, list) and codings else None
    code = first.get("code") if isinstance(first, dict) else None
    return code or "no code"


def refuse_no_quantity(measured: JsonObject) -> None:
    """Only a valueQuantity object is a measured value."""
    if not isinstance(measured.get("valueQuantity"), dict):
        found = sorted(key for key in measured if key.startswith("value"))
        raise Refused(Reason.VALUE_NOT_A_QUANTITY, f"found {', '.join(found) or 'neither value nor reason'}")


def refuse_comparator(measured: JsonObject) -> None:
    """``>= 250`` is not 250."""
    quantity = measured["valueQuantity"]
    comparator = quantity.get("comparator")
    if comparator is not None:
        raise Refused(Reason.VALUE_HAS_COMPARATOR, f"{comparator} {quantity.get('value')} {unit_text(quantity) or ''}")


def refuse_not_numeric(measured: JsonObject) -> None:
    """Quoted numbers, booleans and non-finite numbers are no numbers."""
    value = measured["valueQuantity"].get("value")
    if not is_number(value):
        raise Refused(Reason.VALUE_NOT_NUMERIC, f"{type(value).__name__} {value!r}")


def is_number(value: object) -> bool:
    """Whether a decoded JSON value is a finite number; an integer of any size is one."""
    return type(value) is int or (type(value) is float and math.isfinite(value))


def refuse_unit(measured: JsonObject) -> None:
    """The unit must be given and known."""
    quantity = measured["valueQuantity"]
    if find_unit(quantity) is None:
        text = unit_text(quantity)
        raise Refused(Reason.UNIT_UNSUPPORTED if text else Reason.UNIT_MISSING, text or "neither code nor unit")


def in_base_unit(quantity: JsonObject, unit: Unit) -> float:
    """The number in mmHg or per minute; converted values are rounded to one decimal, huge integers become 1e300."""
    value = quantity["value"]
    if isinstance(value, int):
        value = max(-1e300, min(value, 1e300))
    return float(value) if unit.factor == 1.0 else round(value * unit.factor, 1)
