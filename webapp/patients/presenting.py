"""What the pages of patients show: values chosen, named and put into sentences, in the language of the request."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from statistics import fmean
from typing import Any, Final

from alerts.events import Event, standing
from alerts.model import State
from alerts.wording import (
    LEVEL_NAMES,
    range_in_words,
    reasons_in_words,
    summary,
)
from assessment import report
from assessment.daytime import read_day_hours
from assessment.freshness import Freshness, freshness
from assessment.readings import in_crisis
from assessment.report import Dipping, Report
from assessment.targets import HIGHEST, LOWEST, Fault
from assessment.trend import direction
from conf.clinical import ALERT_HORIZON_H, ALERT_LEVELS, HORIZONS_H, risk_field
from conf.settings import Settings
from elastic.client import Document, Page
from elastic.search.latest import MOST_COUNTED
from ml.features import WINDOW_LENGTH
from webapp.board.rows import Row, make_row
from webapp.i18n import N_, gettext, language, mmhg, ngettext, percent, when
from webapp.patients.chart import Chart
from webapp.patients.listing import Filters
from webapp.patients.loading import JUST_AFTER, PatientNow, Scored
from webapp.patients.periods import Period
from webapp.patients.report_chart import draw
from webapp.patients.timeline import Timeline, changes
from webapp.store.patient_targets import PatientTargets

SEEN_NAMES: Final[Mapping[str, str]] = {
    "": N_("any time"),
    "fresh": N_("in time"),
    "silent": N_("overdue"),
    "1h": N_("in the last hour"),
    "24h": N_("in the last 24 hours"),
}
ORDER_NAMES: Final[Mapping[str, str]] = {
    "risk": N_("highest risk first"),
    "newest": N_("newest reading first"),
    "id": N_("by id"),
}
VIEWS: Final[Mapping[str, dict[str, str]]] = {
    N_("Critical"): {"level": "CRITICAL"},
    N_("High"): {"level": "HIGH"},
    N_("Overdue, newest first"): {"seen": "silent", "order": "newest"},
    N_("All by id"): {"order": "id"},
}
SPAN_NAMES: Final[Mapping[str, str]] = {
    "1h": N_("1 hour"),
    "6h": N_("6 hours"),
    "24h": N_("24 hours"),
    "7d": N_("7 days"),
    "30d": N_("30 days"),
}
DIPPING_NAMES: Final[Mapping[Dipping, str]] = {
    Dipping.EXTREME: N_("extreme dip"),
    Dipping.NORMAL: N_("normal dip"),
    Dipping.REDUCED: N_("reduced dip"),
    Dipping.RISING: N_("no dip: rise by night"),
    Dipping.UNKNOWN: N_("cannot be told: no reading by day or none by night"),
}
INTERVAL_NAMES: Final[Mapping[str, str]] = {"1m": N_("1 min"), "15m": N_("15 min"), "1h": N_("1 h")}
LONGEST_GAP_H: Final = ALERT_HORIZON_H  # a window with a hole as long as the horizon of the alert tells little
MOST_RESCORED: Final = 20
MOST_AHEAD: Final = 5
MOST_EVENTS: Final = 200  # of the journal
MOST_LISTED: Final = 144  # readings that fit onto the page of a report


FAULT_NAMES: Final[Mapping[Fault, str]] = {
    Fault.NO_NUMBER: N_("A whole number is missing here."),
    Fault.OUT_OF_RANGE: N_("Between %(lowest)s and %(highest)s mmHg."),
    Fault.NOT_ABOVE_LOWEST: N_("Must be above the beginning."),
    Fault.NOT_ABOVE_DIASTOLIC: N_("Must be above the diastolic one."),
}


def names() -> dict[str, Any]:
    """Return the words for the choices of a patient's page."""
    bounds = {"lowest": LOWEST, "highest": HIGHEST}
    return {
        "spans": SPAN_NAMES,
        "interval_names": INTERVAL_NAMES,
        "fault_text": lambda fault: gettext(FAULT_NAMES[fault]) % bounds,
        "target_bounds": bounds,
    }


def list_view(found: Page, filters: Filters, now: datetime, interval: timedelta) -> dict[str, Any]:
    """Return a page of the list."""
    return {
        "rows": [row_view(document, now, interval) for document in found.documents],
        "total": found.total,
        "most_counted": MOST_COUNTED,
        "filters": filters,
        "levels": LEVEL_NAMES,
        "seen_choices": SEEN_NAMES,
        "order_choices": ORDER_NAMES,
        "views": VIEWS,
    }


def row_view(document: Document, now: datetime, interval: timedelta) -> dict[str, Any]:
    """Return the row of a patient by the newest prediction, or a reading without one."""
    return {**document, "is_stale": _is_old(document, now, interval), "crisis": in_crisis(document)}


def _is_old(document: Document, now: datetime, interval: timedelta) -> bool:
    """Tell whether a prediction or a reading is no longer a statement about now."""
    return freshness(datetime.fromisoformat(document["@timestamp"]), now, interval) is not Freshness.FRESH


