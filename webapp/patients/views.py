"""The pages of patients: list, page of one patient with its live parts, chart data, CSV files, report."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from babel.numbers import get_decimal_symbol
from flask import Blueprint, Response, abort, current_app, jsonify, redirect, render_template, request, url_for
from flask.blueprints import BlueprintSetupState

from alerts import journal
from alerts.model import alert_id
from webapp.audit import events as audit
from webapp.cursors import CursorError, Cursors
from webapp.forms import choice
from webapp.http import cursors, make_conditional
from webapp.i18n import gettext, language
from webapp.patients import csv_files, listing, reporting
from webapp.patients.chart import drawing as chart_drawing
from webapp.patients.loading import Now, day_hours, expected_interval, load_chart, load_now, load_trace, zone
from webapp.patients.presenting import list_view, patient_view, table_view, texts, trace_marks
from webapp.patients.sentences import INTERVAL_NAMES, SPAN_NAMES, chart_sentence, strip_sentence
from webapp.patients.spans import SPANS, USUAL_SPAN
from webapp.patients.strip import drawing as strip_drawing
from webapp.patients.urls import LONGEST_ID, PatientId, spell
from webapp.security.access import limit_exports
from webapp.security.current import principal
from webapp.security.roles import Permission, requires
from webapp.services import services
from webapp.store import patient_targets, saved_views

blueprint = Blueprint("patients", __name__)
CSV_TYPE: Final = "text/csv; charset=utf-8"


@blueprint.record_once
def _install(state: BlueprintSetupState) -> None:
    state.app.url_map.converters["patient"] = PatientId
    state.app.jinja_env.filters.update(patient_path=patient_path, number=number, clock=clock)


def patient_path(patient_id: str) -> str:
    """The address of a patient's page."""
    return f"/patients/{spell(patient_id)}"


def number(text: str) -> str:
    """A number, written by a format, with the decimal sign of the reader's language."""
    return text.replace(".", get_decimal_symbol(language()))


def clock(at: datetime) -> str:
    """The time of day at the place."""
    return f"{at.astimezone(zone(services())):%H:%M}"


@blueprint.get("/patients")
@requires(Permission.PATIENT)
def overview() -> str:
    """The list of patients with filters, page by page."""
    site, filters = services(), listing.read_filters(request.args)
    pages = cursors("patients.overview", filters.parameters())
    now, interval = site.clock(), expected_interval(site)
    found = listing.find(site.search, filters, now, interval, after=_position(pages))
    audit.record("list", patient_ids=[document["patient_id"] for document in found.documents])
    next_cursor = pages.make(found.after) if found.after else None
    return render_template(
        "patients/list.html",
        next_cursor=next_cursor,
        saved_views=saved_views.list_views(site.store, principal().user_name),
        is_full="full" in request.args,
        most_views=saved_views.MOST,
        longest_name=saved_views.LONGEST_NAME,
        **list_view(found, filters, now, interval),
    )


@blueprint.get("/patients.csv")
@requires(Permission.EXPORT)
def export() -> Response:
    """The whole list as a CSV file."""
    limit_exports()
    site = services()
    found = listing.find_all(site.search, listing.read_filters(request.args), site.clock(), expected_interval(site))
    audit.record("export", patient_ids=[document["patient_id"] for document in found])
    return _csv(csv_files.csv_text(found, csv_files.LIST_FIELDS), "patients.csv")


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
    """The page of one patient; its chart is drawn by a script, or is a table (``view=table``)."""
    site, span = services(), _span()
    now = site.clock()
    found = require_patient(patient_id, now)
    chart, trace = load_chart(site, patient_id, span, now), load_trace(site, patient_id, now)
    audit.record("view", patient_ids=[patient_id])
    return render_template(
        "patients/page.html",
        span=span,
        spans=SPAN_NAMES,
        interval_names=INTERVAL_NAMES,
        zone_name=site.settings.time_zone,
        day_hours=day_hours(site),
        targets=patient_targets.find(site.store, patient_id),
        as_table=request.args.get("view") == "table",
        chart_sentence=chart_sentence(chart, span),
        strip_sentence=strip_sentence(trace.strip),
        table=table_view(chart, trace),
        **patient_view(found, now, expected_interval(site)),
    )


