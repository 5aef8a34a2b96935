"""Records of patients as Elasticsearch would answer them, for tests of the simulation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from alerts.rules import Rules, load_rules
from alerts.simulation.record import Aside, Columns, Record
from alerts.simulation.replaying import Ward
from conf.clinical import ALERT_RISK_FIELD
from conf.times import to_us

START = datetime(2026, 3, 1, tzinfo=UTC)
INTERVAL = timedelta(minutes=15)
RULES = load_rules()
PATIENT = "P-1"


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def rules(**changes: Mapping[str, Any]) -> Rules:
    """Return the usual rules with some values of some kinds changed."""
    changed = {kind: getattr(RULES, kind).model_copy(update=dict(values)) for kind, values in changes.items()}
    return RULES.model_copy(update=changed)


def columns(arrived: str, minutes: Sequence[float], late: Sequence[float], **values: Sequence[float]) -> Columns:
    """Return columns of instants in minutes; each was stored so many minutes late."""
    at_us = np.array([to_us(at(each)) for each in minutes], np.int64)
    arrived_us = np.array([to_us(at(a + b)) for a, b in zip(minutes, late, strict=True)], np.int64)
    return Columns(arrived, at_us, arrived_us, {name: np.array(column, float) for name, column in values.items()})


def record(
    readings: Mapping[float, float] | Sequence[float],
    risks: Mapping[float, float] | Sequence[float] = (),
    late: Mapping[float, float] | None = None,
    aside: Aside | None = None,
) -> Record:
    """Return a record of systolic pressures and risks, by minute or one every quarter of an hour."""
    pressures, scored = (
        dict(given) if isinstance(given, Mapping) else {15.0 * place: value for place, value in enumerate(given)}
        for given in (readings, risks)
    )
    delay = [(late or {}).get(minute, 0.0) for minute in pressures]
    measured = columns(
        "ingested_at", list(pressures), delay, systolic=list(pressures.values()), diastolic=[80] * len(pressures)
    )
    values = {"systolic": [130.0] * len(scored), "diastolic": [80.0] * len(scored)}
    values[ALERT_RISK_FIELD] = list(scored.values())
    return Record(
        PATIENT, measured, columns("scored_at", list(scored), [0.0] * len(scored), **values), aside or Aside()
    )


def ward(until: float, of: Rules = RULES, stops: Sequence[tuple[datetime, datetime]] = ()) -> Ward:
    return Ward(of, INTERVAL, stops, at(until))
