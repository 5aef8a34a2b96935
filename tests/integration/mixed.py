"""A topic's worth of what really arrives: readings of many patients, and of everything that goes wrong a little."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from jobs.fhir.reasons import Reason
from tests.clock import at
from tests.factories import heart_rate_observation, observation, payload

PATIENTS = 150
ROUNDS = 16
MINUTES_BETWEEN_ROUNDS = 15
SEED = 11
FATES = {"late": 0.04, "resent": 0.04, "retracted": 0.02, "retracted by id": 0.02, "corrected": 0.02, "malformed": 0.02}
LATE_ROUNDS = 4


@dataclass(frozen=True)
class Arrival:
    """A message and the round in which it is sent."""

    round: int
    patient: str
    payload: bytes


@dataclass(frozen=True)
class Mixture:
    """The messages in the order in which they are sent, and how many readings met each fate."""

    messages: list[tuple[str, bytes]]
    fates: Counter[str]

    @property
    def reasons(self) -> Counter[str]:
        """How many messages must be refused, by reason."""
        retracted = self.fates["retracted"] + self.fates["retracted by id"]
        return Counter(
            {
                Reason.DUPLICATE.value: self.fates["resent"],
                Reason.STATUS_ENTERED_IN_ERROR.value: retracted,
                Reason.MALFORMED_JSON.value: self.fates["malformed"],
            }
        )


def mixture() -> Mixture:
    """Always the same messages: each patient reads once a round, some readings come late, twice, or are taken back."""
    chance, fates = random.Random(SEED), Counter[str]()  # noqa: S311 - a simulation
    arrivals: list[Arrival] = []
    for number in range(ROUNDS):
        for patient in range(PATIENTS):
            (fate,) = chance.choices(["", *FATES], [1 - sum(FATES.values()), *FATES.values()])
            fates[fate] += 1
            arrivals += _arrivals(f"p-{patient}", number, fate, chance)
    arrivals.sort(key=lambda arrival: arrival.round)  # stable: within a round as made
    return Mixture([(arrival.patient, arrival.payload) for arrival in arrivals], fates)


def _arrivals(patient: str, number: int, fate: str, chance: random.Random) -> Iterator[Arrival]:
    name, when = f"{patient}-bp-{number}", at(number * MINUTES_BETWEEN_ROUNDS)
    common: dict[str, Any] = {"subject": {"reference": f"Patient/{patient}"}, "effectiveDateTime": when}
    reading = observation(systolic=chance.randint(100, 200), diastolic=chance.randint(60, 90), id=name, **common)
    yield Arrival(number + LATE_ROUNDS * (fate == "late"), patient, payload(reading))
    if fate == "malformed":
        yield Arrival(number, patient, payload(reading)[:-20])
    if fate == "resent":
        yield Arrival(number + 1, patient, payload(reading))
    if fate == "corrected":
        yield Arrival(number + 1, patient, payload(observation(systolic=131, id=name, status="corrected", **common)))
    if fate == "retracted":
        yield Arrival(number + 2, patient, payload(reading | {"status": "entered-in-error"}))
    if fate == "retracted by id":
        bare = {key: reading[key] for key in ("resourceType", "id", "code", "subject")}
        yield Arrival(number + 2, patient, payload(bare | {"status": "entered-in-error"}))
    if chance.random() < 0.1:
        yield Arrival(number, patient, payload(heart_rate_observation(chance.randint(50, 100), id=name, **common)))
