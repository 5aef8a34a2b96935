"""Champion and challenger, and the request of a named person that the challenger goes into service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from flask import make_response, redirect, render_template, request, url_for
from werkzeug.exceptions import Conflict
from werkzeug.wrappers import Response

from conf.clinical import ALERT_HORIZON_H
from elastic.client import Document
from elastic.search import latest, monitoring, promotions
from ml.evaluation.cusum import LEAST_PATIENTS
from ml.evaluation.subgroups import HEADLINE
from webapp.admin.blueprint import blueprint
from webapp.confirming import ask
from webapp.i18n import N_, gettext
from webapp.security.current import person
from webapp.security.roles import Permission, requires
from webapp.services import services

MOST_WHY: Final = 500
READY_WHY: Final = "Judged on stored truth for as long as asked for."  # for the journal, where nobody says more
VERDICTS: Final[Mapping[str, str]] = {
    "better": N_("The challenger has been nearer to what happened than the model in service, beyond chance."),
    "worse": N_("The challenger has been further from what happened than the model in service, beyond chance."),
    "equal": N_("Which of the two is nearer to what happened cannot be told yet: the difference may be chance."),
}
STATES: Final[Mapping[str, str]] = {
    "asked": N_("waits to be carried out"),
    "done": N_("in service since %(when)s"),
    "too_old": N_("refused: nobody carried it out within a day"),
    "no_challenger": N_("refused: this version was not the challenger any more"),
    "other_in_service": N_("refused: another version was in service by then"),
    "not_usable": N_("refused: its files are not usable; the log of the monitor says why"),
    "not_writable": N_("refused: the folder of the models could not be written"),
}


@blueprint.get("/models", endpoint="models")
@requires(Permission.ADMIN)
def show_models() -> Response:
    """Show what the monitor found of both, and what was asked for."""
    return _page(_comparison())


@blueprint.post("/models")
@requires(Permission.ADMIN)
def promote() -> Response:
    """Ask for the challenger in service: refused before it is ready, unless the person says why it cannot wait."""
    site, documents = services(), _comparison()
    if not documents or request.form.get("version") != documents[0]["shadow_model_version"]:
        raise Conflict(gettext("The challenger is another one by now. Look at its figures first."))
    told, why = documents[0], request.form.get("why", "").strip()
    if len(why) > MOST_WHY or not (why or told["ready"]):
        return _page(documents, is_refused=True, status=422)
    if promotions.requests(site.search, "asked"):
        return _page(documents, status=409)
    question = gettext("Put %(version)s into service?", version=told["shadow_model_version"])
    consequence = gettext(
        "All predictions and alerts come from it as soon as this is carried out; all risks may shift."
    )
    asked = ask(question, consequence, gettext("Promote"), url_for(".models"))
    if asked:
        return asked
    who = person()
    versions = {"version": told["shadow_model_version"], "instead_of": told["model_version"]}
    wish = {"by": who.name, "role": who.role, "why": why or READY_WHY, "ready": told["ready"]}
    promotions.ask(site.search, promotions.Request(asked_at=site.clock(), **versions, **wish))
    site.audit.record("model_promotion", target=told["shadow_model_version"])
    return redirect(url_for(".models"))


def _comparison() -> list[Document]:
    """Return what was found last beside the version in service, shortest horizon first; [] for nothing."""
    search = services().search
    versions = latest.model_versions(search)
    return monitoring.comparison(search, versions[0], HEADLINE) if versions else []


def _page(documents: Sequence[Document], *, is_refused: bool = False, status: int = 200) -> Response:
    search = services().search
    asked, versions = promotions.requests(search), latest.model_versions(search)
    deciding = next((found for found in documents if found["horizon_h"] == ALERT_HORIZON_H), None)
    page = render_template(
        "admin/models.html",
        documents=documents,
        calibration=monitoring.calibration(search, versions[0]) if versions else [],
        watched=watched(monitoring.cusum(search, versions[0])) if versions else [],
        least_watched=LEAST_PATIENTS,
        deciding=deciding,
        verdict=VERDICTS[verdict(deciding["brier_difference"])] if deciding else None,
        requests=[(each, STATES[each.answer or each.state]) for each in asked],
        is_waiting=any(each.state == "asked" for each in asked),
        is_refused=is_refused,
        typed=request.form.get("why", "") if is_refused else "",
        most_why=MOST_WHY,
    )
    return make_response(page, status)


def watched(documents: Sequence[Document]) -> list[Document]:
    """Return where the sums of each horizon stand, with expected and observed crises of all these days together."""
    newest = monitoring.newest_by_horizon(documents)
    return [
        {
            **document,
            "since": min(day["@timestamp"] for day in documents if day["horizon_h"] == horizon_h)[:10],
            **{
                name: sum(day[name] for day in documents if day["horizon_h"] == horizon_h)
                for name in ("events", "expected_events")
            },
        }
        for horizon_h, document in newest.items()
    ]


def verdict(difference: Mapping[str, Any]) -> str:
    """Tell what an interval of the challenger's Brier score minus that in service says."""
    low, high = difference["low"], difference["high"]
    if high is not None and high < 0:
        return "better"
    return "worse" if low is not None and low > 0 else "equal"
