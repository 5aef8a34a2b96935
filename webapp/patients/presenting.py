"""What the templates of patients show: values chosen and named, in the language of the request."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from alerts.model import AlertKind, AnswerReason, Episode, State, alert_id
from assessment.freshness import Freshness, freshness
from assessment.readings import in_crisis
from assessment.trend import direction
from assessment.urgency import instant, urgency
from conf.clinical import ALERT_HORIZON_H, ALERT_LEVELS, CRISIS_DIASTOLIC, CRISIS_SYSTOLIC, HORIZONS_H
from elastic.client import Document, Page
from elastic.search.latest import MOST_COUNTED
from ml.features import WINDOW_LENGTH
from webapp.board.views import PAUSES_MIN
from webapp.i18n import N_, gettext, language
from webapp.patients import listing
from webapp.patients.chart import Chart
from webapp.patients.loading import Now, Trace
from webapp.patients.sentences import LEVEL_NAMES
from webapp.patients.strip import changes
from webapp.services import services
from webapp.wording import reasons_in_words, summary

KIND_NAMES: Final[Mapping[AlertKind, str]] = {
    AlertKind.PREDICTED: N_("Predicted risk"),
    AlertKind.MEASURED: N_("Measured crisis"),
    AlertKind.TECHNICAL: N_("Data lost after a high level"),
}
STATE_NAMES: Final[Mapping[State, str]] = {
    State.RAISED: N_("not acknowledged"),
    State.ACKNOWLEDGED: N_("acknowledged"),
    State.REMINDED: N_("acknowledgement ran out"),
    State.LATCHED: N_("over, not acknowledged"),
    State.RESOLVED: N_("over"),
    State.EXPIRED: N_("over, never acknowledged"),
}
REASON_NAMES: Final[Mapping[AnswerReason, str]] = {
    AnswerReason.SEEN: N_("Seen, being dealt with"),
    AnswerReason.CALLED: N_("Patient called"),
    AnswerReason.TREATED: N_("Treatment adapted"),
    AnswerReason.FALSE_ALARM: N_("False alarm"),
    AnswerReason.OTHER: N_("Other"),
}
LONGEST_GAP_H: Final = ALERT_HORIZON_H  # a window with a hole as long as the horizon of the alert tells little
MOST_RESCORED: Final = 20


def list_view(found: Page, filters: listing.Filters, now: datetime, interval: timedelta) -> dict[str, Any]:
    """A page of the list."""
    return {
        "rows": [_list_row(document, now, interval) for document in found.documents],
        "total": found.total,
        "most_counted": MOST_COUNTED,
        "filters": filters,
        "levels": LEVEL_NAMES,
        "seen_choices": listing.SEEN,
        "order_choices": listing.ORDERS,
        "views": listing.VIEWS,
    }


def _list_row(document: Document, now: datetime, interval: timedelta) -> dict[str, Any]:
    state = freshness(instant(document["@timestamp"]), now, interval)
    return {**document, "is_stale": state is not Freshness.FRESH, "crisis": in_crisis(document)}


def patient_view(found: Now, now: datetime, interval: timedelta) -> dict[str, Any]:
    """The parts of a patient's page that change from reading to reading."""
    return {
        "patient_id": found.patient_id,
        "measured": _measured(found, now, interval),
        "predicted": _predicted(found.prediction, now, interval),
        "quality": _quality(found.prediction),
        "episodes": [_episode(found, episode) for episode in reversed(found.episodes)],
        "viewers": found.viewers,
        "section": _section(found, now, interval),
        "kind_names": KIND_NAMES,
        "state_names": STATE_NAMES,
        "reason_names": REASON_NAMES,
        "pauses": PAUSES_MIN,
    }


def _section(found: Now, now: datetime, interval: timedelta) -> str:
    """The level of the badge beside the patient's id, by the rule of the board."""
    newest = found.reading or found.prediction or {}
    at = instant(newest.get("@timestamp"))
    level = found.prediction["alert_level"] if found.prediction else None
    age = now - at if at else timedelta.max
    return urgency(level, crisis=in_crisis(newest), state=freshness(at, now, interval), age=age)