def patient_view(patient: PatientNow, now: datetime, interval: timedelta) -> dict[str, Any]:
    """Return the parts of a patient's page that change from reading to reading; sections are those of the board."""
    reading = patient.reading or (None if patient.prediction else patient.ahead[0])  # told as the fault that it is
    open_ones = [alert for alert in patient.alerts if alert["is_open"]]
    row = make_row(patient.patient_id, open_ones, patient.prediction, reading, now, interval)
    return {
        "patient_id": patient.patient_id,
        "measured": _measured(row, patient),
        "predicted": patient.prediction and _predicted(patient.prediction, now, interval),
        "quality": patient.prediction and _quality(patient.prediction),
        "viewers": patient.viewers,
        "stay": patient.stay,
        "section": row.urgency,
        **alerts_view(patient),
    }


def alerts_view(patient: PatientNow) -> dict[str, Any]:
    """Return the alerts of a patient's page, the newest first, and the journal, its newest event first."""
    stands = standing(patient.events)
    notes = [event for event in stands if event["event"] == Event.NOTED]
    useful = patient.usefulness
    return {
        "alerts": [
            {
                "alert": alert,
                "useful": useful.get(alert["alert_id"]),
                "notes": [note for note in notes if note["alert_id"] == alert["alert_id"]],
            }
            for alert in patient.alerts
        ],
        "journal": [
            {"event": event, "is_undone": event["event"] != Event.UNDONE and event not in stands}
            for event in reversed(patient.events[-MOST_EVENTS:])
        ],
        "rules": patient.rules,
        "is_ended": patient.is_ended,
        "refused": patient.refused,
    }


def _measured(row: Row, patient: PatientNow) -> dict[str, Any]:
    """Return the newest reading, that of the prediction where the reading itself is not found, and those of the future.

    Of the latter the next ones are listed, and all are counted.
    """
    slope = patient.slope
    reading = row.reading or {}
    return {
        **reading,
        "mean": reading.get("mean_arterial_pressure"),
        "crisis": row.is_crisis,
        "state": row.freshness,
        "slope": None if slope is None else round(slope),
        "direction": direction(slope),
        "ahead": [{**reading, "crisis": in_crisis(reading)} for reading in patient.ahead[:MOST_AHEAD]],
        "ahead_count": len(patient.ahead),
    }


def _predicted(prediction: Document, now: datetime, interval: timedelta) -> dict[str, Any]:
    reasons = reasons_in_words(prediction.get("reasons"), gettext, language())
    return {
        **prediction,
        "is_stale": _is_old(prediction, now, interval),
        "risks": [(hours, prediction[risk_field(hours)]) for hours in HORIZONS_H],
        "reasons_in_words": reasons,
        "reasons_summary": summary(reasons, gettext),
        "range_in_words": range_in_words(prediction.get("out_of_range"), gettext),
    }


def _quality(prediction: Document) -> dict[str, Any]:
    """Return what the window behind the prediction holds, and whether it is all that it should be."""
    full = prediction["window_readings"] == WINDOW_LENGTH
    return {
        "length": WINDOW_LENGTH,
        "is_full": full,
        "is_good": full and prediction["window_largest_gap_hours"] <= LONGEST_GAP_H,
        "longest_gap_h": LONGEST_GAP_H,
    }


def table_view(chart: Chart, scored: Scored) -> dict[str, Any]:
    """Return the twin of the charts as tables, newest first: readings with the gaps between them, changes of level."""
    points = [{"at": point.at, "point": point} for point in chart.points]
    gaps = [{"at": since, "until": until} for since, until in chart.gaps]
    return {
        "rows": sorted([*points, *gaps], key=lambda row: row["at"], reverse=True),
        "interval": chart.interval,
        "changes": list(reversed(changes(scored.timeline))) if scored.timeline else [],
        "rescored": scored.rescored[:MOST_RESCORED],
        "more_rescored": max(0, len(scored.rescored) - MOST_RESCORED),
    }


def alert_marks(patient: PatientNow, scored: Scored) -> dict[str, Any]:
    """Return when alerts began and were acknowledged, for the charts; seconds since the epoch."""
    answered = [datetime.fromisoformat(event["@timestamp"]) for event in scored.acknowledgements]
    return {
        "alerts": [
            {"t": datetime.fromisoformat(alert["started_at"]).timestamp(), "level": alert["level"]}
            for alert in reversed(patient.alerts)
            if alert["state"] != State.WITHDRAWN
        ],
        "acknowledgements": [{"t": at.timestamp()} for at in answered],
    }


