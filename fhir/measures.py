"""The measures that we read, store and write: one row each, and all that is particular to one of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from fhir.codes import CONCEPTS, Meaning
from fhir.reasons import Reason
from fhir.units import MMHG, PER_MINUTE, Unit


class Range(NamedTuple):
    """An interval with both ends included."""

    lowest: float
    highest: float

    def holds(self, value: float) -> bool:
        """Tell whether `value` lies inside; NaN does not."""
        return self.lowest <= value <= self.highest


@dataclass(frozen=True, slots=True)
class Measure:
    """What a cuff measures.

    `field` is its name in readings and documents, in whose `unit` it is stored. Values beyond `possible` are refused
    for `out_of_range`, those beyond `plausible` kept and flagged. Its codes are those of `meaning`.
    """

    field: str
    meaning: Meaning
    unit: Unit
    possible: Range
    plausible: Range
    out_of_range: Reason

    @property
    def code(self) -> str:
        """Return the LOINC code that we write."""
        return CONCEPTS[self.meaning].loinc[0]

    @property
    def label(self) -> str:
        """Return its name in FHIR, in English."""
        return CONCEPTS[self.meaning].label


SYSTOLIC: Final = Measure(
    "systolic", Meaning.SYSTOLIC, MMHG, Range(50, 300), Range(70, 250), Reason.SYSTOLIC_OUT_OF_RANGE
)
DIASTOLIC: Final = Measure(
    "diastolic", Meaning.DIASTOLIC, MMHG, Range(20, 200), Range(40, 150), Reason.DIASTOLIC_OUT_OF_RANGE
)
HEART_RATE: Final = Measure(
    "heart_rate", Meaning.HEART_RATE, PER_MINUTE, Range(20, 300), Range(30, 220), Reason.HEART_RATE_OUT_OF_RANGE
)
MEASURES: Final = {measure.meaning: measure for measure in (SYSTOLIC, DIASTOLIC, HEART_RATE)}
