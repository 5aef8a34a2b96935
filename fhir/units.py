"""Units: which spellings are known, how each is written, and the way to the unit that everything is stored in."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from fhir.codes import JsonObject

UCUM: Final = "http://unitsofmeasure.org"
MMHG_PER_KPA: Final = 7.50062


class Dimension(StrEnum):
    """What a unit measures."""

    PRESSURE = "pressure"
    RATE = "rate"


class Unit(NamedTuple):
    """A unit as it is written, by text and UCUM code, and its factor to mmHg or to beats per minute."""

    dimension: Dimension
    text: str
    code: str
    factor: float = 1.0


MMHG: Final = Unit(Dimension.PRESSURE, "mmHg", "mm[Hg]")
KILOPASCAL: Final = Unit(Dimension.PRESSURE, "kPa", "kPa", MMHG_PER_KPA)
PER_MINUTE: Final = Unit(Dimension.RATE, "beats/minute", "/min")

UNITS: Final[dict[str, Unit]] = {
    **dict.fromkeys(("mm[Hg]", "mm[hg]", "mmHg", "mm Hg"), MMHG),
    "kPa": KILOPASCAL,
    **dict.fromkeys(("/min", "{beats}/min", "beats/min", "beats/minute", "count/min", "bpm", "1/min"), PER_MINUTE),
}


def find_unit(quantity: JsonObject) -> Unit | None:
    """Return the known unit of a Quantity, or None.

    `code` decides; `unit` only without code, or beside one not from UCUM. A code without a system is taken for UCUM,
    the only system the profile allows.
    """
    code, text = quantity.get("code"), quantity.get("unit")
    if isinstance(code, str) and code in UNITS:
        return UNITS[code]
    system = quantity.get("system")
    if code and (not system or (isinstance(system, str) and system.rstrip("/") == UCUM)):
        return None
    return UNITS.get(text) if isinstance(text, str) else None


def in_base_unit(quantity: JsonObject, unit: Unit) -> float:
    """Return the number in mmHg or per minute; converted ones are rounded to 0.1, huge integers become 1e300."""
    value = quantity["value"]
    if isinstance(value, int):
        value = max(-1e300, min(value, 1e300))
    return float(value) if unit.factor == 1.0 else round(value * unit.factor, 1)
