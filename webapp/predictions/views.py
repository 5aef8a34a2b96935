"""The predictions page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from flask import Blueprint, render_template, request, url_for

from conf.clinical import ALERT_LEVELS
from elastic.search import latest
from webapp import figures
from webapp.board.views import minutes_before, screens
from webapp.http import cursors, position
from webapp.predictions.quality import live_model
from webapp.security.roles import Permission, requires
from webapp.services import services
from webapp.wards import chosen_ward

blueprint = Blueprint("predictions", __name__)

PAGE_SIZE: Final = 50
SHORTEST_PART: Final = 2
LONGEST_PART: Final = 64
RISK_CHOICES: Final = (0, 20, 40, 60)  # percent
SUBGROUPS: Final = ("all", "not_in_crisis")


@dataclass(frozen=True)
class Filters:
    """What the page is limited to."""

    level: str | None
    part: str | None
    min_percent: int
    version: str | None
    stratum: str


@blueprint.get("/predictions")
@requires(Permission.PREDICTIONS)
def index() -> str:
    """Show all patients with their newest prediction, measured crises and critical risks first."""
    site, now, filters = services(), services().clock(), read_filters(request.args)
    ward = chosen_ward()
    search = site.search_in(ward)
    pages = cursors("predictions page", {**asdict(filters), "ward": ward})
    page = latest.page(
        search,
        level=filters.level,
        part=filters.part,
        min_risk_6h=filters.min_percent / 100 if filters.min_percent else None,
        model_version=filters.version,
        limit=PAGE_SIZE,
        after=position(pages, 422),
        order="urgent",
    )
    rows = screens(ward).board.rows([document["patient_id"] for document in page.documents], now)
    site.audit.record("list", patient_ids=[row.patient_id for row in rows])
    asked: dict[str, Any] = {name: value for name, value in request.args.items() if name != "cursor" and value}
    values = {
        "rows": rows,
        "total": page.total,
        "most_counted": latest.MOST_COUNTED,
        "next_page": page.after and url_for(".index", **asked, cursor=pages.make(page.after)),
        "filters": filters,
        "model": figures.shared("live model", filters.stratum, search, lambda its: live_model(its, filters.stratum)),
        "burden": figures.alarm_burden_of_a_day(search, now),
        "levels": ALERT_LEVELS[::-1],
        "risk_choices": RISK_CHOICES,
        "min_readings": site.settings.min_readings,
        "minutes": lambda at: minutes_before(now, at),
    }
    return render_template("predictions.html", **values)


def read_filters(parameters: Mapping[str, str]) -> Filters:
    """Return the filters of an address; what cannot be meant is left out."""
    level, part, version = (parameters.get(name, "").strip() or None for name in ("level", "q", "model"))
    percent, stratum = parameters.get("risk", "0"), parameters.get("stratum", SUBGROUPS[0])
    return Filters(
        level=level if level in ALERT_LEVELS else None,
        part=part if part and SHORTEST_PART <= len(part) <= LONGEST_PART else None,
        min_percent=int(percent) if percent in map(str, RISK_CHOICES) else 0,
        version=version,
        stratum=stratum if stratum in SUBGROUPS else SUBGROUPS[0],
    )
