"""The system page."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from flask import Blueprint, render_template

from alerts import chain_record
from alerts.attention import read_refusal
from conf.settings import METRICS_FILE
from elastic.client import Search, SearchUnavailable
from elastic.search import latest, monitoring, observations, rejected, statistics
from elastic.search.passages import newest
from fhir.reasons import Reason
from ml import drift
from webapp.codes import summary_name
from webapp.i18n import gettext
from webapp.security.roles import Permission, requires
from webapp.services import services
from webapp.system import metrics, passages

blueprint = Blueprint("system", __name__)

REJECTS_OVER: Final = timedelta(hours=24)
MOST_NAMELESS: Final = 20


@blueprint.get("/admin/system")
@requires(Permission.SYSTEM)
def index() -> str:
    """Show stream, store, rejects, model and drift; also while Elasticsearch is away, because then it is needed."""
    site = services()
    now = site.clock()
    store = _store(site.search)
    told = metrics.read(site.settings.metrics_file or site.settings.local_dir / METRICS_FILE)
    values = {
        "links": chain_record.looked_at(site.search, now).links,
        "metrics": told,
        "is_silent": told is not None and metrics.is_silent(told, now),
        "store": store,
        "defects": _number(store, Reason.INTERNAL_ERROR),
        "not_stored": _number(store, Reason.INDEX_NOT_WRITABLE, Reason.DOCUMENT_REFUSED),
        "not_predicted": told.totals("failed") if told else 0,
        "not_kept": told.totals("unwritten") if told else 0,
        "hours": int(REJECTS_OVER.total_seconds() // 3600),
        "summary_name": lambda summary: summary_name(summary, gettext),
        "least_patients": drift.LEAST_PATIENTS,
        "passage_hours": passages.SINCE_HOURS,
        "drawn_steps": passages.DRAWN,
    }
    if store:
        named = {group["patient_id"] for group in store["refusals"]} - {None}
        site.audit.record("list", patient_ids=named)
    return render_template("system.html", **values)


def _number(store: dict[str, Any] | None, *reasons: Reason) -> int:
    """Count what was rejected for reasons that somebody has to do something about, 0 while nobody knows."""
    return sum(group["count"] for group in store["rejected"] if group["reason"] in reasons) if store else 0


def _store(search: Search) -> dict[str, Any] | None:
    """Return what Elasticsearch tells, None while it does not answer."""
    now = services().clock()
    try:
        versions = latest.model_versions(search)
        return {
            **_passages(search, now),
            "newest_reading": observations.newest_time(search),
            "newest_prediction": latest.newest_time(search),
            "patients": sum(latest.count_levels(search).values()),
            "rejected": statistics.rejects_by_reason(search, now - REJECTS_OVER, now),
            "nameless": [
                read_refusal(document) for document in rejected.nameless(search, now - REJECTS_OVER, MOST_NAMELESS)
            ],
            "refusals": rejected.refusals(search, now - REJECTS_OVER),
            "versions": versions,
            "drift": _drift(search, versions[0]) if versions else None,
        }
    except SearchUnavailable:
        return None


def _drift(search: Search, version: str) -> dict[str, Any] | None:
    """Return what the monitor found on its newest day, what has moved most first; None before its first."""
    found = monitoring.drift(search, version, len(drift.SUMMARIES))
    if not found:
        return None
    return {
        "day": found[0]["@timestamp"][:10],
        "patients": found[0]["patients"],
        "is_judged": found[0]["patients"] >= drift.LEAST_PATIENTS,
        "has_rhythm_alone_moved": drift.has_rhythm_alone_moved({one["feature"]: one["drift"] for one in found}),
        "summaries": found,
    }


def _passages(search: Search, now: datetime) -> dict[str, Any]:
    """Return how measured crises came to the board in the last hours: each step, and a drawing of the newest."""
    found = newest(search, now - timedelta(hours=passages.SINCE_HOURS), now)
    return {"steps": passages.steps(found), "passages": passages.columns(found)}