def _measured(found: Now, now: datetime, interval: timedelta) -> dict[str, Any] | None:
    """The newest reading; that of the prediction where the reading itself is not found."""
    reading = found.reading or found.prediction
    if reading is None:
        return None
    state = freshness(instant(reading["@timestamp"]), now, interval)
    return {
        **reading,
        "mean": reading.get("mean_arterial_pressure"),
        "crisis": in_crisis(reading),
        "state": state,
        "slope": None if found.slope is None else round(found.slope),
        "direction": direction(found.slope),
    }


def _predicted(prediction: Document | None, now: datetime, interval: timedelta) -> dict[str, Any] | None:
    if prediction is None:
        return None
    reasons = reasons_in_words(prediction.get("reasons"), gettext, language())
    return {
        **prediction,
        "is_stale": freshness(instant(prediction["@timestamp"]), now, interval) is not Freshness.FRESH,
        "risks": [(hours, prediction[f"critical_risk_{hours}h"]) for hours in HORIZONS_H],
        "reasons_in_words": reasons,
        "reasons_summary": summary(reasons, gettext),
    }


def _quality(prediction: Document | None) -> dict[str, Any] | None:
    """What the window behind the prediction holds, and whether it is all that it should be."""
    if prediction is None:
        return None
    full = prediction["window_readings"] == WINDOW_LENGTH
    return {
        "length": WINDOW_LENGTH,
        "is_full": full,
        "is_good": full and prediction["window_largest_gap_hours"] <= LONGEST_GAP_H,
        "longest_gap_h": LONGEST_GAP_H,
    }


def _episode(found: Now, episode: Episode) -> dict[str, Any]:
    id_ = alert_id(found.patient_id, episode.kind, episode.started_at)
    return {
        "id": id_,
        "level": None if episode.level == "STALE" else episode.level,
        "episode": episode,
        "useful": found.judgements.get(id_),
    }


def table_view(chart: Chart, trace: Trace) -> dict[str, Any]:
    """The twin of the pictures as tables, newest first: readings with the gaps between them, changes of level."""
    points = [{"at": point.at, "point": point} for point in chart.points]
    gaps = [{"at": since, "until": until} for since, until in chart.gaps]
    return {
        "rows": sorted([*points, *gaps], key=lambda row: row["at"], reverse=True),
        "interval": chart.interval,
        "changes": list(reversed(changes(trace.strip))),
        "rescored": trace.rescored[:MOST_RESCORED],
        "more_rescored": max(0, len(trace.rescored) - MOST_RESCORED),
    }


def trace_marks(found: Now, trace: Trace) -> dict[str, Any]:
    """When alerts began and when they were acknowledged, for the pictures; seconds since the epoch."""
    return {
        "alerts": [{"t": episode.started_at.timestamp(), "level": episode.level} for episode in found.episodes],
        "acknowledgements": [
            {"t": datetime.fromisoformat(event["@timestamp"]).timestamp()} for event in trace.acknowledgements
        ],
    }


def texts() -> dict[str, Any]:
    """The words that the script writes on the pictures."""
    return {
        "pressure_axis": gettext("Pressure (mmHg)"),
        "risk_axis": gettext("6 h risk"),
        "time_axis": gettext("Time (%(zone)s)", zone=services().settings.time_zone),
        "no_data": gettext("no data"),
        "no_prediction": gettext("no valid prediction"),
        "crisis_systolic": gettext("crisis: systolic %(value)s", value=CRISIS_SYSTOLIC),
        "crisis_diastolic": gettext("crisis: diastolic %(value)s", value=CRISIS_DIASTOLIC),
        "mean": gettext("mean"),
        "heart_rate": gettext("heart rate"),
        "readings": gettext("readings"),
        "crisis": gettext("crisis"),
        "colon": gettext(":"),
        "levels": [gettext(LEVEL_NAMES[level]) for level in ALERT_LEVELS],
    }