@blueprint.get("/patients/<patient:patient_id>/live")
@requires(Permission.PATIENT, is_poll=True)
def live(patient_id: str) -> Response:
    """The parts of the page that change from reading to reading, by the same templates as at first."""
    site = services()
    now = site.clock()
    view = patient_view(require_patient(patient_id, now), now, expected_interval(site))
    return make_conditional(current_app.make_response(render_template("patients/live.html", **view)))


@blueprint.get("/patients/<patient:patient_id>/chart")
@requires(Permission.PATIENT, is_poll=True)
def chart(patient_id: str) -> Response:
    """What the script draws, with all texts in the reader's language."""
    site, span = services(), _span()
    now = _full_minute(site.clock())
    found = require_patient(patient_id, now)
    readings, trace = load_chart(site, patient_id, span, now), load_trace(site, patient_id, now)
    marks, targets = trace_marks(found, trace), patient_targets.find(site.store, patient_id).targets
    return make_conditional(
        jsonify(
            pressures=chart_drawing(readings, targets) | {"sentence": chart_sentence(readings, span)} | marks,
            strip=strip_drawing(trace.strip) | {"sentence": strip_sentence(trace.strip)} | marks,
            texts=texts(),
        )
    )


@blueprint.post("/patients/<patient:patient_id>/feedback")
@requires(Permission.ACKNOWLEDGE)
def feedback(patient_id: str) -> Response:
    """Note whether an alert was useful; answer with a sentence for the script, else lead back to the page."""
    site, known = services(), principal()
    now = site.clock()
    alert, useful = request.form.get("alert_id", ""), choice(request.form, "useful", ("yes", "no")) == "yes"
    found = require_patient(patient_id, now)
    if alert not in (alert_id(patient_id, one.kind, one.started_at) for one in found.episodes):
        abort(404)
    journal.give_feedback(site.search, alert, useful, journal.Person(known.user_name, known.role), now)
    audit.record("feedback", patient_ids=[patient_id])
    if request.headers.get("Accept") == "application/json":
        return jsonify(text=gettext("Noted, thank you."))
    return current_app.make_response(redirect(url_for("patients.page", patient_id=patient_id)))


@blueprint.get("/patients/<patient:patient_id>/data.csv")
@requires(Permission.EXPORT)
def data(patient_id: str) -> Response:
    """What the chart shows as a CSV file."""
    limit_exports()
    site, span = services(), _span()
    now = site.clock()
    require_patient(patient_id, now)
    text = csv_files.chart_csv(load_chart(site, patient_id, span, now))
    audit.record("export", patient_ids=[patient_id])
    return _csv(text, f"readings-{span}.csv")


@blueprint.get("/patients/<patient:patient_id>/rapport")
@requires(Permission.REPORT)
def report(patient_id: str) -> str:
    """The report on one page: of a day of the place (``day=2026-11-24``), or of the 24 h up to the newest reading."""
    site = services()
    now = site.clock()
    view = reporting.report_view(site, require_patient(patient_id, now), request.args.get("day", ""), now)
    audit.record("print", patient_ids=[patient_id])
    return render_template("patients/report.html", printed_by=principal().user_name, printed_at=now, **view)


def require_patient(patient_id: str, now: datetime) -> Now:
    """The patient, or the answer that there is none."""
    return load_now(services(), patient_id, now) or abort(404)


def _full_minute(now: datetime) -> datetime:
    """The end of this minute, so that a picture without news stays the same for a minute."""
    return now.replace(second=0, microsecond=0) + timedelta(minutes=1)


def _span() -> str:
    asked = request.args.get("span", "")
    return asked if asked in SPANS else USUAL_SPAN


def _position(pages: Cursors) -> list[Any] | None:
    cursor = request.args.get("cursor")
    if not cursor:
        return None
    try:
        return pages.open(cursor)
    except CursorError:
        abort(404)


def _csv(text: str, name: str) -> Response:
    response = Response(text, content_type=CSV_TYPE)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
