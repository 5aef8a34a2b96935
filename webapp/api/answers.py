"""Answering alerts, and what is set for single patients, by the same rules as the pages."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from alerts import answering, model
from alerts.answering import Acknowledgement, Fate, Outcome
from alerts.model import USUAL_PAUSE_MIN, AnswerReason
from alerts.patient_rules import PatientRules as RulesOfPatient
from alerts.patient_rules import faults, set_limits
from alerts.rule_versions import in_force
from conf.times import iso
from webapp.answers.reading import Act, Request
from webapp.answers.views import do, wait
from webapp.api import inputs
from webapp.api.alerts import detail, find_alert
from webapp.api.documents import AlertDetail, PatientRules
from webapp.api.inputs import AlertPath, Feedback, NewPatientRules, Note, Nothing, PatientPath, Snooze
from webapp.api.problems import ApiError, Fault, fault
from webapp.api.routes import operation
from webapp.audit.events import record
from webapp.patients.loading import load_now
from webapp.security.current import person
from webapp.security.roles import Permission
from webapp.services import services

USUAL_PAUSE: Final = timedelta(minutes=USUAL_PAUSE_MIN)
TAG: Final = "alerts"
WRITE: Final = Permission.API_WRITE_ACK
NOTHING: Final = Acknowledgement(AnswerReason.SEEN, "", USUAL_PAUSE)
REFUSED: Final = {
    Fate.OVER: "The alert is over.",
    Fate.UNANSWERED: "Nobody has acknowledged the alert: acknowledge it first.",
    Fate.PAST: "There is nothing that you said of this alert within the last minute.",
}
FAULTS: Final = {  # by kind, as in `alerts.patient_rules.faults`
    "lowest": "must be at least {number:g} mmHg",
    "crisis": "must be below {number:g} mmHg: from there on a crisis alerts anyway",
    "apart": "must be at least {number:g} mmHg below the upper limit",
    "usual": "must be at least {number:g} minutes, as for everybody",
    "longest": "must be at most {number:g} minutes",
}


@operation("POST /api/v1/alerts/<alert_id>/ack", WRITE, AlertDetail, tag=TAG, also={409: None})
def acknowledge_alert(path: AlertPath, body: inputs.Acknowledgement) -> AlertDetail:
    """Acknowledge an open alert; the first answer stands, a later one is told whose it is."""
    return _do(path, Act.ACKNOWLEDGE, Acknowledgement(body.reason, body.note, _pause(body.until)))


@operation("POST /api/v1/alerts/<alert_id>/snooze", WRITE, AlertDetail, tag=TAG, also={409: None})
def snooze_alert(path: AlertPath, body: Snooze) -> AlertDetail:
    """Let an acknowledged alert keep silent for longer; one that nobody has acknowledged cannot be snoozed."""
    return _do(path, Act.SNOOZE, Acknowledgement(AnswerReason.SEEN, "", _pause(body.until)))


@operation("POST /api/v1/alerts/<alert_id>/note", WRITE, AlertDetail, tag=TAG, also={409: None})
def note_on_alert(path: AlertPath, body: Note) -> AlertDetail:
    """Remark something on an alert, open or over, without answering it."""
    return _do(path, Act.NOTE, Acknowledgement(AnswerReason.SEEN, body.note, USUAL_PAUSE))


@operation("POST /api/v1/alerts/<alert_id>/own", WRITE, AlertDetail, tag=TAG, also={409: None})
def own_alert(path: AlertPath, body: Nothing) -> AlertDetail:  # noqa: ARG001 - an empty object is asked for
    """Take care of an open alert from now on, whoever did so far; it waits for an answer as before."""
    return _do(path, Act.OWN, NOTHING)


@operation("POST /api/v1/alerts/<alert_id>/undo", WRITE, AlertDetail, tag=TAG, also={409: None})
def undo_answer(path: AlertPath, body: Nothing) -> AlertDetail:  # noqa: ARG001 - an empty object is asked for
    """Take back what you said last of an alert, within a minute."""
    return _do(path, Act.UNDO, NOTHING)


@operation("POST /api/v1/alerts/<alert_id>/feedback", WRITE, AlertDetail, tag=TAG, also={409: None})
def give_feedback(path: AlertPath, body: Feedback) -> AlertDetail:
    """Say whether an alert was useful."""
    site = services()
    alert = find_alert(path.alert_id)
    (outcome,) = answering.give_feedback(site.search, [alert["alert_id"]], body.useful, person(), site.clock())
    is_stored = outcome.fate is Fate.STORED
    patients = [alert["patient_id"]] if "patient_id" in alert else []
    record("feedback", patient_ids=patients, outcome="ok" if is_stored else "refused")
    if not is_stored:
        raise ApiError(409, "Others answered at the same time. Try again.")
    return detail(alert)


@operation("GET /api/v1/patients/<patient_id>/rules", Permission.API_READ_ALERTS, PatientRules, tag=TAG)
def get_patient_rules(path: PatientPath) -> PatientRules:
    """Show the limits, the silence and the end of surveillance that a clinician has set for a patient."""
    site = services()
    patient = load_now(site.search, site.settings, path.patient_id, site.clock())
    if patient is None:
        raise ApiError(404)
    record("view", patient_ids=[path.patient_id])
    return PatientRules.model_validate(patient.rules)


@operation("PUT /api/v1/patients/<patient_id>/rules", Permission.TARGETS, PatientRules, tag=TAG)
def put_patient_rules(path: PatientPath, body: NewPatientRules) -> PatientRules:
    """Set limits and silence of a patient in place of those before; what is left out is as for everybody."""
    site = services()
    now = site.clock()
    if load_now(site.search, site.settings, path.patient_id, now) is None:
        raise ApiError(404)
    changed = RulesOfPatient(patient_id=path.patient_id, **body.model_dump(exclude={"why"}))
    found = faults(changed, in_force(site.search, site.settings.alert_rules).rules, site.settings.expected_interval)
    if found:
        told = [(name, FAULTS[kind].format(number=number)) for name, (kind, number) in found.items()]
        raise ApiError(422, faults=[Fault(location=f"body.{name}", message=text) for name, text in told])
    kept = set_limits(site.search, changed, person(), now, body.why)
    record("limits", patient_ids=[path.patient_id], target=kept.summary or None)
    return PatientRules.model_validate(kept)


def _do(path: AlertPath, act: Act, given: Acknowledgement) -> AlertDetail:
    """Return the alert after an answer; raise the 409 that says why it was none."""
    alert = find_alert(path.alert_id)
    outcomes = do(Request(act, [alert["alert_id"]], given))
    _check(act, *outcomes)
    wait(services().search, outcomes)
    return detail(find_alert(path.alert_id))


def _check(act: Act, outcome: Outcome) -> None:
    """Raise the 409 for whatever was not stored."""
    if outcome.fate is Fate.LATE:
        done = "taken over" if act is Act.OWN else "acknowledged"
        at = f" at {iso(outcome.at)}" if outcome.at else ""
        raise ApiError(409, f"Already {done} by {outcome.by or 'somebody else'}{at}.")
    if outcome.fate is not Fate.STORED:
        raise ApiError(409, REFUSED[outcome.fate])


def _pause(until: datetime | None) -> timedelta:
    """Return how long an acknowledgement silences the alert; raise the 422 beyond what is allowed."""
    pause = until - services().clock() if until else USUAL_PAUSE
    if not model.SHORTEST_PAUSE <= pause <= model.LONGEST_PAUSE:
        shortest, longest = (limit // timedelta(minutes=1) for limit in (model.SHORTEST_PAUSE, model.LONGEST_PAUSE))
        raise fault("body.until", f"must be {shortest} to {longest} minutes ahead")
    return pause
