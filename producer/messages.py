"""A message of the producer, what the intake must make of it, and the counts of both.

The counts are the other side of a check of the whole pipeline: what was sent, and what must then be found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

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
    """Return what becomes of one message of a reading whose other messages are sent before and after it.

    Pressures and heart rate share the document of their instant. It is new with the pressures, or with a heart rate of
    its own whose pressures were refused.
    """
    bad_pressure = impossible_pressure(shown.systolic, shown.diastolic)
    good_rate = shown.heart_rate is None or HEART_RATE.possible.holds(shown.heart_rate)
    bad_rate = None if good_rate else Reason.HEART_RATE_OUT_OF_RANGE
    found = (*[bad_pressure] * part.pressure_entries, bad_rate if part.has_own_heart_rate else None)
    refused = tuple(reason for reason in found if reason is not None)
    if bad_pressure is None:
        return Effect(int(part.pressure_entries > 0), refused)
    return Effect(int(part.has_own_heart_rate and bad_rate is None), refused)


class Counts:
    """What one run has sent; the figures of several runs on one topic add up."""

    def __init__(self) -> None:
        self.messages = 0
        self._kinds: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._observations = self._ignored = 0

    def add(self, messages: Iterable[Message]) -> None:
        """Count messages that have been sent."""
        for message in messages:
            effect = message.effect
            self.messages += 1
            self._kinds[message.kind] += 1
            self._observations += effect.observations
            self._ignored += effect.ignored
            self._refused.update(effect.refused)

    def report(self) -> dict[str, Any]:
        """Return what was sent, by kind, and the documents that must be found once the intake has read it all."""
        cancelled = self._kinds["malformed: cancelled"]  # holds the place of the reading that it withdraws
        return {
            "sent": {"messages": self.messages, "by_kind": dict(sorted(self._kinds.items()))},
            "expected": {
                "observations": self._observations + cancelled,
                "corrected": self._kinds["corrected"],
                "retracted": self._kinds["retracted"] + self._kinds["retracted by id"] + cancelled,
                "rejected": self._refused.total(),
                "rejected_by_reason": dict(sorted(self._refused.items())),
                "ignored": self._ignored,
            },
        }


def report_lines(report: dict[str, Any]) -> list[str]:
    """Return a report for people: one figure a line."""
    sent, expected = report["sent"], report["expected"]
    return [
        f"Sent {sent['messages']:,} messages:",
        *_figures(sent["by_kind"]),
        f"To be found: {expected['observations']:,} observations,",
        f"  of these {expected['corrected']:,} corrected and {expected['retracted']:,} retracted;",
        f"{expected['ignored']:,} entries ignored; {expected['rejected']:,} rejected entries:",
        *_figures(expected["rejected_by_reason"]),
    ]


def _figures(counts: dict[str, int]) -> list[str]:
    return [f"  {count:>9,} {name}" for name, count in counts.items()]
