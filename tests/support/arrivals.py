"""A small language for what arrives in the window state, for scenario tests."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from fhir.precedence import StatementKind
from jobs.streaming.window_state import (
    NO_OBSERVATION,
    STATE_LENGTH,
    STATEMENT,
    Statements,
    observation_number,
    state_order,
)
from jobs.streaming.windows import Scorable, build_windows

MINUTE_US = 60_000_000
START_US = 1_790_000_000_000_000


@dataclass
class Patient:
    """One patient's state: what has arrived, in order; the Kafka offset counts up by itself."""

    arrived: list[tuple[object, ...]] = field(default_factory=list)

    def reading(self, minute: float, systolic: float = 130, diastolic: float = 80, **more: object) -> None:
        """Let a blood pressure arrive that was taken at `minute`."""
        rate = more.get("heart_rate", np.nan)
        self._arrive(
            minute, more.get("name"), (systolic, diastolic, rate), StatementKind.PRESSURE, more.get("corrected", False)
        )

    def heart_rate(self, minute: float, rate: float, name: str | None = None) -> None:
        """Let a heart rate of its own arrive."""
        self._arrive(minute, name, (np.nan, np.nan, rate), StatementKind.HEART_RATE, corrected=False)

    def retraction(self, minute: float, name: str | None = None) -> None:
        """Let an Observation arrive that was entered in error."""
        self._arrive(minute, name, (np.nan, np.nan, np.nan), StatementKind.RETRACTION, corrected=False)

    def _arrive(
        self, minute: float, name: object, values: tuple[object, ...], kind: StatementKind, corrected: object
    ) -> None:
        number = observation_number(name) if isinstance(name, str) else NO_OBSERVATION
        time_us = START_US + round(minute * MINUTE_US)
        self.arrived.append((time_us, len(self.arrived), number, *values, 0, kind, corrected))

    def state(self) -> Statements:
        """Return what Spark's state holds: the newest entries by its order, newest first."""
        entries = np.array(self.arrived, dtype=STATEMENT)
        newest_first = np.argsort(-state_order(entries["effective_us"], entries["offset"]))
        return entries[newest_first[:STATE_LENGTH]]

    def window(self) -> Scorable:
        """Return the patient's window as the score query builds it."""
        state = self.state()
        return build_windows(state, np.zeros(len(state), dtype=np.intp))

    def systolics(self) -> list[float]:
        """Return the systolic pressures of the window, oldest first."""
        scorable = self.window()
        if not len(scorable.patients):
            return []
        values = scorable.windows.systolic[0]
        return [float(value) for value in values[~np.isnan(values)]]
