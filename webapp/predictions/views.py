"""The predictions page."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from flask import Blueprint, abort, current_app, render_template, request, url_for

from conf.clinical import ALERT_LEVELS, HORIZONS_H
from elastic.client import Search
from elastic.search import latest, monitoring
from webapp import figures
from webapp.board.views import screens
from webapp.cursors import CursorError, Cursors
from webapp.http import cursors
from webapp.predictions.quality import Quality, by_horizon
from webapp.security.roles import Permission, requires
from webapp.services import services
from webapp.shared import Shared

blueprint = Blueprint("predictions", __name__)

PAGE_SIZE: Final = 50
SHORTEST_PREFIX: Final = 2
LONGEST_PREFIX: Final = 64
RISK_CHOICES: Final = (0, 20, 40, 60)  # percent
STRATA: Final = ("all", "not_in_crisis")
MODEL_LIFETIME: Final = timedelta(seconds=30)


@dataclass(frozen=True)
class Filters:
    """What the page is limited to."""

    level: str | None
    prefix: str | None
    min_percent: int
    version: str | None
    stratum: str


@dataclass(frozen=True)
class Model:
    """The live model: its version, all versions in use, and quality by horizon."""

    version: str | None
    versions: tuple[str, ...]
    quality: tuple[Quality, ...]


@blueprint.get("/predictions")
@requires(Permission.PREDICTIONS)
def index() -> str:
    """All patients with their newest prediction, measured crises and critical risks first."""
    site, now, filters = services(), services().clock(), read_filters()
    pages = cursors("predictions page", asdict(filters))
    page = latest.page(
        site.search,
        level=filters.level,
        prefix=filters.prefix,
        min_risk_6h=filters.min_percent / 100 if filters.min_percent else None,
        model_version=filters.version,
        limit=PAGE_SIZE,
        after=_after(pages),
        order="urgent",
    )
    rows = screens().board.rows(page.documents, now)
    site.audit.record("list", patient_ids=[row.patient_id for row in rows])
    values = {
        "rows": rows,
        "total": page.total,
        "most_counted": latest.MOST_COUNTED,
        "next_page": page.after and url_for(".index", **_parameters(), cursor=pages.make(page.after)),
        "filters": filters,
        "model": live_model(site.search, filters.stratum, now),
        "burden": figures.alarm_burden_of_a_day(site.search, now),
        "levels": ALERT_LEVELS[::-1],
        "risk_choices": RISK_CHOICES,
        "strata": STRATA,
        "min_readings": site.settings.min_readings,
        "minutes": lambda at: int((now - at).total_seconds() // 60),
    }
    return render_template("predictions.html", **values)


def read_filters() -> Filters:
    """The filters in the address; what cannot be meant is left out."""
    asked = request.args
    level, prefix, version = (asked.get(name, "").strip() or None for name in ("level", "q", "model"))
    percent = asked.get("risk", "0")
    return Filters(
        level=level if level in ALERT_LEVELS else None,
        prefix=prefix if prefix and SHORTEST_PREFIX <= len(prefix) <= LONGEST_PREFIX else None,
        min_percent=int(percent) if percent in map(str, RISK_CHOICES) else 0,
        version=version,
        stratum=stratum if (stratum := asked.get("stratum")) in STRATA else STRATA[0],
    )


def _after(pages: Cursors) -> list[Any] | None:
    cursor = request.args.get("cursor")
    try:
        return pages.open(cursor) if cursor else None
    except CursorError:
        abort(422)


def _parameters() -> dict[str, Any]:
    return {name: value for name, value in request.args.items() if name != "cursor" and value}


def live_model(search: Search, stratum: str, now: datetime) -> Model:
    """The model behind the newest predictions, shared by everybody for half a minute."""
    shared: Shared[Model] = current_app.extensions.setdefault("bp_live_model", Shared(MODEL_LIFETIME))
    return shared.get(stratum, now, lambda: _load_model(search, stratum))


def _load_model(search: Search, stratum: str) -> Model:
    versions = latest.model_versions(search)
    documents = monitoring.live_quality(search, versions[0], None, stratum) if versions else []
    known = [one for one in documents if one["horizon_h"] in HORIZONS_H]
    return Model(versions[0] if versions else None, tuple(versions), tuple(by_horizon(known)))
