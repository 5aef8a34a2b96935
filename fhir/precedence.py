"""Which of several messages about a patient stands: the one rule of intake, stored documents and windows.

1. A retraction (`entered-in-error`) takes out every statement under its Observation's name for good, whenever it
   arrives; one without a name takes out what of the same kind arrived before it for the same instant.
2. Of the statements that share a name the newest version stands, so that arrival plays no part. Where versions do not
   compare (not told, told in different ways, or equal), a correction or a withdrawal (what was said no longer stands,
   and nothing takes its place) replaces what is neither, resends too; of several of them the later arrival stands. A
   withdrawal itself never stands.
3. One instant is one reading: a correction stands, otherwise the later arrival; but of readings at different sites of
   the body the higher systolic one. A resend of the same pressures that lacks the heart rate does not take it away.
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
from fhir.readings import FIRST_DATED_VERSION

HEART_RATE_REACH_US: Final = 2 * MINUTE_US


class StatementKind(IntEnum):
    """What a statement tells; the numbers are part of the window state."""

    PRESSURE = 0
    HEART_RATE = 1
    RETRACTION = 2
    WITHDRAWAL = 3


class Statement(NamedTuple):
    """What one message says of one patient at one instant (microseconds since the epoch).

    `order` is that of arrival: Kafka's offset, or the position in a message. `name` stands for the Observation's id,
    None if it has none, `partner` for the id of the other half where two Observations make a pair; `version` is as in
    `fhir.readings`, `site` stands for the place of measurement. The caller finds the statement again by its `number`.
    Pressures in mmHg, rate per minute; a retraction has a rate if it takes back a heart rate of its own.
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
    version: int = 0
    partner: Hashable | None = None
    site: Hashable | None = None

    @property
    def names(self) -> tuple[Hashable, ...]:
        """What a retraction or another version may call it."""
        if self.partner is None:
            return () if self.name is None else (self.name,)
        return (self.partner,) if self.name is None else (self.name, self.partner)

    @property
    def revises(self) -> bool:
        """Whether it takes the place of what its Observation said before, even where versions do not compare."""
        return self.corrected or self.kind is StatementKind.WITHDRAWAL

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


def unretracted(statements: Iterable[Statement]) -> list[Statement]:
    """Return what no retraction takes out (rule 1), in the order given."""
    statements = list(statements)
    retractions = [statement for statement in statements if statement.kind is StatementKind.RETRACTION]
    if not retractions:
        return statements
    retracted = {name for retraction in retractions for name in retraction.names}
    until: dict[tuple[int, StatementKind], int] = {}  # the last arrival of a retraction without a name
    for retraction in retractions:
        if not retraction.names:
            kind = StatementKind.PRESSURE if retraction.heart_rate is None else StatementKind.HEART_RATE
            until[retraction.effective_us, kind] = max(retraction.order, until.get((retraction.effective_us, kind), 0))
    return [
        statement
        for statement in statements
        if statement.kind is not StatementKind.RETRACTION
        and retracted.isdisjoint(statement.names)
        and statement.order >= until.get((statement.effective_us, statement.kind), statement.order)
    ]


def in_force(statements: Iterable[Statement]) -> list[Statement]:
    """Return the readings that nothing takes out and nothing replaces (rules 1 and 2), in the order given."""
    known = newest_versions(unretracted(statements))
    revised: dict[Hashable, int] = {}  # the last arrival of what revises each Observation
    for statement in known:
        if statement.revises:
            for name in statement.names:
                revised[name] = max(statement.order, revised.get(name, statement.order))
    return [
        statement
        for statement in known
        if statement.kind is not StatementKind.WITHDRAWAL
        and all(
            name not in revised or (statement.revises and statement.order >= revised[name]) for name in statement.names
        )
    ]


def newest_versions(statements: Sequence[Statement]) -> list[Statement]:
    """Leave out every statement of which a newer version is known; counted and dated versions do not compare."""
    newest: dict[tuple[Hashable, bool], int] = {}
    for statement in statements:
        for name in statement.names:
            key = (name, statement.version >= FIRST_DATED_VERSION)
            newest[key] = max(statement.version, newest.get(key, 0))
    return [
        statement
        for statement in statements
        if not statement.version
        or all(newest[name, statement.version >= FIRST_DATED_VERSION] <= statement.version for name in statement.names)
    ]


def stands_at(statements: Iterable[Statement]) -> Standing | None:
    """Return what stands of the statements in force at one instant (rule 3): a reading, else a heart rate alone."""
    by_arrival = sorted(statements, key=lambda statement: statement.order)
    pressures = [statement for statement in by_arrival if statement.kind is StatementKind.PRESSURE]
    heart_rates = [statement for statement in by_arrival if statement.kind is StatementKind.HEART_RATE]
    if not pressures:
        return Standing(heart_rates[-1], heart_rates[-1]) if heart_rates else None
    pressures.sort(key=lambda statement: statement.corrected)
    reading = _of_sites(pressures)
    if reading.heart_rate is not None:
        return Standing(reading, reading)
    same = [other for other in pressures if other.pressures == reading.pressures and other.heart_rate is not None]
    joining = same if same and not reading.corrected else heart_rates
    return Standing(reading, joining[-1] if joining else reading)


def _of_sites(pressures: Sequence[Statement]) -> Statement:
    """Return the last of the pressures, or if it names its site the one of all sites that is higher.

    Where both arms were measured, guidelines take the arm with the higher pressure (NICE NG136, ESC 2024).
    """
    last_of = {pressure.site: pressure for pressure in pressures if pressure.site is not None}
    if pressures[-1].site is None:
        return pressures[-1]
    return max(last_of.values(), key=lambda pressure: (pressure.systolic, pressure.diastolic, pressure.order))


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
