"""Units: which spellings are known, how each is written, and the way to the unit that everything is stored in."""

from __future__ import annotations

import re
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
    **dict.fromkeys(("mm[Hg]", "mm[hg]", "mm[HG]", "mmHg", "mmhg", "mm Hg"), MMHG),
    "kPa": KILOPASCAL,
    **dict.fromkeys(("/min", "{beats}/min", "beats/min", "beats/minute", "count/min", "bpm", "1/min"), PER_MINUTE),
}
_RATES: Final = frozenset(
    {*(name for name, unit in UNITS.items() if unit is PER_MINUTE), "min-1", ".min-1", "1.min-1", "beats per minute"}
)
_annotation: Final = re.compile(r"\{[^{}]*\}")


def find_unit(quantity: JsonObject) -> Unit | None:
    """Return the known unit of a Quantity, or None.

    `code` decides; `unit` only without code, beside one not from UCUM, or beside an annotation alone, ``{beats}``,
    which says nothing. A code without a system is taken for UCUM, the only system the profile allows.
    """
    code = quantity.get("code")
    known = UNITS.get(code) if isinstance(code, str) else None
    if known is not None:
        return known
    known = _spelt(code) if isinstance(code, str) else None
    system, text = quantity.get("system"), quantity.get("unit")
    is_ucum = not system or (isinstance(system, str) and system.rstrip("/") == UCUM)
    is_mute = isinstance(code, str) and not _annotation.sub("", code)
    if known is not None or (code and is_ucum and not is_mute):
        return known
    return _spelt(text) if isinstance(text, str) else None


def _spelt(text: str) -> Unit | None:
    """Return the unit of a spelling: annotations, the text in braces, mean nothing (UCUM section 6), whatever they say.

    Rates are found in any letter case, since no other unit is told from them by it.
    """
    plain = _annotation.sub("", text).strip()
    return UNITS.get(plain) or (PER_MINUTE if plain.lower() in _RATES else None)


def in_base_unit(quantity: JsonObject, unit: Unit) -> float:
    """Return the number in mmHg or per minute; converted ones are rounded to 0.1, huge integers become 1e300."""
    value = quantity["value"]
    if isinstance(value, int):
        value = max(-1e300, min(value, 1e300))
    return float(value) if unit.factor == 1.0 else round(value * unit.factor, 1)
