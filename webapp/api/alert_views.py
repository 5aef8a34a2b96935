"""Alerts: the list, one of them, its acknowledgement, and whether it was useful."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from alerts import journal
from alerts import model as alerts
from alerts.episodes import history_since
from alerts.model import AlertKind, Episode, State
from conf.clinical import ALERT_LEVELS
from elastic.client import After
from elastic.search import alert_events, latest, observations
from webapp.api.alert_models import AlertDetail, AlertList
from webapp.api.operations import Answer
from webapp.api.paging import next_cursor, position
from webapp.api.parameters import Acknowledgement, AlertsQuery, AlertStatus, Feedback
from webapp.api.patients import address_of, read_patient_id
from webapp.api.problems import ApiError, Fault, invalid_parameter
from webapp.api.routes import operation
from webapp.audit.events import record
from webapp.board.views import screens
from webapp.board.ward import View
from webapp.security.current import principal
from webapp.security.roles import Permission
from webapp.services import services

USUAL_PAUSE: Final = timedelta(minutes=30)
Found = tuple[str, Episode]


@operation(
    "GET",
    "/api/v1/alerts",
    tag="alerts",
    summary="Alerts, unanswered ones first; those that are over page by page",
    permission=Permission.API_READ_ALERTS,
    query=AlertsQuery,
    answer=AlertList,
    problems=(503,),
)
def list_alerts(query: AlertsQuery) -> Answer:
    """Alerts that match."""
    found, after = _resolved(query) if query.status == "resolved" else (sorted(_on_board(), key=_urgent_first), None)
    kept = [one for one in found if _is_meant(one[1], query)]
    record("list", patient_ids={patient_id for patient_id, _ in kept})
    cursor = next_cursor(query, after)
    items = AlertList.model_validate({"items": [describe(*one) for one in kept], "next_cursor": cursor})
    return Answer(items, next_query={"cursor": cursor} if cursor else None)


@operation(
    "GET",
    "/api/v1/alerts/<alert_id>",
    tag="alerts",
    summary="One alert with what was said about it",
    permission=Permission.API_READ_ALERTS,
    answer=AlertDetail,
    problems=(404, 503),
)
def get_alert(alert_id: str) -> AlertDetail:
    """An alert of the last three days."""
    patient_id, episode = _find(alert_id)
    record("view", patient_ids=[patient_id])
    return _detail(patient_id, episode)


@operation(
    "POST",
    "/api/v1/alerts/<alert_id>/ack",
    tag="alerts",
    summary="Acknowledge an open alert; the first answer stands, a later one is told whose it is",
    permission=Permission.API_WRITE_ACK,
    body=Acknowledgement,
    answer=AlertDetail,
    problems=(400, 404, 409, 415, 503),
)
def acknowledge_alert(alert_id: str, body: Acknowledgement) -> AlertDetail:
    """Acknowledge, and answer with the alert as it stands then."""
    site = services()
    patient_id, episode = _find(alert_id)
    given = journal.Acknowledgement(body.reason, body.note, _pause(body.until, site.clock()))
    try:
        (result,) = journal.acknowledge(
            site.search, patient_id, given, _person(), site.clock(), _interval(), _open(episode).kind
        )
    except journal.NoOpenAlert as error:
        raise ApiError(409, "The alert is over.") from error
    record("ack", patient_ids=[patient_id], outcome="ok" if result.stored else "refused")
    if not result.stored:
        winner = result.winner
        raise ApiError(409, f"Already acknowledged by {winner.get('by')} at {winner.get('@timestamp')}.")
    screens().board.forget()
    return _detail(*_find(alert_id))


@operation(
    "POST",
    "/api/v1/alerts/<alert_id>/feedback",
    tag="alerts",
    summary="Say whether an alert was useful",
    permission=Permission.API_WRITE_ACK,
    body=Feedback,
    answer=AlertDetail,
    problems=(400, 404, 409, 415, 503),
)
def give_feedback(alert_id: str, body: Feedback) -> AlertDetail:
    """Note it, and answer with the alert."""
    site = services()
    patient_id, episode = _find(alert_id)
    stored_id = alerts.alert_id(patient_id, episode.kind, episode.started_at)
    is_stored = journal.give_feedback(site.search, stored_id, body.useful, _person(), site.clock()).stored
    record("feedback", patient_ids=[patient_id], outcome="ok" if is_stored else "refused")
    if not is_stored:
        raise ApiError(409, "Others answered at the same time. Try again.")
    return _detail(patient_id, episode)


def describe(patient_id: str, episode: Episode) -> dict[str, Any]:
    """An episode as the API shows it."""
    answer = episode.answer
    technical = episode.kind is AlertKind.TECHNICAL
    return {
        "alert_id": address_of_alert(patient_id, episode),
        "patient_id": patient_id,
        "kind": episode.kind,
        "state": episode.state,
        "status": status_of(episode),
        "level": episode.level,
        "peak": episode.level if technical else ALERT_LEVELS[episode.peak],
        "started_at": episode.started_at,
        "raised_at": episode.raised_at,
        "changed_at": episode.changed_at,
        "met_at": episode.met_at,
        "escalated": episode.escalated,
        "acknowledged_by": answer and answer.by,
        "reason": answer and answer.reason,
        "note": answer and answer.note,
        "until": answer and answer.until,
    }


def address_of_alert(patient_id: str, episode: Episode) -> str:
    """The id of an alert with the patient spelled as in addresses, so that it stays one part of a path."""
    return alerts.alert_id(address_of(patient_id), episode.kind, episode.started_at)


def status_of(episode: Episode) -> AlertStatus:
    """The word of the filter for an episode's state."""
    if episode.is_open:
        return "acked" if episode.state is State.ACKNOWLEDGED else "open"
    return "resolved"


