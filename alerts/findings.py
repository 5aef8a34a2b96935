"""What stored readings and predictions say of a patient, kind by kind. Pure.

Measured kinds go by readings, every one of them, and not by predictions: of readings that arrive together only the
newest one is scored.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from alerts.model import CRITICAL_RANK, AlertKind, Finding
from alerts.rules import Rules
from assessment.urgency import level_rank
from conf.clinical import ALERT_RISK_FIELD
from fhir.readings import CONFLICTING_VALUES, RETRACTED_STATUS

Document = Mapping[str, Any]

NEWS_FOR: Final = timedelta(hours=72)
VOIDING: Final = frozenset({"retracted", "withdrawn", "moved"})  # what a stored note says of an Observation
MEASURED_KINDS: Final = (AlertKind.MEASURED, AlertKind.LIMIT, AlertKind.LOW)
FOLDED: Final = (*MEASURED_KINDS, AlertKind.PREDICTED)  # the kinds that findings raise


@dataclass(frozen=True, slots=True)
class Limits:
    """The pressures (mmHg) beyond which a clinician wants to hear of one patient, and since when; None: no limit."""

    since: datetime
    systolic_from: float | None = None
    diastolic_from: float | None = None
    systolic_below: float | None = None
    diastolic_below: float | None = None


LIMITS: Final = ("systolic_from", "diastolic_from", "systolic_below", "diastolic_below")
NO_LIMITS: Final = Limits(datetime.min.replace(tzinfo=UTC))


def read_limits(document: Document) -> Limits:
    """Return the limits of a document of ``blood-pressure-patient-rules``."""
    since = document.get("limits_at") or document["changed_at"]  # the second is of the silence, or its end, as well
    return Limits(datetime.fromisoformat(since), **{name: document.get(name) for name in LIMITS})


def find(
    readings: Iterable[Document], predictions: Iterable[Document], rules: Rules, limits: Limits | None
) -> dict[AlertKind, list[Finding]]:
    """Return the findings of a patient by kind, oldest first, out of standing readings and their predictions."""
    found: dict[AlertKind, list[Finding]] = {kind: [] for kind in FOLDED}
    for reading in readings:
        if stands(reading):
            for kind, rank in ranks_of_reading(reading, rules, limits).items():
                found[kind].append(_finding(reading, rank, "ingested_at"))
    found[AlertKind.PREDICTED] = [of_prediction(prediction, rules) for prediction in predictions]
    ordered = {kind: sorted(findings, key=lambda finding: finding.at) for kind, findings in found.items()}
    within = timedelta(minutes=rules.measured.confirm_within_minutes)
    return ordered | {AlertKind.MEASURED: confirmed(ordered[AlertKind.MEASURED], within)}


def stands(reading: Document) -> bool:
    """Tell whether a stored reading says something of pressure that nobody has taken back."""
    return reading.get("status") != RETRACTED_STATUS and reading.get("systolic") is not None


def is_news(measured_at: datetime, arrived_at: datetime) -> bool:
    """Tell whether something came soon enough to raise anybody: a transfer of old data must not."""
    return arrived_at - measured_at <= NEWS_FOR


def ranks_of_reading(reading: Document, rules: Rules, limits: Limits | None) -> dict[AlertKind, int]:
    """Return the rank of a reading with pressures for each measured kind, 0 where nothing is met, or asked for."""
    systolic, diastolic = pressures_of(reading)
    crisis = systolic >= rules.measured.systolic or diastolic >= rules.measured.diastolic
    own = limits if limits and datetime.fromisoformat(reading["@timestamp"]) >= limits.since else NO_LIMITS
    beyond = _reaches(systolic, own.systolic_from) or _reaches(diastolic, own.diastolic_from)
    low = _below(systolic, own.systolic_below, rules.low.systolic)
    low = low or _below(diastolic, own.diastolic_below, rules.low.diastolic)
    return {
        AlertKind.MEASURED: CRITICAL_RANK if crisis else 0,
        AlertKind.LIMIT: level_rank(rules.limit.level) if beyond else 0,
        AlertKind.LOW: level_rank(rules.low.level) if low else 0,
    }


def _reaches(pressure: float, limit: float | None) -> bool:
    return limit is not None and pressure >= limit


def _below(pressure: float, own: float | None, usual: float | None) -> bool:
    """Tell whether a pressure is below the patient's own limit, or the usual one where there is none."""
    limit = usual if own is None else own
    return limit is not None and pressure < limit


def of_prediction(prediction: Document, rules: Rules) -> Finding:
    """Return the finding of a prediction: the level of its 6 h risk, and the one that it would keep."""
    risk, rule = prediction[ALERT_RISK_FIELD], rules.predicted
    told = {
        "holds": bisect_right(rule.held_down_to, risk),
        "risk_6h": risk,
        "model_version": prediction.get("model_version"),
    }
    return _finding(prediction, bisect_right(rule.thresholds, risk), "scored_at", **told)


def _finding(document: Document, rank: int, arrived: str, **told: Any) -> Finding:
    systolic, diastolic = map(float, pressures_of(document))
    at, arrived_at = (datetime.fromisoformat(document[name]) for name in ("@timestamp", arrived))
    return Finding(
        at,
        rank if is_news(at, arrived_at) else 0,
        arrived_at=arrived_at,
        systolic=systolic,
        diastolic=diastolic,
        **told,
    )


def pressures_of(document: Document) -> tuple[float, float]:
    """Return the pressures that alerts go by: of several Observations of one instant, of two arms say, the highest.

    Which of them stands is settled by arrival, and must not decide whether anybody hears of a crisis. What was taken
    back, or said of another instant since, is none of them.
    """
    own = document["systolic"], document["diastolic"]
    if CONFLICTING_VALUES not in (document.get("flags") or ()):
        return own
    notes = document.get("merged") or []
    void = {note.get("observation_id") for note in notes if not VOIDING.isdisjoint(note)}
    others = [
        (note["systolic"], note["diastolic"])
        for note in notes
        if note.get("systolic") is not None
        and note.get("diastolic") is not None
        and note.get("status") != RETRACTED_STATUS
        and note.get("observation_id") not in void | {document.get("observation_id")}
    ]
    return max(own, *others) if others else own


def confirmed(findings: Sequence[Finding], within: timedelta) -> list[Finding]:
    """Return the findings (oldest first), of which one that none before it confirms in time raises nothing by itself.

    It still keeps an alert that is there. Without a time each finding stands alone.
    """
    found: list[Finding] = []
    last_met: datetime | None = None
    for finding in findings:
        alone = bool(finding.rank) and bool(within) and (last_met is None or finding.at - last_met > within)
        found.append(replace(finding, rank=0, holds=finding.rank) if alone else finding)
        last_met = finding.at if finding.rank else last_met
    return found
