"""The page behind the link in a message: shows the alert, and acknowledges it when the button is pressed.

Opening the page changes nothing, for scanners of mail open every link. Whoever holds the link is its recipient: no
account is asked for, and nothing is shown that the message was not allowed to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from flask import Blueprint, Response, current_app, g, make_response, render_template, request

from alerts import answering
from alerts.answering import Fate, Known, Outcome
from alerts.channels.disclosing import Disclosing
from alerts.channels.message import Telling
from alerts.channels.wording import Card, Words
from alerts.model import USUAL_PAUSE_MIN, read_alert_id
from alerts.notifications.background import completed
from alerts.notifications.links import ANSWER, Link, LinkError, Links, LinkState
from elastic.client import Search
from elastic.scope import Scope
from webapp.answers.presenting import STATUSES, sentence
from webapp.answers.reading import Act
from webapp.answers.views import wait
from webapp.i18n import N_, gettext, language
from webapp.security.access import client_ip, refuse_above
from webapp.security.roles import public
from webapp.services import services

blueprint = Blueprint("answer_links", __name__)

FOREIGN: Final = N_("This link is not valid. Open the one in the message, whole, or sign in.")
EXPIRED: Final = N_("This link has expired. Sign in to answer the alert.")
VOID: Final[Mapping[LinkState, str]] = {
    LinkState.OVER: N_("This alert is over: there is nothing to acknowledge any more."),
    LinkState.RAISED_ANEW: N_("The alert was raised anew since then. Use the link in the latest message, or sign in."),
}


@blueprint.route("/answer/<token>", methods=["GET", "POST"])
@public
def page(token: str) -> Response:
    """Show what a link acknowledges, and acknowledge it where the form was sent."""
    site = services()
    refuse_above(f"answer:{client_ip()}", current_app.config["READS_PER_MINUTE"])
    try:
        link = Links(site.settings).read(token, site.clock())
    except LinkError as error:
        if error.is_expired:
            return _respond(gettext(EXPIRED), HTTPStatus.GONE)
        return _respond(gettext(FOREIGN), HTTPStatus.NOT_FOUND)
    g.language = link.language
    known = answering.read(_search(), [link.alert_id]).get(link.alert_id)
    state = link.state(known, site.clock())
    if state is LinkState.OPEN and request.method == "POST":
        return _acknowledge(link)
    _note("view", link)
    if known is None or state in VOID:
        return _respond(gettext(VOID[state]), HTTPStatus.GONE)
    given = known.answer(site.clock())
    if given:
        late = Outcome(link.alert_id, Fate.LATE, given.by, given.at)
        status = HTTPStatus.CONFLICT if request.method == "POST" else HTTPStatus.OK
        return _respond(sentence(Act.ACKNOWLEDGE, late, is_shown=True), status)
    return make_response(
        render_template("answer_link.html", card=_card(link, known), alert=known.alert, pause=USUAL_PAUSE_MIN)
    )


def _acknowledge(link: Link) -> Response:
    """Answer the alert in the name of the recipient, as a screen does it."""
    site = services()
    search = _search()
    (outcome,) = answering.acknowledge(search, [link.alert_id], ANSWER, link.person, site.clock())
    _note("ack", link, "ok" if outcome.fate is Fate.STORED else "refused")
    is_shown = wait(search, [outcome])
    return _respond(sentence(Act.ACKNOWLEDGE, outcome, is_shown=is_shown), STATUSES[outcome.fate])


def _search() -> Search:
    """Return a search that no ward limits: it is the link that says which one alert is asked for."""
    return services().search_within(Scope())


def _card(link: Link, known: Known) -> Card:
    """Return the alert in words, with what its recipient may know, also of where the patient lies."""
    site, discloses = services(), frozenset(link.discloses)
    (alert,) = completed(_search(), [known.alert], discloses)
    telling = Telling(alert, step=0, repeat=0, key=link.alert_id)
    words = Words("fr" if language() == "fr" else "en", site.settings.zone)
    return words.card(Disclosing(site.settings).of(telling, discloses))


def _note(action: str, link: Link, outcome: str = "ok") -> None:
    """Note in the audit who has seen or answered the alert of which patient."""
    known_by = read_alert_id(link.alert_id)
    services().audit.record(action, patient_ids=[known_by[0]], outcome=outcome, actor=link.person.name)


def _respond(text: str, status: int) -> Response:
    """Say what became of a link."""
    response = make_response(render_template("answer_link.html", text=text))
    response.status_code = status
    return response
