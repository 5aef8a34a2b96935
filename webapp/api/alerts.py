"""The live board and its alerts: the list, one of them, its acknowledgement, and whether it was useful.

The board is the same ward, loaded once for all screens, that the page shows.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any, Final

from flask import request

from alerts import journal, model
from alerts.episodes import history_since
from alerts.model import AlertKind, Episode, State
from conf.clinical import ALERT_LEVELS
from elastic.client import After
from elastic.search import alert_events, latest, observations, rejected
from webapp.api.documents import AlertDetail, AlertList, AttentionList, Board
from webapp.api.inputs import Acknowledgement, AlertPath, AlertsQuery, AlertStatus, BoardQuery, Feedback, PatientPath
from webapp.api.problems import ApiError, fault
from webapp.api.routes import Answer, operation, paged, position
from webapp.audit.events import record
from webapp.board.rows import Row
from webapp.board.views import note_seen, screens
from webapp.board.ward import View
from webapp.http import tag
from webapp.patient_ids import read_id, spell
from webapp.security.current import principal
from webapp.security.roles import Permission
from webapp.services import services

USUAL_PAUSE: Final = timedelta(minutes=30)
MOST_REFUSALS: Final = 20  # of one alert
Found = tuple[str, Episode]  # patient and episode


@operation("GET /api/v1/board", Permission.API_READ_PREDICTIONS, Board, tag="board", is_poll=True)
def get_board(query: BoardQuery) -> Answer:
    """Show the live board, the most urgent patients first; made for polling with If-None-Match."""
    ward = screens().board.ward(View(query.level), services().clock())
    known = tag(ward.fingerprint.encode(), str(query.level).encode(), str(ward.newest_at).encode())
    if request.if_none_match.contains(known):
        return Answer(b"", status=304, etag=known)
    note_seen(ward)
    sections = [
        {"level": section.urgency, "total": section.total, "patients": list(map(_row, section.rows))}
        for section in ward.sections
    ]
    attention = [_describe(row.patient_id, row.alert) for row in ward.attention]
    board = {
        "newest_scored_at": ward.newest_at,
        "unanswered": ward.unanswered,
        "attention": attention,
        "sections": sections,
    }
    return Answer(Board.model_validate(board), etag=known)


@operation("GET /api/v1/alerts", Permission.API_READ_ALERTS, AlertList, tag="alerts")
def list_alerts(query: AlertsQuery) -> Answer:
    """List alerts, unanswered ones first; those that are over page by page."""
    found, after = _resolved(query) if query.status == "resolved" else (_on_board(), None)
    kept = [
        (patient_id, episode)
        for patient_id, episode in found
        if query.status in (None, _status(episode)) and query.level in (None, episode.level)
    ]
    record("list", patient_ids={patient_id for patient_id, _ in kept})
    return paged(AlertList, [_describe(patient_id, episode) for patient_id, episode in kept], query, after)


@operation("GET /api/v1/patients/<patient_id>/attention", Permission.API_READ_ALERTS, AttentionList, tag="alerts")
def list_attention_of_patient(path: PatientPath) -> AttentionList:
    """List a patient's refused readings that sound like a crisis, answered or not, with who answered."""
    site = services()
    found = journal.episodes_of_patient(site.search, path.patient_id, site.clock(), site.settings.expected_interval)
    record("view", patient_ids=[path.patient_id])
    alerts = [_describe(path.patient_id, episode) for episode in found if episode.kind is AlertKind.ATTENTION]
    return AttentionList.model_validate({"items": alerts[::-1]})


@operation("GET /api/v1/alerts/<alert_id>", Permission.API_READ_ALERTS, AlertDetail, tag="alerts")
def get_alert(path: AlertPath) -> AlertDetail:
    """Show one alert of the last three days with what was said about it."""
    patient_id, episode = _find(path.alert_id)
    record("view", patient_ids=[patient_id])
    return _detail(patient_id, episode)


@operation("POST /api/v1/alerts/<alert_id>/ack", Permission.API_WRITE_ACK, AlertDetail, tag="alerts", also={409: None})
def acknowledge_alert(path: AlertPath, body: Acknowledgement) -> AlertDetail:
    """Acknowledge an open alert; the first answer stands, a later one is told whose it is."""
    site = services()
    now, interval = site.clock(), site.settings.expected_interval
    patient_id, episode = _find(path.alert_id)
    given = journal.Acknowledgement(body.reason, body.note, _pause(body.until, now))
    if not episode.is_open:
        raise ApiError(409, "The alert is over.")
    try:
        (result,) = journal.acknowledge(site.search, patient_id, given, _person(), now, interval, episode.kind)
    except journal.NoOpenAlert as error:
        raise ApiError(409, "The alert is over.") from error
    record("ack", patient_ids=[patient_id], outcome="ok" if result.stored else "refused")
    if not result.stored:
        winner = result.winner
        raise ApiError(409, f"Already acknowledged by {winner.get('by')} at {winner.get('@timestamp')}.")
    screens().board.forget()
    return _detail(*_find(path.alert_id))


