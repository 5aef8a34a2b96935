"""From readings to the messages that tell of them, in the drawn forms and with the drawn faults.

What happens to a reading follows from seed, tick and patient alone, so that a producer that starts again, and however
its time is cut, tells each reading in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from conf.times import MINUTE_US
from fhir.ranges import impossible_pressure
from fhir.write.device import Shown, encode_observation
from producer.faults import FAULTS, LONGEST_DELAY, READING, Telling
from producer.forms import FORMS, PLAIN, VARIANTS
from producer.messages import STORED, Message
from producer.simulation.patients import Patients, Stream, random_stream
from producer.simulation.readings import Readings


@dataclass(frozen=True, slots=True)
class Fates:
    """What happens to the reading of each patient at one tick, shape (n,): places in the shares, and random numbers."""

    tick: int
    form: NDArray[np.intp]
    fault: NDArray[np.intp]
    delay: NDArray[np.int64]  # measuring intervals
    variant: NDArray[np.int64]


class Composer:
    """Composes messages of `patients`, whose ids are `names`.

    Readings of no drawn form are told in the plain one, and so are those without a heart rate.
    """

    def __init__(
        self,
        patients: Patients,
        names: list[str],
        seed: int,
        interval_us: int,
        forms: Mapping[str, float],
        faults: Mapping[str, float],
    ) -> None:
        self._names = names
        self._keys = [name.encode() for name in names]
        self._offsets = patients.utc_offset_us // MINUTE_US
        self._seed, self._interval_us = seed, interval_us
        self._shares_of_forms, self._shares_of_faults = forms, faults
        self._form_names = [*forms, PLAIN]
        self._fault_names = [*faults, ""]
        self._fates: Fates | None = None

    @property
    def reach_us(self) -> int:
        """Return how long after a reading a message of it may become due."""
        return LONGEST_DELAY * self._interval_us if any(self._shares_of_faults.values()) else 0

    def compose(self, readings: Readings) -> list[Message]:
        """Return the messages of readings of one tick, in the order of the readings."""
        fates, patient = self._fates_at(readings.tick), readings.patient
        columns = (
            patient,
            self._offsets[patient],
            readings.effective_us,
            readings.systolic,
            readings.diastolic,
            readings.heart_rate,
            readings.has_heart_rate,
            fates.form[patient],
            fates.fault[patient],
            fates.delay[patient],
            fates.variant[patient],
        )
        messages: list[Message] = []
        for number, offset, us, systolic, diastolic, rate, has_rate, form, fault, delay, variant in zip(
            *(column.tolist() for column in columns), strict=True
        ):
            shown = Shown(self._names[number], us, offset, systolic, diastolic, rate if has_rate else None)
            messages += self._tell(shown, self._keys[number], form, fault, delay, variant)
        return messages

    def _tell(self, shown: Shown, key: bytes, form: int, fault: int, delay: int, variant: int) -> list[Message]:
        form_name = PLAIN if shown.heart_rate is None else self._form_names[form]
        fault_name = self._fault_names[fault]
        accepted = impossible_pressure(shown.systolic, shown.diastolic) is None
        if accepted and not fault_name and form_name == PLAIN:  # by far the most
            return [Message(shown.effective_us, key, encode_observation(*shown), READING, STORED)]
        parts = FORMS[form_name](shown, variant)
        telling = Telling(shown, key, parts, delay * self._interval_us, variant)
        return FAULTS[fault_name](telling) if accepted and fault_name else telling.messages()

    def _fates_at(self, tick: int) -> Fates:
        if self._fates is None or self._fates.tick != tick:
            random, count = random_stream(self._seed, Stream.MESSAGES, tick), len(self._names)
            self._fates = Fates(
                tick,
                draw(random, self._shares_of_forms, count),
                draw(random, self._shares_of_faults, count),
                random.integers(1, LONGEST_DELAY + 1, count),
                random.integers(0, VARIANTS, count),
            )
        return self._fates


def draw(random: np.random.Generator, shares: Mapping[str, float], count: int) -> NDArray[np.intp]:
    """Return for each of `count` the place of the drawn name in `shares`; ``len(shares)`` where none was drawn."""
    return np.searchsorted(np.cumsum(list(shares.values())), random.random(count), side="right")
