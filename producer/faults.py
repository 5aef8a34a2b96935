"""What goes wrong on the way: late, repeated, corrected, retracted and malformed messages, each in its share.

Each function gives the messages of one reading whose pressures the intake accepts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from fhir.measures import SYSTOLIC
from fhir.reasons import Reason
from fhir.write.device import Shown, panel
from producer.forms import Part, encode
from producer.malformed import MALFORMED, NAMES
from producer.messages import NOTHING_NEW, Effect, Message, effect_of

LONGEST_DELAY: Final = 8  # measuring intervals between a reading and its last message
CORRECTED_BY_MMHG: Final = 6
RETRACTED: Final = Effect(refused=(Reason.STATUS_ENTERED_IN_ERROR,))
DUPLICATE: Final = Effect(refused=(Reason.DUPLICATE,))
READING: Final = "reading"
HEART_RATE: Final = "heart rate"


class Telling(NamedTuple):
    """A reading about to be told: its messages in its form, and, for a fault, the delay and a random whole number."""

    shown: Shown
    key: bytes
    parts: list[Part]
    delay_us: int
    variant: int

    def messages(self, kind: str = READING, delay_us: int = 0) -> list[Message]:
        """Return the reading as it should be told, its own heart rate after it."""
        due_us = self.shown.effective_us + delay_us
        kinds = [kind if part.pressure_entries else HEART_RATE for part in self.parts]
        return [
            Message(due_us, self.key, part.payload, kind, effect_of(self.shown, part))
            for part, kind in zip(self.parts, kinds, strict=True)
        ]

    def afterwards(self, kind: str, value: bytes, effect: Effect) -> list[Message]:
        """Return the reading as it should be told, and something more of it after the delay."""
        due_us = self.shown.effective_us + self.delay_us
        return [*self.messages(), Message(due_us, self.key, value, kind, effect)]


def late(telling: Telling) -> list[Message]:
    """Let the reading arrive after later ones."""
    return telling.messages("late", telling.delay_us)


def duplicate(telling: Telling) -> list[Message]:
    """Let the message of the pressures arrive again, byte for byte."""
    return telling.afterwards("duplicate", telling.parts[0].payload, DUPLICATE)


def corrected(telling: Telling) -> list[Message]:
    """Replace the reading by a new version with another systolic pressure."""
    shown = telling.shown
    systolic = min(shown.systolic + CORRECTED_BY_MMHG, int(SYSTOLIC.possible.highest))
    other = panel(shown._replace(systolic=systolic), status="corrected", meta={"versionId": "2"})
    return telling.afterwards("corrected", encode(other), NOTHING_NEW)


def retracted(telling: Telling) -> list[Message]:
    """Send the whole reading again, entered in error."""
    error = panel(telling.shown, status="entered-in-error", meta={"versionId": "2"})
    return telling.afterwards("retracted", encode(error), RETRACTED)


def retracted_by_id(telling: Telling) -> list[Message]:
    """Call the reading entered in error in a message that gives neither time nor values."""
    error = panel(telling.shown, status="entered-in-error")
    bare = {name: error[name] for name in ("resourceType", "id", "status", "code", "subject")}
    return telling.afterwards("retracted by id", encode(bare), RETRACTED)


def malformed(telling: Telling) -> list[Message]:
    """Send a message that must be refused instead of the reading."""
    name = NAMES[telling.variant % len(NAMES)]
    payload, reason = MALFORMED[name]
    effect = Effect(ignored=1) if reason is None else Effect(refused=(reason,))
    value = payload(telling.shown)
    return [Message(telling.shown.effective_us, telling.key, value, f"malformed: {name}", effect)]


FAULTS: Final[Mapping[str, Callable[[Telling], list[Message]]]] = MappingProxyType(
    {
        "late": late,
        "duplicate": duplicate,
        "corrected": corrected,
        "retracted": retracted,
        "retracted_by_id": retracted_by_id,
        "malformed": malformed,
    }
)
USUAL_FAULTS: Final[Mapping[str, float]] = MappingProxyType(
    {
        "late": 0.02,
        "duplicate": 0.02,
        "corrected": 0.01,
        "retracted": 0.005,
        "retracted_by_id": 0.005,
        "malformed": 0.01,
    }
)
