"""Which readings and predictions the fold has to see: what may meet a condition, and what follows it. Pure.

Where no alert is open a finding that meets nothing changes nothing. Where one is open, as many of them in a row as the
rules name end or latch it, and those that follow change nothing any more. So long quiet stretches are left out, and
the alerts stay the same (`tests/unit/alerts/simulation/test_reduction.py`).
"""

from __future__ import annotations

import numpy as np

from alerts.findings import Limits
from alerts.rules import Rules
from alerts.simulation.record import Columns, Flags, Record
from conf.clinical import ALERT_RISK_FIELD


def kept_readings(record: Record, rules: Rules) -> Flags:
    """Tell which readings count for an alert of any measured kind."""
    readings = record.readings
    special = np.isin(readings.at_us, list(record.aside.whole))
    crisis = _beyond(readings, rules.measured.systolic, rules.measured.diastolic) | special
    limits = record.aside.limits
    own = special | (_beyond(readings, limits.systolic_from, limits.diastolic_from) if limits else False)
    low = special | _below(readings, rules, limits)
    loud = ((crisis, rules.measured), (own, rules.limit), (low, rules.low))
    kept: Flags = np.logical_or.reduce([near(found, found, rule.quiet) for found, rule in loud])
    return kept


def kept_predictions(record: Record, rules: Rules) -> Flags:
    """Tell which predictions count for an alert of the predicted kind."""
    risk, rule = record.predictions.values[ALERT_RISK_FIELD], rules.predicted
    return near(risk >= rule.thresholds[0], risk >= rule.held_down_to[0], rule.quiet)


def near(raises: Flags, holds: Flags, quiet: int) -> Flags:
    """Tell which findings by time are in a stretch that holds an alert, or among the `quiet` ones after it.

    `holds` are those that may keep an alert, `raises` those among them that may begin one: without one of these a
    stretch is left out.
    """
    places = np.arange(len(holds))
    last = np.maximum.accumulate(np.where(holds, places, -1 - quiet)) if len(holds) else places
    kept = places - last <= quiet
    stretch = np.cumsum(kept & ~np.append(False, kept[:-1])) if len(holds) else places
    begun = np.bincount(stretch, raises, minlength=1) > 0
    return kept & begun[stretch]


def _beyond(readings: Columns, systolic: float | None, diastolic: float | None) -> Flags:
    limits = {"systolic": systolic, "diastolic": diastolic}
    met = [readings.values[name] >= limit for name, limit in limits.items() if limit is not None]
    beyond: Flags = np.logical_or.reduce([np.zeros(len(readings.at_us), bool), *met])
    return beyond


def _below(readings: Columns, rules: Rules, limits: Limits | None) -> Flags:
    """Tell which readings may be below the limit in force: that of the ward or of the patient, whichever is higher."""
    own = (limits.systolic_below, limits.diastolic_below) if limits else (None, None)
    usual = (rules.low.systolic, rules.low.diastolic)
    highest = [max((limit for limit in pair if limit is not None), default=0) for pair in zip(own, usual, strict=True)]
    below: Flags = (readings.values["systolic"] < highest[0]) | (readings.values["diastolic"] < highest[1])
    return below
