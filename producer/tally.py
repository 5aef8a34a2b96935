"""The count of what was sent, and of what must then be found: the other side of a check of the whole pipeline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from producer.messages import Message


class Tally:
    """Counts the messages of one run; the figures of several runs on one topic add up."""

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
        """What was sent, by kind, and the documents that must be found once the intake has read it all."""
        return {
            "sent": {"messages": self.messages, "by_kind": dict(sorted(self._kinds.items()))},
            "expected": {
                "observations": self._observations,
                "corrected": self._kinds["corrected"],
                "retracted": self._kinds["retracted"] + self._kinds["retracted by id"],
                "rejected": self._refused.total(),
                "rejected_by_reason": dict(sorted(self._refused.items())),
                "ignored": self._ignored,
            },
        }


def report_lines(report: dict[str, Any]) -> list[str]:
    """A report for people: one figure a line."""
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
