"""The question before what a slip of the hand must not do; a page of its own, so that it needs no script."""

from __future__ import annotations

from flask import make_response, render_template, request
from werkzeug.wrappers import Response

from webapp.codes import UNKNOWN_BROWSER, browser_name
from webapp.i18n import gettext, when
from webapp.security.sessions import Session
from webapp.security.tokens import Token

CONFIRMED = "confirmed"


def ask(question: str, consequence: str, act: str, back: str) -> Response | None:
    """Return the page that asks whether to do what the current form wants; None once that page has sent it.

    `act` is the word on its button, `back` where it leads without doing anything.
    """
    if CONFIRMED in request.form:
        return None
    fields = [*request.form.items(multi=True), (CONFIRMED, "yes")]
    page = render_template(
        "confirm.html", question=question, consequence=consequence, act=act, back=back, fields=fields
    )
    return make_response(page)


def ask_to_end(session: Session, back: str) -> Response | None:
    """Ask before a session is ended; see `ask`."""
    browser = browser_name(session.agent) or gettext(UNKNOWN_BROWSER)
    told = gettext(
        "Begun %(time)s with %(browser)s. That screen shows the sign-in page at once.",
        time=when(session.created_at),
        browser=browser,
    )
    return ask(gettext("End the session of %(name)s?", name=session.user_name), told, gettext("End"), back)


def ask_to_revoke(token: Token, back: str) -> Response | None:
    """Ask before a token is revoked; see `ask`."""
    told = gettext("Whatever uses it is refused from now on, for good: only a new token helps.")
    return ask(gettext("Revoke the token %(name)s?", name=token.name), told, gettext("Revoke"), back)
