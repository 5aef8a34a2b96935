"""The question before what a slip of the hand must not do; a page of its own, so that it needs no script."""

from __future__ import annotations

from flask import make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from webapp.audit.events import of_owner, record
from webapp.codes import UNKNOWN_BROWSER, browser_name
from webapp.http import unwrap
from webapp.i18n import gettext, when
from webapp.security import sessions, tokens
from webapp.services import services

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


def end_session(page: str, owner: str | None = None) -> Response:
    """End the session that the form names, of one user or of any, after a question; abort with 404 for another.

    `page` is the endpoint of the list, where it leads to.
    """
    site, asked_for = services(), request.form.get("hash", "")
    known = sessions.list_sessions(site.store, site.clock(), owner)
    session = unwrap(next((each for each in known if each.hash == asked_for), None))
    told = gettext(
        "Begun %(time)s with %(browser)s. That screen shows the sign-in page at once.",
        time=when(session.created_at),
        browser=browser_name(session.agent) or gettext(UNKNOWN_BROWSER),
    )
    asked = ask(gettext("End the session of %(name)s?", name=session.user_name), told, gettext("End"), url_for(page))
    if asked:
        return asked
    sessions.end(site.store, session.hash)
    record("session_ended", target=of_owner(session.user_name, session.hash))
    return redirect(url_for(page, done="session"))


def revoke_token(page: str, owner: str | None = None) -> Response:
    """Revoke the token that the form names, as `end_session` ends a session."""
    site, asked_for = services(), request.form.get("id", "")
    token = unwrap(next((each for each in tokens.list_tokens(site.store, owner) if each.id == asked_for), None))
    told = gettext("Whatever uses it is refused from now on, for good: only a new token helps.")
    asked = ask(gettext("Revoke the token %(name)s?", name=token.name), told, gettext("Revoke"), url_for(page))
    if asked:
        return asked
    tokens.revoke(site.store, token.id)
    record("token_revoked", target=of_owner(token.user_name, token.id))
    return redirect(url_for(page, done="token"))
