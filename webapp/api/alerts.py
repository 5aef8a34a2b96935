"""The live board and its alerts: the list, and one of them with all that was said of it.

The board is the same ward, loaded once for all screens, that the page shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import request

from alerts import model
from alerts.documents import subject_of
from alerts.lifecycle import LATCH_EXPIRES
from alerts.model import AlertKind
from conf.clinical import ALERT_LEVELS
from elastic.search import alert_events, alerts
from webapp.api.documents import AlertDetail, AlertList, AttentionList, Board
from webapp.api.inputs import AlertPath, AlertsQuery, AlertStatus, BoardQuery, PatientPath
from webapp.api.problems import ApiError
from webapp.api.routes import Answer, operation, paged, position
from webapp.audit.events import record
from webapp.board.rows import Row
from webapp.board.views import note_seen, screens
from webapp.board.ward import View
from webapp.http import tag
from webapp.patient_ids import read_id, spell
from webapp.security.roles import Permission
from webapp.services import services

Document = Mapping[str, Any]


@operation("GET /api/v1/board", Permission.API_READ_PREDICTIONS, Board, tag="board", is_poll=True)
def get_board(query: BoardQuery) -> Answer:
    """Show the live board, the most urgent patients first; made for polling with If-None-Match."""
    seen = screens(query.ward)
    ward = seen.board.ward(View(query.urgency), services().clock())
    known = tag(ward.fingerprint.encode(), str(query.urgency).encode(), str(ward.newest_at).encode())
    if request.if_none_match.contains(known):
        return Answer(b"", status=304, etag=known)
    note_seen(ward, seen.shown)
    sections = [
        {"urgency": section.urgency, "total": section.total, "patients": list(map(_row, section.rows))}
        for section in ward.sections
    ]
    board = {
        "newest_scored_at": ward.newest_at,
        "watched": ward.is_watched,
        "unanswered": ward.unanswered,
        "outages": list(map(_describe, ward.outages)),
        "sections": sections,
    }
    return Answer(Board.model_validate(board), etag=known)


@operation("GET /api/v1/alerts", Permission.API_READ_ALERTS, AlertList, tag="alerts")
def list_alerts(query: AlertsQuery) -> Answer:
    """List all alerts that are open, what is to be done first on top, or those that have ended, the last one first."""
    search, after = services().search_in(query.ward), position(query)
    if query.status == "resolved":
        start, end = query.span(services().clock())
        page = alerts.ended_page(search, start, end, level=query.level, limit=query.limit, after=after)
    else:
        answered = None if query.status is None else query.status == "acked"
        page = alerts.open_page(search, is_answered=answered, level=query.level, limit=query.limit, after=after)
    record("list", patient_ids={alert["patient_id"] for alert in page.documents if "patient_id" in alert})
    return paged(AlertList, list(map(_describe, page.documents)), query, page.after)


@operation("GET /api/v1/patients/<patient_id>/attention", Permission.API_READ_ALERTS, AttentionList, tag="alerts")
def list_attention_of_patient(path: PatientPath) -> AttentionList:
    """List a patient's refused readings that sound like a crisis, answered or not, with who answered."""
    site = services()
    since = site.clock() - LATCH_EXPIRES
    found = alerts.of_patient(site.search, path.patient_id, since, AlertKind.ATTENTION)
    record("view", patient_ids=[path.patient_id])
    return AttentionList.model_validate({"items": list(map(_describe, found))})


@operation("GET /api/v1/alerts/<alert_id>", Permission.API_READ_ALERTS, AlertDetail, tag="alerts")
def get_alert(path: AlertPath) -> AlertDetail:
    """Show one alert, open or over, with what was said about it."""
    alert = find_alert(path.alert_id)
    record("view", patient_ids=[alert["patient_id"]] if "patient_id" in alert else [])
    return detail(alert)


def _row(row: Row) -> dict[str, Any]:
    """Return a patient on the board, with the alerts as the API shows them."""
    alerts_of_row = list(map(_describe, row.alerts))
    return {**(row.stay or {}), **vars(row), "measured_crisis": row.is_crisis, "alerts": alerts_of_row}


def _describe(alert: Document) -> dict[str, Any]:
    """Return an alert with what the API says of it besides."""
    level = alert["level"]
    return {
        **alert,
        "alert_id": _address(alert),
        "status": _status(alert),
        "peak": level if level == model.STALE else ALERT_LEVELS[alert["peak"]],
    }


def _address(alert: Document) -> str:
    """Return the id of an alert with the patient spelled as in addresses, so that it stays one part of a path."""
    started_at = datetime.fromisoformat(alert["started_at"])
    return model.alert_id(spell(subject_of(alert)), AlertKind(alert["kind"]), started_at)


def _status(alert: Document) -> AlertStatus:
    """Return the word of the filter for an alert's state."""
    if not alert["is_open"]:
        return "resolved"
    return "open" if alert["is_unanswered"] else "acked"


def find_alert(alert_id: str) -> Document:
    """Return the alert of an id; raise the 404."""
    try:
        spelled, kind, started_at = model.read_alert_id(alert_id)
    except (ValueError, OverflowError) as error:
        raise ApiError(404) from error
    subject = read_id(spelled)
    found = alerts.by_id(services().search, model.alert_id(subject, kind, started_at)) if subject else None
    if found is None or _address(found) != alert_id:
        raise ApiError(404)
    return found


def detail(alert: Document) -> AlertDetail:
    """Return an alert with what people said about it."""
    events = alert_events.of_alert(services().search, alert["alert_id"])
    return AlertDetail.model_validate({**_describe(alert), "events": [event for event in events if "by" in event]})
