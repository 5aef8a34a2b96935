"""The page of the handover, and what is new since somebody looked at the board last."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from flask import Blueprint, Response, current_app, redirect, render_template, request
from flask.blueprints import BlueprintSetupState

from webapp.audit import events as audit
from webapp.handover.loading import News, load_handover, load_news, shift_start
from webapp.security.current import principal, principal_or_none
from webapp.security.roles import Permission, requires
from webapp.services import services
from webapp.store import looks
from webapp.wards import search_of_lists

blueprint = Blueprint("handover", __name__)

USUAL_START: Final = "07:00"
POLL: Final = "board.rows"
NOTED: Final = "bp_looks"  # when each user's look was written last, by name; polls come each second
WRITE_EVERY_S: Final = 60


@blueprint.record_once
def _install(state: BlueprintSetupState) -> None:
    state.app.jinja_env.globals["news_of_reader"] = news_of_reader


@blueprint.get("/handover")
@requires(Permission.PATIENT)
def page() -> str:
    """Show the patients with alerts since the beginning of a shift (``from=07:00``), or since a moment (``since=``)."""
    site = services()
    now, asked = site.clock(), request.args.get("from", "")
    try:
        start = shift_start(asked or USUAL_START, now, site.settings.zone)
        since = datetime.fromisoformat(request.args["since"]) if "since" in request.args and not asked else start
    except ValueError:
        since = shift_start(USUAL_START, now, site.settings.zone)
    since = min(since if since.tzinfo else since.replace(tzinfo=site.settings.zone), now)
    made = load_handover(search_of_lists(), since, now, site.settings.expected_interval)
    shown = (*made.unanswered, *made.answered, *made.ended)
    audit.record("list", patient_ids=[each.patient_id for each in shown])
    return render_template("handover/page.html", made=made, now=now, printed_by=principal().user_name)


@blueprint.post("/handover/seen")
@requires(Permission.BOARD)
def seen() -> Response:
    """Note that the reader knows the news."""
    site = services()
    looks.catch_up(site.store, principal().user_name, site.clock())
    return current_app.make_response(redirect("/"))


def news_of_reader() -> News | None:
    """Return what is new to who opens the board; None at the first visit, and for a wall that nobody is at."""
    site, known = services(), principal()
    if not known.allows(Permission.PATIENT):
        return None
    since = looks.look(site.store, known.user_name, site.clock())
    return load_news(search_of_lists(), since, known.user_name) if since else None


@blueprint.after_app_request
def note_poll(response: Response) -> Response:
    """Let the visit of whose board asks for rows go on; written once a minute only."""
    known = principal_or_none()
    if request.endpoint == POLL and response.status_code in (200, 304) and known and not known.is_token:
        site = services()
        now = site.clock()
        written: dict[str, float] = current_app.extensions.setdefault(NOTED, {})
        if now.timestamp() - written.get(known.user_name, 0.0) > WRITE_EVERY_S:
            written[known.user_name] = now.timestamp()
            looks.look(site.store, known.user_name, now)
    return response
