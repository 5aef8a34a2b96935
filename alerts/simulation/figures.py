"""What alerts cost and what they tell: figures of everybody's alerts of a period under some rules. Pure.

- *Alerts* are those that began within the period; a *patient-day* is one between the first and the last reading of a
  patient in it. An alert counts at its highest level.
- A *crisis* is what the reports of the models call one (`ml.evaluation.alarms`), whatever the rules are.
- It is *announced* if a predicted alert stood at some time in the 6 h before; its lead is the time since then, or since
  the alert became known. It is *told* if an alert of measured crises began, or stood, within the 6 h after it.
- A predicted alert is *right* if a crisis was measured within the 6 h after the reading that raised it. One that began
  during a crisis, or whose 6 h were not watched closely enough (`ml.labels`), counts neither way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any, Final

import numpy as np

from alerts.model import CRITICAL_RANK, AlertKind
from alerts.simulation.record import Record
from alerts.simulation.replaying import Alert
from conf.clinical import ALERT_HORIZON_H, ALERT_LEVELS, HORIZONS_H, is_crisis
from conf.times import DAY_US, HOUR_US, to_us
from ml.evaluation.bootstrap import plain
from ml.evaluation.episodes import crisis_onsets
from ml.labels import targets_on_record

HORIZON_US: Final = ALERT_HORIZON_H * HOUR_US
TARGET: Final = HORIZONS_H.index(ALERT_HORIZON_H)

Figures = dict[str, Any]


@dataclass(frozen=True)
class Watched:
    """What the record of a patient says of a period, whatever the rules are: days with readings, onsets of crises."""

    days: float
    crises_us: tuple[int, ...]


def watched(record: Record, since_us: int, until_us: int) -> Watched:
    """Return what a record says of [since, until); days are 0 for somebody without readings in it."""
    at_us = record.readings.at_us
    within = at_us[(since_us <= at_us) & (at_us < until_us)]
    onsets = at_us[crisis_onsets(at_us, is_crisis(*_pressures(record)))]
    crises = onsets[(since_us <= onsets) & (onsets < until_us)]
    return Watched(float(np.ptp(within)) / DAY_US if len(within) else 0.0, tuple(crises.tolist()))


def judge(record: Record, alerts: Iterable[Alert]) -> list[Alert]:
    """Return a patient's alerts, of the predicted ones with whether each level was right (None: that is not known)."""
    found = list(alerts)
    places = [
        (number, level.at_us)
        for number, alert in enumerate(found)
        if alert.episode.kind is AlertKind.PREDICTED
        for level in alert.reached
    ]
    at_us = np.array([at for _, at in places], np.int64)
    times, systolic, diastolic = record.readings.at_us, *_pressures(record)
    target = targets_on_record(at_us, times, systolic, diastolic).shown[:, TARGET]
    target[np.isin(at_us, times[is_crisis(systolic, diastolic)])] = np.nan
    for (number, _), value in zip(places, target.tolist(), strict=True):
        right = (*found[number].right, None if np.isnan(value) else bool(value))
        found[number] = replace(found[number], right=right)
    return found


def _pressures(record: Record) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    return record.readings.values["systolic"], record.readings.values["diastolic"]


def figures(patients: Sequence[tuple[Watched, Sequence[Alert]]], since_us: int, until_us: int) -> Figures:
    """Return the figures of all patients' alerts, each patient's beside what the record says."""
    days = sum(of.days for of, _ in patients)
    begun = [each for _, alerts in patients for each in alerts if since_us <= to_us(each.episode.started_at) < until_us]
    counts = Counter((str(alert.episode.kind), alert.episode.peak_level) for alert in begun)
    by_kind: dict[str, dict[str, int]] = {}
    for (kind, level), number in sorted(counts.items()):
        by_kind.setdefault(kind, {})[level] = number
    crises = [(at_us, alerts) for of, alerts in patients for at_us in of.crises_us]
    return {
        "alerts": len(begun),
        "alerts_per_patient_day": _share(len(begun), days),
        "by_kind": by_kind,
        "crises_told": _share(sum(is_told(at_us, alerts) for at_us, alerts in crises), len(crises)),
        "answered_share": _share(sum(alert.is_answered for alert in begun), len(begun)),
        "latched_share": _share(sum(alert.is_latched for alert in begun), len(begun)),
        "predicted": {ALERT_LEVELS[rank]: _of_level(rank, begun, crises, days) for rank in range(1, CRITICAL_RANK + 1)},
    }


def _of_level(rank: int, begun: Sequence[Alert], crises: Sequence[tuple[int, Sequence[Alert]]], days: float) -> Figures:
    """Return what predicted alerts of a level, or of a higher one, cost and tell."""
    risen = [alert for alert in begun if alert.episode.kind is AlertKind.PREDICTED and len(alert.reached) >= rank]
    right = [alert.right[rank - 1] for alert in risen if alert.right[rank - 1] is not None]
    leads = [lead for at_us, alerts in crises if (lead := lead_us(at_us, alerts, rank)) is not None]
    return {
        "alerts_per_patient_day": _share(len(risen), days),
        "crises_announced": _share(len(leads), len(crises)),
        "median_lead_h": plain(median(leads) / HOUR_US) if leads else None,
        "ppv": _share(sum(map(bool, right)), len(right)),
    }


def lead_us(crisis_us: int, alerts: Iterable[Alert], rank: int) -> int | None:
    """Return how long before a crisis a predicted alert stood at a level, 6 h at most; None: none did."""
    earliest_us = crisis_us - HORIZON_US
    stood = [
        max(level.known_us, earliest_us)
        for alert in alerts
        if alert.episode.kind is AlertKind.PREDICTED and len(alert.reached) >= rank
        for level in (alert.reached[rank - 1],)
        if level.known_us < crisis_us and level.last_us >= earliest_us
    ]
    return crisis_us - min(stood) if stood else None


def is_told(crisis_us: int, alerts: Iterable[Alert]) -> bool:
    """Tell whether somebody was told of a crisis when it was there."""
    return any(
        level.at_us <= crisis_us + HORIZON_US and level.last_us >= crisis_us
        for alert in alerts
        if alert.episode.kind is AlertKind.MEASURED
        for level in alert.reached[-1:]
    )


def _share(part: float, whole: float) -> float | None:
    return plain(part / whole) if whole else None