def report_view(made: Report, targets: PatientTargets, settings: Settings) -> dict[str, Any]:
    """Return what the printed report shows: the summary of a time, its chart, and its words."""
    day_hours = read_day_hours(settings.day_hours)
    first, last = (at.astimezone(settings.zone).date() for at in (made.start, made.end - JUST_AFTER))
    return {
        "report": made,
        "chart": draw(made, settings.zone, day_hours, targets.targets),
        "targets": targets,
        "dipping": DIPPING_NAMES[made.dipping],
        "limits": report,
        "day_hours": day_hours,
        "is_listed": len(made.readings) <= MOST_LISTED,
        "crises": sum(reading.is_crisis for reading in made.readings),
        "interval_minutes": settings.expected_interval_minutes,
        "days": {"before": first - timedelta(days=1), "this": last},
        "zone_name": settings.time_zone,
    }


def period_name(period: Period) -> str:
    """Name a period: the last hours or days, or from when to when."""
    if period.is_live:
        return gettext("Last %(length)s", length=gettext(SPAN_NAMES[period.span]))
    return gettext("From %(start)s to %(end)s", start=when(period.start), end=when(period.end))


def chart_sentence(chart: Chart, period: Period, before: Chart | None = None) -> str:
    """Say in one sentence what a chart of readings shows, for who cannot see it."""
    name = period_name(period)
    if not chart.points:
        return gettext("%(period)s: no reading.", period=name)
    systolic, diastolic = [point.systolic for point in chart.points], [point.diastolic for point in chart.points]
    parts = [
        ngettext("%(num)s reading", "%(num)s readings", sum(point.readings for point in chart.points)),
        gettext(
            "systolic %(lowest)s to %(highest)s mmHg (mean %(mean)s)",
            lowest=mmhg(min(spread.lowest for spread in systolic)),
            highest=mmhg(max(spread.highest for spread in systolic)),
            mean=mmhg(fmean(spread.mean for spread in systolic)),
        ),
        gettext(
            "diastolic %(lowest)s to %(highest)s mmHg",
            lowest=mmhg(min(spread.lowest for spread in diastolic)),
            highest=mmhg(max(spread.highest for spread in diastolic)),
        ),
        *_remarks(chart),
        *([_compared(before)] if before else []),
    ]
    return gettext("%(period)s: %(parts)s.", period=name, parts=", ".join(parts))


def _compared(before: Chart) -> str:
    """Say what the means of the period before were."""
    if not before.points:
        return gettext("in the period before no reading")
    systolic, diastolic = (
        mmhg(fmean(getattr(point, name).mean for point in before.points)) for name in ("systolic", "diastolic")
    )
    return gettext("in the period before %(systolic)s/%(diastolic)s on average", systolic=systolic, diastolic=diastolic)


def _remarks(chart: Chart) -> list[str]:
    """Say how many points are in crisis, and for how long nothing is known."""
    crises = sum(point.crisis for point in chart.points)
    remarks = [ngettext("%(num)s point in crisis", "%(num)s points in crisis", crises)] if crises else []
    if chart.gaps:
        silent = sum((until - since for since, until in chart.gaps), timedelta(0))
        gaps = ngettext("%(num)s gap", "%(num)s gaps", len(chart.gaps))
        remarks.append(gettext("%(gaps)s of %(length)s in all", gaps=gaps, length=duration(silent)))
    return remarks


def timeline_sentence(timeline: Timeline | None, period: Period) -> str:
    """Say in one sentence which levels a period had."""
    name = period_name(period)
    if timeline is None:
        return gettext("%(period)s: too many predictions to draw them. Choose a shorter time.", period=name)
    highest = timeline.highest
    if highest is None:
        return gettext("%(period)s: no prediction.", period=name)
    times = [(LEVEL_NAMES[level], timeline.time_at(level)) for level in reversed(ALERT_LEVELS)]
    parts = [f"{gettext(name)} {duration(length)}" for name, length in times if length]
    return gettext(
        "%(period)s: %(parts)s; highest 6 h risk %(risk)s at %(when)s.",
        period=name,
        parts=", ".join(parts),
        risk=percent(highest.risk_6h),
        when=when(highest.at),
    )


def duration(length: timedelta) -> str:
    """Write a length of time in hours and minutes, or days and hours."""
    hours, minutes = divmod(round(length.total_seconds() / 60), 60)
    if hours >= 48:
        return gettext("%(days)s d %(hours)s h", days=hours // 24, hours=hours % 24)
    if hours:
        return gettext("%(hours)s h %(minutes)s min", hours=hours, minutes=f"{minutes:02d}")
    return gettext("%(minutes)s min", minutes=minutes)


def texts(time_zone: str) -> dict[str, Any]:
    """Return the words that the script writes on the charts."""
    return {
        "pressure_axis": gettext("Pressure (mmHg)"),
        "risk_axis": gettext("6 h risk"),
        "time_axis": gettext("Time (%(zone)s)", zone=time_zone),
        "no_data": gettext("no data"),
        "no_prediction": gettext("no valid prediction"),
        "mean": gettext("mean"),
        "heart_rate": gettext("heart rate"),
        "readings": gettext("readings"),
        "crisis": gettext("crisis"),
        "colon": gettext(":"),
        "levels": [gettext(LEVEL_NAMES[level]) for level in ALERT_LEVELS],
    }
