"""The pages of patients: list, page of one patient with its live parts, chart data, CSV files, targets, report."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from babel.numbers import get_decimal_symbol
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
from flask.blueprints import BlueprintSetupState

from alerts import answering
from assessment.daytime import read_day_hours
from assessment.targets import Fault, TargetsError, read_targets
from elastic.search import wards
from webapp.audit import events as audit
from webapp.http import PatientUnknown, choice, cursors, make_conditional, position
from webapp.i18n import gettext, language
from webapp.patient_ids import LONGEST_ID, PatientId, file_name, shortened, spell, visible
from webapp.patients import chart as charts
from webapp.patients import csv_files, listing, presenting, timeline
from webapp.patients.loading import PatientNow, load_chart, load_now, load_report, load_scored, report_period
from webapp.patients.periods import read_period
from webapp.security.access import limit_exports
from webapp.security.current import person, principal
from webapp.security.roles import Permission, requires
from webapp.services import services
from webapp.store import patient_targets
from webapp.wards import chosen_ward, search_of_lists

blueprint = Blueprint("patients", __name__)
CSV_TYPE: Final = "text/csv; charset=utf-8"
NO_FAULTS: Final[Mapping[str, Fault]] = {}


@blueprint.record_once
def _install(state: BlueprintSetupState) -> None:
    state.app.url_map.converters["patient"] = PatientId
    state.app.jinja_env.filters.update(
        patient_path=patient_path, number=number, clock=clock, id_text=visible, short_id=shortened
    )


def patient_path(patient_id: str) -> str:
    """Return the address of a patient's page."""
    return f"/patients/{spell(patient_id)}"


def number(text: str) -> str:
    """Write a number with the decimal sign of the reader's language."""
    return text.replace(".", get_decimal_symbol(language()))


def clock(at: datetime) -> str:
    """Write the time of day at the place."""
    return f"{at.astimezone(services().settings.zone):%H:%M}"


@blueprint.get("/patients")
@requires(Permission.PATIENT)
def overview() -> str | Response:
    """Show the list of patients with filters, page by page; lead to the one patient that the header's search finds."""
    site, filters = services(), listing.read_filters(request.args)
    ward = chosen_ward()
    search = site.search_in(ward)
    pages = cursors("patients.overview", {**filters.parameters(), "ward": ward})
    now, interval = site.clock(), site.settings.expected_interval
    found = listing.find(search, filters, now, interval, after=position(pages, 404))
    unscored = listing.find_unscored(search, filters, found, now)
    shown = [document["patient_id"] for document in (*found.documents, *unscored)]
    if request.args.keys() - {"ward"} == {"q"} and filters.part and len(shown) == 1:
        return current_app.make_response(redirect(patient_path(shown[0])))
    audit.record("list", patient_ids=shown)
    next_cursor = pages.make(found.after) if found.after else None
    return render_template(
        "patients/list.html",
        next_cursor=next_cursor,
        stays=wards.of_patients(search, shown),
        unscored=[presenting.row_view(reading, now, interval) for reading in unscored],
        **presenting.list_view(found, filters, now, interval),
    )


@blueprint.get("/patients.csv")
@requires(Permission.EXPORT)
def export() -> Response:
    """Send the whole list as a CSV file."""
    limit_exports()
    site = services()
    filters, interval = listing.read_filters(request.args), site.settings.expected_interval
    found = listing.find_all(search_of_lists(), filters, site.clock(), interval)
    audit.record("export", patient_ids=[document["patient_id"] for document in found])
    return _csv(csv_files.list_csv(found, site.settings.zone, csv_files.form_of(language())), "patients.csv")


@blueprint.get("/patient")
@requires(Permission.PATIENT)
def find() -> Response:
    """Lead from ``?id=`` to the patient's page, for links of programs that do not know how the site spells ids."""
    patient_id = request.args.get("id", "")
    if not 0 < len(patient_id) <= LONGEST_ID:
        abort(404)
    return current_app.make_response(redirect(patient_path(patient_id)))


@blueprint.get("/patients/<patient:patient_id>")
@requires(Permission.PATIENT)
def page(patient_id: str) -> str:
    """Show one patient; the chart is drawn by a script, or is a table (``view=table``)."""
    return _page(patient_id)


def _page(patient_id: str, faults: Mapping[str, Fault] = NO_FAULTS) -> str:
    """Return the page of a patient; with `faults`, the form of the targets is open and keeps what was typed."""
    site = services()
    now = site.clock()
    patient, period = require_patient(patient_id, now), read_period(request.args, now)
    audit.record("view", patient_ids=[patient_id])
    if patient.is_unread:
        return render_template("patients/refused.html", patient_id=patient_id, **presenting.alerts_view(patient))
    readings = load_chart(site.search, site.settings, patient_id, period)
    before = load_chart(site.search, site.settings, patient_id, period.before) if period.compared else None
    scored = load_scored(site.search, site.settings, patient_id, period)
    return render_template(
        "patients/page.html",
        period=period,
        later=None if period.is_live else period.after(now),
        zone_name=site.settings.time_zone,
        day_hours=read_day_hours(site.settings.day_hours),
        targets=patient_targets.find(site.store, patient_id),
        typed=request.form,
        faults=faults,
        as_table=request.args.get("view") == "table",
        chart_sentence=presenting.chart_sentence(readings, period, before),
        timeline_sentence=presenting.timeline_sentence(scored.timeline, period),
        has_timeline=scored.timeline is not None,
        table=presenting.table_view(readings, scored),
        **presenting.names(),
        **presenting.patient_view(patient, now, site.settings.expected_interval),
    )


