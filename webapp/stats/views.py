"""The statistics page."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, render_template, request

from conf.clinical import ALERT_LEVELS, CRISIS_DIASTOLIC, CRISIS_SYSTOLIC
from webapp.figures import TIMEOUT_S, shared
from webapp.security.roles import Permission, requires
from webapp.services import services
from webapp.stats import figures
from webapp.wards import search_of_lists

blueprint = Blueprint("stats", __name__)

CATEGORIES: Final = ("severe", "stage_2", "stage_1", "elevated", "normal", "low")


@blueprint.get("/stats")
@requires(Permission.STATISTICS)
def index() -> str:
    """Show figures over all patients; shared by everybody for a minute."""
    site = services()
    now, span = site.clock(), request.args.get("span", "24h")
    span = span if span in figures.SPANS else "24h"
    search, zone = search_of_lists().within(TIMEOUT_S), site.settings.zone
    found = shared("page", span, search, lambda its: figures.load(its, span, zone, now))
    values = {
        "figures": found,
        "span": span,
        "spans": list(figures.SPANS),
        "levels": ALERT_LEVELS,
        "categories": CATEGORIES,
        "age_edges": figures.AGE_EDGES_MIN,
        "curves": {name: figures.curve(found.hours, name) for name in ("systolic", "diastolic")},
        "limits": [(limit, figures.level_y(limit)) for limit in (CRISIS_SYSTOLIC, CRISIS_DIASTOLIC)],
        "canvas": (figures.WIDTH, figures.HEIGHT),
    }
    return render_template("stats.html", **values)