def _is_meant(episode: Episode, query: AlertsQuery) -> bool:
    return query.status in (None, status_of(episode)) and query.level in (None, episode.level)


def _urgent_first(found: Found) -> tuple[bool, int, datetime]:
    episode = found[1]
    return not episode.is_unanswered, -(episode.rank or episode.peak), episode.started_at


def _on_board() -> Iterator[Found]:
    ward = screens().board.ward(View(), services().clock())
    return ((row.patient_id, episode) for row in ward.rows for episode in row.episodes)


def _resolved(query: AlertsQuery) -> tuple[list[Found], After | None]:
    site, interval = services(), _interval()
    now = site.clock()
    try:
        start, end = query.span(now, history_since(now), interval)
    except ValueError as error:
        raise invalid_parameter("from", str(error)) from error
    return journal.ended(site.search, start, end, now, interval, position(query))


def _find(alert_id: str) -> Found:
    """The patient and the episode of an id; raises the 404, for ids of nobody before anything is folded."""
    try:
        patient_id = read_patient_id(alerts.read_alert_id(alert_id)[0])
    except (ValueError, OverflowError) as error:
        raise ApiError(404) from error
    search, now = services().search, services().clock()
    if latest.patient(search, patient_id) is None and not observations.newest(search, [patient_id]):
        raise ApiError(404)
    for episode in journal.episodes_of_patient(search, patient_id, now, _interval()):
        if address_of_alert(patient_id, episode) == alert_id:
            return patient_id, episode
    raise ApiError(404)


def _open(episode: Episode) -> Episode:
    if not episode.is_open:
        raise ApiError(409, "The alert is over.")
    return episode


def _detail(patient_id: str, episode: Episode) -> AlertDetail:
    stored_id = alerts.alert_id(patient_id, episode.kind, episode.started_at)
    events = alert_events.of_alert(services().search, stored_id)
    return AlertDetail.model_validate({**describe(patient_id, episode), "events": events})


def _pause(until: datetime | None, now: datetime) -> timedelta:
    pause = until - now if until else USUAL_PAUSE
    if not alerts.SHORTEST_PAUSE <= pause <= alerts.LONGEST_PAUSE:
        shortest, longest = (int(one.total_seconds() // 60) for one in (alerts.SHORTEST_PAUSE, alerts.LONGEST_PAUSE))
        message = f"must be {shortest} to {longest} minutes ahead"
        raise ApiError(422, faults=[Fault(location="body.until", message=message)])
    return pause


def _person() -> journal.Person:
    known = principal()
    return journal.Person(known.user_name, known.role)


def _interval() -> timedelta:
    return timedelta(minutes=services().settings.expected_interval_minutes)
