"""The page of the rules in force, and the page on which a clinician sets the limits of one patient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import Blueprint, Response, current_app, make_response, redirect, render_template, request, url_for

from alerts.model import AlertKind
from alerts.patient_rules import (
    LOWEST,
    end_surveillance,
    read_patient_rules,
    resume_surveillance,
    set_limits,
    silence_bounds,
)
from alerts.rule_versions import history, in_force
from alerts.rules import Rules
from alerts.wording import LEVEL_NAMES
from conf.clinical import ALERT_LEVELS
from elastic.search import patient_rules
from webapp.audit import events as audit
from webapp.i18n import N_, gettext
from webapp.patients.views import require_patient
from webapp.rules.reading import FIELDS, Faults, LimitsError, read_limits, why_faults
from webapp.rules.trial_reading import FIELDS as FIELDS_TRIED
from webapp.security.current import person, principal
from webapp.security.roles import Permission, requires
from webapp.services import services

blueprint = Blueprint("rules", __name__)

FAULT_TEXTS: Final[Mapping[str, str]] = {
    "no_number": N_("A whole number, or nothing."),
    "lowest": N_("At least %(number)d mmHg."),
    "crisis": N_("Below %(number)d mmHg: from there on a crisis alerts anyway."),
    "apart": N_("At least %(number)d mmHg below the upper limit: else nearly every reading would alert."),
    "usual": N_("At least %(number)d min, as for everybody."),
    "longest": N_("At most %(number)d min: silence always alerts at last."),
    "missing": N_("Say why."),
    "too_long": N_("At most %(number)d characters."),
}


@blueprint.get("/rules")
@requires(Permission.STATISTICS)
def page() -> str:
    """Tell in words when alerts are raised, how soon they are to be answered, and who has limits of their own."""
    site = services()
    may_read = principal().allows(Permission.PATIENT)
    stored = patient_rules.all_patients(site.search) if may_read else []
    own = [read_patient_rules(document, document["patient_id"]) for document in stored]
    audit.record("list", patient_ids=[each.patient_id for each in own])
    held = in_force(site.search, site.settings.alert_rules)
    return render_template(
        "rules/page.html",
        rules=held.rules,
        kinds=[kind for kind in AlertKind if hasattr(held.rules, kind.value)],
        number=held.number,
        versions=history(site.search),
        fields={field.name: field for field in FIELDS_TRIED},
        may_change=principal().allows(Permission.RULES),
        levels=list(reversed(ALERT_LEVELS[1:])),
        level_names=LEVEL_NAMES,
        interval_minutes=site.settings.expected_interval_minutes,
        own=own if may_read else None,
    )


@blueprint.get("/patients/<patient:patient_id>/limits")
@requires(Permission.TARGETS)
def limits(patient_id: str) -> str:
    """Show what is set for a patient, and the form to change it."""
    audit.record("view", patient_ids=[patient_id])
    return _limits_page(patient_id, {})


@blueprint.post("/patients/<patient:patient_id>/limits")
@requires(Permission.TARGETS)
def change_limits(patient_id: str) -> Response:
    """Set limits and silence of a patient; what is wrong is told beside its field, and nothing typed is lost."""
    site = services()
    now = site.clock()
    require_patient(patient_id, now)
    rules = in_force(site.search, site.settings.alert_rules).rules
    try:
        changed = read_limits(request.form, patient_id, rules, site.settings.expected_interval)
    except LimitsError as error:
        return make_response(_limits_page(patient_id, error.faults), 422)
    kept = set_limits(site.search, changed, person(), now, request.form["why"].strip())
    audit.record("limits", patient_ids=[patient_id], target=kept.summary or None)
    return _back_to(patient_id)


@blueprint.post("/patients/<patient:patient_id>/surveillance")
@requires(Permission.TARGETS)
def change_surveillance(patient_id: str) -> Response:
    """End the surveillance of a patient, with a reason, or take that back (``resume``)."""
    site = services()
    now = site.clock()
    require_patient(patient_id, now)
    if "resume" in request.form:
        resume_surveillance(site.search, patient_id, person(), now)
        audit.record("surveillance", patient_ids=[patient_id], target="resumed")
        return _back_to(patient_id)
    found = why_faults(request.form)
    if "sure" not in request.form:
        found["sure"] = ("missing", 0)
    if found:
        return make_response(_limits_page(patient_id, {f"end_{name}": fault for name, fault in found.items()}), 422)
    end_surveillance(site.search, patient_id, person(), now, request.form["why"].strip())
    audit.record("surveillance", patient_ids=[patient_id], target="ended")
    return _back_to(patient_id)


def _limits_page(patient_id: str, found: Faults) -> str:
    """Return the page of the form; where something is wrong, with what was typed."""
    site = services()
    patient = require_patient(patient_id, site.clock())
    rules = in_force(site.search, site.settings.alert_rules).rules
    return render_template(
        "rules/limits.html",
        patient_id=patient_id,
        own=patient.rules,
        is_ended=patient.is_ended,
        fields=FIELDS,
        typed=request.form if found else None,
        faults={name: in_words(fault) for name, fault in found.items()},
        **_bounds(rules),
    )


def _bounds(rules: Rules) -> dict[str, Any]:
    """Return what the form says of the values that it takes; silence in minutes."""
    shortest, longest = silence_bounds(rules, services().settings.expected_interval)
    return {
        "lowest": LOWEST,
        "crisis": rules.measured,
        "shortest_silence": int(shortest.total_seconds() // 60),
        "longest_silence": int(longest.total_seconds() // 60),
    }


def in_words(fault: tuple[str, float]) -> str:
    """Tell a fault with the number that it is about, if it is about one."""
    kind, number = fault
    text = gettext(FAULT_TEXTS[kind])
    return text % {"number": number} if "%" in text else text


def _back_to(patient_id: str) -> Response:
    target = url_for("patients.page", patient_id=patient_id, _anchor="alerts-title")
    return current_app.make_response(redirect(target))
