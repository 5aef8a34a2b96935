"""The search in the audit."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import render_template, request
from werkzeug.exceptions import UnprocessableEntity

from webapp.admin.blueprint import blueprint
from webapp.audit import search as audit_events
from webapp.codes import ACTION_NAMES, OUTCOME_NAMES
from webapp.security.roles import Permission, requires
from webapp.services import services

PAGE_SIZE = 100
MAX_PATTERN_LENGTH = 128


@blueprint.get("/audit", endpoint="audit")
@requires(Permission.AUDIT)
def search_audit() -> str:
    """Show the events that match the form, newest first; the search itself is an event, too."""
    wanted = {name: request.args.get(name, "").strip()[:MAX_PATTERN_LENGTH] or None for name in FIELDS}
    start, end = _read_day("from"), _read_day("to")
    if end:
        end += timedelta(days=1)
    found = audit_events.find(services().search, **wanted, start=start, end=end, limit=PAGE_SIZE, after=_read_after())
    patient_ids = [wanted["patient_id"]] if wanted["patient_id"] else []
    services().audit.record("audit_search", patient_ids=patient_ids, target=wanted["actor"])
    return render_template(
        "admin/audit.html",
        found=found,
        wanted=wanted,
        next_query=_next_query(found.after),
        action_names=ACTION_NAMES,
        outcome_names=OUTCOME_NAMES,
    )


FIELDS = ("actor", "patient_id", "action")
AFTER_FIELDS = ("after_time", "after_chain", "after_number")


def _read_day(name: str) -> datetime | None:
    """Return the start of a day in the site's time zone."""
    text = request.args.get(name, "")
    if not text:
        return None
    try:
        return datetime.combine(date.fromisoformat(text), time(), ZoneInfo(services().settings.time_zone))
    except ValueError as error:
        raise UnprocessableEntity(f"{name} is not a date such as 2026-03-10.") from error


def _read_after() -> list[Any] | None:
    given = [request.args.get(name, "") for name in AFTER_FIELDS]
    if not all(given):
        return None
    try:
        return [int(given[0]), given[1][:64], int(given[2])]
    except ValueError as error:
        raise UnprocessableEntity("The place in the list cannot be read.") from error


def _next_query(after: list[Any] | None) -> dict[str, str] | None:
    """Return the query of the next page; None on the last page."""
    if after is None:
        return None
    kept = {name: value for name, value in request.args.items() if name not in AFTER_FIELDS and value}
    return {**kept, **{name: str(value) for name, value in zip(AFTER_FIELDS, after, strict=True)}}