@blueprint.get("/patients/<patient:patient_id>/live")
@requires(Permission.PATIENT, is_poll=True)
def live(patient_id: str) -> Response:
    """Send the parts of the page that change from reading to reading, by the same templates as at first."""
    site = services()
    now = site.clock()
    patient = require_patient(patient_id, now)
    if patient.is_unread:
        abort(404)  # the page of such a patient does not ask
    view = presenting.patient_view(patient, now, site.settings.expected_interval)
    return make_conditional(current_app.make_response(render_template("patients/live.html", **view)))


@blueprint.get("/patients/<patient:patient_id>/chart")
@requires(Permission.PATIENT, is_poll=True)
def chart(patient_id: str) -> Response:
    """Send what the script draws, with all texts in the reader's language.

    Time ends with this minute, so that charts without news stay the same for a minute.
    """
    site = services()
    now = site.clock().replace(second=0, microsecond=0) + timedelta(minutes=1)
    patient, period = require_patient(patient_id, now), read_period(request.args, now)
    readings = load_chart(site.search, site.settings, patient_id, period)
    before = load_chart(site.search, site.settings, patient_id, period.before) if period.compared else None
    scored = load_scored(site.search, site.settings, patient_id, period)
    pressures = charts.drawing(readings, patient_targets.find(site.store, patient_id).targets, before)
    risks, marks = scored.timeline and timeline.drawing(scored.timeline), presenting.alert_marks(patient, scored)
    sentence = presenting.timeline_sentence(scored.timeline, period)
    return make_conditional(
        jsonify(
            pressures=pressures | {"sentence": presenting.chart_sentence(readings, period, before)} | marks,
            timeline=risks and risks | {"sentence": sentence} | marks,
            texts=presenting.texts(site.settings.time_zone),
        )
    )


@blueprint.post("/patients/<patient:patient_id>/feedback")
@requires(Permission.ACKNOWLEDGE)
def feedback(patient_id: str) -> Response:
    """Note whether an alert was useful; answer with a sentence for the script, else lead back to the page."""
    site = services()
    now = site.clock()
    alert, useful = request.form.get("alert_id", ""), choice(request.form, "useful", ("yes", "no")) == "yes"
    patient = require_patient(patient_id, now)
    if alert not in {each["alert_id"] for each in patient.alerts}:
        abort(404)
    answering.give_feedback(site.search, [alert], useful, person(), now)
    audit.record("feedback", patient_ids=[patient_id])
    if request.headers.get("Accept") == "application/json":
        return jsonify(text=gettext("Noted, thank you."))
    return _back_to(patient_id)


@blueprint.post("/patients/<patient:patient_id>/targets")
@requires(Permission.TARGETS)
def set_targets(patient_id: str) -> Response:
    """Set the pressures that a patient's treatment aims at, or give the usual ones back (``usual``)."""
    site = services()
    now = site.clock()
    require_patient(patient_id, now)
    if "usual" in request.form:
        patient_targets.forget(site.store, patient_id)
        audit.record("targets", patient_ids=[patient_id], target="usual")
        return _back_to(patient_id, "timeline-title")
    try:
        targets = read_targets(request.form)
    except TargetsError as error:
        return make_response(_page(patient_id, error.faults), 422)
    patient_targets.keep(site.store, patient_id, targets, principal().user_name, now)
    audit.record("targets", patient_ids=[patient_id], target=f"{targets.systolic}/{targets.diastolic}")
    return _back_to(patient_id, "timeline-title")


@blueprint.get("/patients/<patient:patient_id>/data.csv")
@requires(Permission.EXPORT)
def data(patient_id: str) -> Response:
    """Send what the chart shows as a CSV file."""
    limit_exports()
    site = services()
    now = site.clock()
    require_patient(patient_id, now)
    period = read_period(request.args, now)
    readings = load_chart(site.search, site.settings, patient_id, period)
    audit.record("export", patient_ids=[patient_id])
    text = csv_files.chart_csv(readings, patient_id, site.settings.zone, csv_files.form_of(language()))
    until = "" if period.is_live else f"-until-{period.end:%Y%m%dT%H%MZ}"
    return _csv(text, f"readings-{file_name(patient_id)}-{period.span}{until}.csv")


@blueprint.get("/patients/<patient:patient_id>/report")
@requires(Permission.REPORT)
def report(patient_id: str) -> str:
    """Show the report on one page: of a day of the place (``day=2026-11-24``), or of the newest 24 h."""
    site = services()
    now = site.clock()
    period = report_period(request.args.get("day", ""), require_patient(patient_id, now), site.settings, now)
    made = load_report(site.search, site.settings, patient_id, *period)
    audit.record("print", patient_ids=[patient_id])
    return render_template(
        "patients/report.html",
        patient_id=patient_id,
        printed_by=principal().user_name,
        printed_at=now,
        **presenting.report_view(made, patient_targets.find(site.store, patient_id), site.settings),
    )


def require_patient(patient_id: str, now: datetime) -> PatientNow:
    """Return the patient, or answer that there is none."""
    found = load_now(services().search, services().settings, patient_id, now)
    if found is None:
        raise PatientUnknown
    return found


def _back_to(patient_id: str, anchor: str | None = None) -> Response:
    return current_app.make_response(redirect(url_for("patients.page", patient_id=patient_id, _anchor=anchor)))


def _csv(text: str, name: str) -> Response:
    response = Response(text, content_type=CSV_TYPE)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
