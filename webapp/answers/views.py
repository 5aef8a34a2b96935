"""The pages on which alerts are answered; a script shows the form in a dialogue and takes the answer as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from flask import Blueprint, Response, current_app, jsonify, make_response, render_template, request
from flask.blueprints import BlueprintSetupState

from alerts import answering, wording
from alerts.answering import PATIENCE, Fate, Outcome
from alerts.events import UNDO_WITHIN
from alerts.model import PAUSES_MIN, USUAL_PAUSE_MIN, read_alert_id
from elastic.client import Search
from elastic.search import alerts, observations
from webapp import i18n
from webapp.answers.presenting import STATUSES, form_view, sentence, weightiest
from webapp.answers.reading import MOST_ALERTS, Act, AnswerError, Request, read_request
from webapp.board.views import forget_boards
from webapp.security.current import person, principal
from webapp.security.roles import Permission, requires
from webapp.services import services

blueprint = Blueprint("answers", __name__)

PATIENCE_KEY: Final = "ALERT_PATIENCE"  # for how long an answer waits for the alert service
ACTIONS: Final[Mapping[Act, str]] = {  # what the audit calls them
    Act.ACKNOWLEDGE: "ack",
    Act.SNOOZE: "snooze",
    Act.NOTE: "note",
    Act.OWN: "take_over",
    Act.UNDO: "undo",
}


@blueprint.record_once
def _install(state: BlueprintSetupState) -> None:
    state.app.config.setdefault(PATIENCE_KEY, PATIENCE)
    state.app.jinja_env.filters.update(heard=heard, why_refused=why_refused)
    state.app.jinja_env.globals.update(
        kind_names=wording.KIND_NAMES,
        level_names=wording.LEVEL_NAMES,
        state_names=wording.STATE_NAMES,
        withdrawal_names=wording.WITHDRAWAL_NAMES,
        reason_names=wording.REASON_NAMES,
        event_names=wording.EVENT_NAMES,
        limit_names=wording.LIMIT_NAMES,
    )


def heard(words: str) -> str:
    """Write what a device says in a refused message in the reader's language."""
    return wording.attention_in_words(words, i18n.gettext, i18n.language())


def why_refused(reason: str) -> str:
    """Write why a message was refused in the reader's language."""
    return i18n.gettext(wording.refusal_name(reason))


@blueprint.get("/acknowledge")
@requires(Permission.ACKNOWLEDGE)
def form() -> str:
    """Show the alerts of a patient (``patient_id``), or single ones (``alert_id``), and what can be done with them."""
    patient_id = request.args.get("patient_id", "")
    return render_template("acknowledge.html", **_form_values(patient_id, request.args.getlist("alert_id")))


def _form_values(patient_id: str, alert_ids: list[str]) -> dict[str, Any]:
    site, known = services(), principal()
    now = site.clock()
    if patient_id and not alert_ids:
        alert_ids = [alert["alert_id"] for alert in alerts.open_of_patients(site.search, [patient_id])[patient_id]]
    found = list(answering.read(site.search, alert_ids[:MOST_ALERTS]).values())
    shown = [each for each in found if each.alert["is_open"]] or found
    newest = observations.newest(site.search, [patient_id], now).get(patient_id) if patient_id else None
    site.audit.record("view", patient_ids=[patient_id] if patient_id else [])
    return {
        "patient_id": patient_id,
        "subject": patient_id or (shown[0].alert.get("part") if shown else ""),
        "newest": newest,
        "pauses": PAUSES_MIN,
        "usual_pause": USUAL_PAUSE_MIN,
        **form_view(shown, known.user_name, now),
    }


@blueprint.post("/acknowledge")
@requires(Permission.ACKNOWLEDGE)
def answer() -> Response:
    """Do with some alerts what the form says; tell whose answer stands."""
    patient_id = request.form.get("patient_id", "")
    try:
        asked = read_request(request.form)
    except AnswerError as error:
        return _refuse(patient_id, error)
    outcomes = do(asked)
    is_shown = wait(services().search, outcomes)
    told = weightiest(outcomes)
    taken = [each.alert_id for each in outcomes if each.fate is Fate.STORED and asked.act is not Act.UNDO]
    text = sentence(asked.act, told, is_shown=is_shown)
    return _respond(text, STATUSES[told.fate], patient_id, taken)


def do(asked: Request) -> list[Outcome]:
    """Append to the journal what somebody asks for, and note in the audit who did."""
    site = services()
    search, now, who = site.search, site.clock(), person()
    acts: dict[Act, Callable[[], list[Outcome]]] = {
        Act.ACKNOWLEDGE: lambda: answering.acknowledge(search, asked.alert_ids, asked.given, who, now),
        Act.SNOOZE: lambda: answering.snooze(search, asked.alert_ids, asked.given.pause, who, now),
        Act.NOTE: lambda: answering.add_note(search, asked.alert_ids, asked.given.note, who, now),
        Act.OWN: lambda: answering.take_over(search, asked.alert_ids, who, now),
        Act.UNDO: lambda: answering.undo(search, asked.alert_ids, who, now),
    }
    outcomes = acts[asked.act]()
    is_stored = any(each.fate is Fate.STORED for each in outcomes)
    patients = {patient for each in outcomes if (patient := _patient_of(each.alert_id))}
    site.audit.record(ACTIONS[asked.act], patient_ids=patients, outcome="ok" if is_stored else "refused")
    return outcomes


def _patient_of(alert_id: str) -> str | None:
    """Return whom an alert is about, as far as its id is one."""
    try:
        return read_alert_id(alert_id)[0]
    except ValueError:
        return None


def wait(search: Search, outcomes: list[Outcome]) -> bool:
    """Wait a moment for the alert service, and let the next screen of this process read again."""
    patience: timedelta = current_app.config[PATIENCE_KEY]
    is_shown = answering.wait_until_shown(search, outcomes, patience)
    forget_boards()
    return is_shown


def _refuse(patient_id: str, error: AnswerError) -> Response:
    """Show the form again with what was typed and what is wrong with it."""
    text = i18n.gettext(error.text)
    if _wants_json():
        response = jsonify(text=text, field=error.field)
    else:
        values = _form_values(patient_id, request.form.getlist("alert_id"))
        page = render_template("acknowledge.html", error=text, wrong=error.field, typed=request.form, **values)
        response = make_response(page)
    response.status_code = 422
    return response


def _respond(text: str, status: int, patient_id: str, taken: list[str]) -> Response:
    """Tell what became of an answer: a sentence for the script, a page for everybody else."""
    undo_s = int(UNDO_WITHIN.total_seconds())
    if _wants_json():
        response = jsonify(text=text, stored=status == 200, undo=taken, undo_s=undo_s)
    else:
        page = render_template("acknowledged.html", text=text, patient_id=patient_id, undo=taken, undo_s=undo_s)
        response = make_response(page)
    response.status_code = status
    return response


def _wants_json() -> bool:
    return request.headers.get("Accept") == "application/json"
