"""A message of the producer, and what the intake must make of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from fhir.measures import HEART_RATE
from fhir.ranges import impossible_pressure
from fhir.reasons import Reason
from fhir.write.device import Shown
from producer.forms import Part


class Effect(NamedTuple):
    """What a message leaves behind: new documents of observations, and entries that are refused or ignored."""

    observations: int = 0
    refused: tuple[Reason, ...] = ()
    ignored: int = 0


class Message(NamedTuple):
    """What is to be sent once the simulated time has reached `due_us`; `kind` is for the count."""

    due_us: int
    key: bytes
    value: bytes | None
    kind: str
    effect: Effect


STORED: Final = Effect(observations=1)
NOTHING_NEW: Final = Effect()


def effect_of(shown: Shown, part: Part) -> Effect:
    """What becomes of one message of a reading whose other messages are sent before and after it.

    Pressures and heart rate share the document of their instant. It is new with the pressures, or with a heart rate of
    its own whose pressures were refused.
    """
    bad_pressure = impossible_pressure(shown.systolic, shown.diastolic)
    bad_rate = None if HEART_RATE.possible.holds(shown.heart_rate) else Reason.HEART_RATE_OUT_OF_RANGE
    refused = _reasons([bad_pressure if part.has_pressures else None, bad_rate if part.has_own_heart_rate else None])
    if bad_pressure is None:
        return Effect(int(part.has_pressures), refused)
    return Effect(int(part.has_own_heart_rate and bad_rate is None), refused)


def _reasons(found: Iterable[Reason | None]) -> tuple[Reason, ...]:
    return tuple(reason for reason in found if reason is not None)