@operation(
    "POST /api/v1/alerts/<alert_id>/feedback", Permission.API_WRITE_ACK, AlertDetail, tag="alerts", also={409: None}
)
def give_feedback(path: AlertPath, body: Feedback) -> AlertDetail:
    """Say whether an alert was useful."""
    site = services()
    patient_id, episode = _find(path.alert_id)
    stored_id = model.alert_id(patient_id, episode.kind, episode.started_at)
    is_stored = journal.give_feedback(site.search, stored_id, body.useful, _person(), site.clock()).stored
    record("feedback", patient_ids=[patient_id], outcome="ok" if is_stored else "refused")
    if not is_stored:
        raise ApiError(409, "Others answered at the same time. Try again.")
    return _detail(patient_id, episode)


def _row(row: Row) -> dict[str, Any]:
    """Return a patient on the board, with the alerts as the API shows them."""
    return {**vars(row), "alerts": [_describe(row.patient_id, episode) for episode in row.episodes]}


def _describe(patient_id: str, episode: Episode) -> dict[str, Any]:
    """Return an episode with what the API says of it besides."""
    return {
        **asdict(replace(episode, refusals=episode.refusals[:MOST_REFUSALS])),
        "patient_id": patient_id,
        "alert_id": _address(patient_id, episode),
        "status": _status(episode),
        "level": episode.level,
        "peak": episode.level if episode.kind is AlertKind.TECHNICAL else ALERT_LEVELS[episode.peak],
    }


def _address(patient_id: str, episode: Episode) -> str:
    """Return the id of an alert with the patient spelled as in addresses, so that it stays one part of a path."""
    return model.alert_id(spell(patient_id), episode.kind, episode.started_at)


def _status(episode: Episode) -> AlertStatus:
    """Return the word of the filter for an episode's state."""
    if episode.is_open:
        return "acked" if episode.state is State.ACKNOWLEDGED else "open"
    return "resolved"


def _on_board() -> list[Found]:
    """Return the alerts of the patients on the board: unanswered ones first, then the higher level, then the older."""

    def urgency(found: Found) -> tuple[bool, int, datetime]:
        episode = found[1]
        return not episode.is_unanswered, -(episode.rank or episode.peak), episode.started_at

    ward = screens().board.ward(View(), services().clock())
    found = [(row.patient_id, row.alert) for row in ward.attention]
    return sorted([*found, *((row.patient_id, alert) for row in ward.rows for alert in row.episodes)], key=urgency)


def _resolved(query: AlertsQuery) -> tuple[list[Found], After | None]:
    """Return the alerts that ended within the asked span, and after which one the next page begins."""
    site = services()
    now, interval = site.clock(), site.settings.expected_interval
    start, end = query.span_of_resolved(now, history_since(now), interval)
    return journal.ended(site.search, start, end, now, interval, position(query))


def _find(alert_id: str) -> Found:
    """Return patient and episode of an id; raise the 404, for ids of nobody before anything is folded."""
    site = services()
    try:
        patient_id = read_id(model.read_alert_id(alert_id)[0])
    except (ValueError, OverflowError) as error:
        raise ApiError(404) from error
    search, now, interval = site.search, site.clock(), site.settings.expected_interval
    if patient_id and _is_known(patient_id, now):
        for episode in journal.episodes_of_patient(search, patient_id, now, interval):
            if _address(patient_id, episode) == alert_id:
                return patient_id, episode
    raise ApiError(404)


def _is_known(patient_id: str, now: datetime) -> bool:
    """Tell whether anything of a patient is stored, or refused that needs attention."""
    search = services().search
    return bool(
        latest.patient(search, patient_id)
        or observations.newest(search, [patient_id], now)
        or rejected.attention(search, history_since(now), [patient_id])
    )


def _detail(patient_id: str, episode: Episode) -> AlertDetail:
    stored_id = model.alert_id(patient_id, episode.kind, episode.started_at)
    events = alert_events.of_alert(services().search, stored_id)
    return AlertDetail.model_validate({**_describe(patient_id, episode), "events": events})


def _pause(until: datetime | None, now: datetime) -> timedelta:
    """Return how long an acknowledgement silences the alert; raise the 422 beyond what is allowed."""
    pause = until - now if until else USUAL_PAUSE
    if not model.SHORTEST_PAUSE <= pause <= model.LONGEST_PAUSE:
        shortest, longest = (limit // timedelta(minutes=1) for limit in (model.SHORTEST_PAUSE, model.LONGEST_PAUSE))
        raise fault("body.until", f"must be {shortest} to {longest} minutes ahead")
    return pause


def _person() -> journal.Person:
    known = principal()
    return journal.Person(known.user_name, known.role)
