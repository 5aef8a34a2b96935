"""Trying rules: the form, the trial under way or over, and saving what it showed as a version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)

from alerts import rule_versions
from alerts.patient_rules import MOST_WHY
from alerts.rules import load_rules
from alerts.simulation.table import LEVELS, kinds, per_patient_day
from alerts.wording import KIND_NAMES, LEVEL_NAMES
from webapp.audit import events as audit
from webapp.i18n import N_, gettext, ngettext
from webapp.rules import trial_chart
from webapp.rules.reading import Faults, why_faults
from webapp.rules.trial_reading import DAYS, FIELDS, PATIENTS, USUAL_DAYS, USUAL_PATIENTS, TrialFaults, read_trial
from webapp.rules.trials import Trial, TrialRunning, read, start
from webapp.rules.views import in_words
from webapp.security.current import person
from webapp.security.roles import Permission, requires
from webapp.services import services

blueprint = Blueprint("trials", __name__)

RULE_NAMES: Final = {"today": N_("Rules in force"), "tried": N_("Tried rules")}
CONFLICT: Final = N_("Somebody else has saved rules meanwhile. Look at theirs, and try again.")
RUNNING: Final = N_("Another trial is under way. Wait for its end.")


@blueprint.get("/rules/trials")
@requires(Permission.RULES)
def form() -> str:
    """Show the form, filled with the rules in force."""
    return _form_page({})


@blueprint.post("/rules/trials")
@requires(Permission.RULES)
def begin() -> Response:
    """Begin a trial; what is wrong is told beside its field, and nothing typed is lost."""
    site = services()
    held = rule_versions.in_force(site.search, site.settings.alert_rules)
    try:
        asked = read_trial(request.form, held.of_file, held.rules, site.clock(), site.settings.zone)
        id_ = start(site.settings.local_dir, held, asked)
    except TrialFaults as error:
        return make_response(_form_page({name: gettext(text) for name, text in error.faults.items()}), 422)
    except TrialRunning:
        return make_response(_form_page({"": gettext(RUNNING)}), 409)
    return current_app.make_response(redirect(url_for("trials.page", trial_id=id_)))


@blueprint.get("/rules/trials/<trial_id>")
@requires(Permission.RULES)
def page(trial_id: str) -> str:
    """Show how far a trial is, or what it showed."""
    return _trial_page(_require(trial_id), {})


@blueprint.get("/rules/trials/<trial_id>/state")
@requires(Permission.RULES, is_poll=True)
def state(trial_id: str) -> Response:
    """Tell the page whether it has anything new to show."""
    trial = _require(trial_id)
    return jsonify(done=trial.done, patients=trial.patients, is_over=trial.is_over)


@blueprint.post("/rules/trials/<trial_id>/save")
@requires(Permission.RULES)
def save(trial_id: str) -> Response:
    """Save the rules of a trial with its figures; they are in force within seconds."""
    trial = _require(trial_id)
    if trial.figures is None:
        abort(409)
    found = why_faults(request.form)
    if found:
        return make_response(_trial_page(trial, found), 422)
    return _save(trial.changes, request.form["why"].strip(), trial.figures, trial.number)


@blueprint.post("/rules/versions/<int:number>/return")
@requires(Permission.RULES)
def go_back(number: int) -> Response:
    """Save what an older version said as a new one; 0 is the file without any change."""
    site = services()
    version = rule_versions.by_number(site.search, number) if number else None
    if number and version is None:
        abort(404)
    changes, figures = (version.changes, version.figures) if version else ({}, None)
    held = rule_versions.in_force(site.search, site.settings.alert_rules)
    why = gettext("Back to version %(number)d") % {"number": number} if number else gettext("Back to the file")
    return _save(changes, why, figures, held.number)


def _save(changes: Mapping[str, float], why: str, figures: Mapping[str, Any] | None, before: int) -> Response:
    """Save a version in place of the one that whoever saves has seen."""
    site = services()
    rule_versions.changed(load_rules(site.settings.alert_rules), changes)  # the file may have changed since
    try:
        version = rule_versions.save(site.search, changes, person(), site.clock(), why, figures, before)
    except rule_versions.VersionConflict:
        return make_response(_form_page({"": gettext(CONFLICT)}), 409)
    audit.record("rules", target=f"version {version.number}")
    return current_app.make_response(redirect(url_for("rules.page", _anchor="versions-title")))


def _require(trial_id: str) -> Trial:
    trial = read(services().settings.local_dir, trial_id)
    if trial is None:
        abort(404)
    return trial


def _form_page(faults: Mapping[str, str]) -> str:
    site = services()
    held = rule_versions.in_force(site.search, site.settings.alert_rules)
    now = rule_versions.values(held.rules)
    return render_template(
        "rules/trial_form.html",
        fields=FIELDS,
        values={field.name: field.shown(now[field.name]) for field in FIELDS},
        typed=request.form if faults else None,
        faults=faults,
        days=DAYS,
        days_texts=[ngettext("%(num)s day", "%(num)s days", days) for days in DAYS],
        patients=PATIENTS,
        patients_texts=[gettext("at most %(number)d") % {"number": number} for number in PATIENTS],
        usual={"days": USUAL_DAYS, "patients": USUAL_PATIENTS},
        latest=site.clock().astimezone(site.settings.zone).date().isoformat(),
    )


def _trial_page(trial: Trial, faults: Faults) -> str:
    """Return the page of a trial: its progress, its fault, or table, plot and the form that saves it."""
    found = trial.figures or {"rules": {}}
    rules = list(found["rules"].values())
    site = services()
    held = rule_versions.in_force(site.search, site.settings.alert_rules)
    return render_template(
        "rules/trial.html",
        trial=trial,
        found=trial.figures,
        rule_names=RULE_NAMES,
        per_kind=[
            (kind, level, [per_patient_day(each, kind, level, found) for each in rules]) for kind, level in kinds(rules)
        ],
        levels=LEVELS,
        level_names=LEVEL_NAMES,
        alert_names=KIND_NAMES,
        panels=trial_chart.draw(found) if rules else [],
        canvas=(trial_chart.WIDTH, trial_chart.HEIGHT),
        changed=[
            (field, field.shown(trial.before[field.name]), field.shown(trial.after[field.name]))
            for field in FIELDS
            if trial.before[field.name] != trial.after[field.name]
        ],
        is_overtaken=held.number != trial.number,
        faults={name: in_words(fault) for name, fault in faults.items()},
        most_why=MOST_WHY,
    )
