"""Which of several messages about a patient stands: the one rule of intake, stored documents and windows.

1. A retraction (`entered-in-error`) takes out every statement under its Observation id; one without an id takes out
   what arrived before it for the same instant.
2. A corrected or amended reading replaces the other statements under its Observation id.
3. One instant is one reading: a correction stands, otherwise the later arrival. A resend of the same pressures that
   lacks the heart rate does not take it away.
4. A heart rate of its own joins the nearest reading within two minutes (the earlier of two equally near) if that one
   has no heart rate. Of several that claim one reading, the nearest joins, then the later arrival.

Intake and documents ask about one instant (`stands_at`), the window about all of a patient's (`readings_of`).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from enum import IntEnum
from itertools import groupby
from typing import Final, NamedTuple

from conf.times import MINUTE_US

HEART_RATE_REACH_US: Final = 2 * MINUTE_US


class StatementKind(IntEnum):
    """What a statement tells; the numbers are part of the window state."""

    PRESSURE = 0
    HEART_RATE = 1
    RETRACTION = 2


class Statement(NamedTuple):
    """What one message says of one patient at one instant (microseconds since the epoch).

    `order` is that of arrival: Kafka's offset, or the position in a message. `name` stands for the Observation's id,
    None if it has none; the caller finds the statement again by its `number`. Pressures in mmHg, rate per minute.
    """

    kind: StatementKind
    effective_us: int
    order: int
    name: Hashable | None
    corrected: bool
    systolic: float | None
    diastolic: float | None
    heart_rate: float | None
    number: int

    @property
    def pressures(self) -> tuple[float | None, float | None]:
        """Systolic and diastolic, None for a heart rate of its own."""
        return self.systolic, self.diastolic


class Standing(NamedTuple):
    """The statement that stands at an instant, and the one its heart rate is from: itself unless another one's."""

    reading: Statement
    heart_rate_from: Statement

    @property
    def values(self) -> tuple[float | None, float | None, float | None]:
        """Systolic, diastolic and heart rate as they stand."""
        return (*self.reading.pressures, self.heart_rate_from.heart_rate)


def in_force(statements: Iterable[Statement]) -> list[Statement]:
    """Return what no retraction takes out and no correction replaces (rules 1 and 2), in the order given."""
    statements = list(statements)
    retractions = [statement for statement in statements if statement.kind is StatementKind.RETRACTION]
    retracted = {retraction.name for retraction in retractions if retraction.name is not None}
    retracted_until: dict[int, int] = {}
    for retraction in retractions:
        if retraction.name is None:
            at_us = retraction.effective_us
            retracted_until[at_us] = max(retraction.order, retracted_until.get(at_us, retraction.order))
    kept = [
        statement
        for statement in statements
        if statement.kind is not StatementKind.RETRACTION
        and (statement.name is None or statement.name not in retracted)
        and statement.order >= retracted_until.get(statement.effective_us, statement.order)
    ]
    corrected: dict[Hashable, int] = {}  # the newest correction of each Observation
    for statement in kept:
        if statement.corrected and statement.name is not None:
            corrected[statement.name] = max(statement.order, corrected.get(statement.name, statement.order))
    return [
        statement
        for statement in kept
        if statement.name not in corrected or (statement.corrected and statement.order >= corrected[statement.name])
    ]


def stands_at(statements: Iterable[Statement]) -> Standing | None:
    """Return what stands of the statements in force at one instant (rule 3): a reading, else a heart rate alone."""
    by_arrival = sorted(statements, key=lambda statement: statement.order)
    pressures = [statement for statement in by_arrival if statement.kind is StatementKind.PRESSURE]
    heart_rates = [statement for statement in by_arrival if statement.kind is StatementKind.HEART_RATE]
    if not pressures:
        return Standing(heart_rates[-1], heart_rates[-1]) if heart_rates else None
    pressures.sort(key=lambda statement: statement.corrected)
    reading = pressures[-1]
    if reading.heart_rate is not None:
        return Standing(reading, reading)
    same = [other for other in pressures if other.pressures == reading.pressures and other.heart_rate is not None]
    joining = same if same and not reading.corrected else heart_rates
    return Standing(reading, joining[-1] if joining else reading)


def readings_of(statements: Iterable[Statement]) -> list[Standing]:
    """Return a patient's readings, oldest first: one per instant, heart rates within reach joined (rules 1 to 4)."""
    kept = sorted(in_force(statements), key=lambda statement: (statement.effective_us, statement.order))
    standing = [stands_at(of_instant) for _, of_instant in groupby(kept, lambda statement: statement.effective_us)]
    readings = [found for found in standing if found is not None and found.reading.kind is StatementKind.PRESSURE]
    lacking = [found.heart_rate_from.heart_rate is None for found in readings]
    for nearest, heart_rate in _claims(readings, kept):
        if lacking[nearest]:
            readings[nearest] = readings[nearest]._replace(heart_rate_from=heart_rate)
    return readings


def _claims(readings: Sequence[Standing], statements: Iterable[Statement]) -> list[tuple[int, Statement]]:
    """Return which reading each heart rate within reach claims, the best claim last."""
    claims = []
    for heart_rate in (statement for statement in statements if statement.kind is StatementKind.HEART_RATE):
        distances_us = [abs(found.reading.effective_us - heart_rate.effective_us) for found in readings]
        distance_us = min(distances_us, default=HEART_RATE_REACH_US + 1)
        if distance_us <= HEART_RATE_REACH_US:
            claims.append((distance_us, heart_rate.order, distances_us.index(distance_us), heart_rate))
    claims.sort(key=lambda claim: (-claim[0], claim[1]))
    return [(nearest, heart_rate) for _, _, nearest, heart_rate in claims]
