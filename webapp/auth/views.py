"""The pages of signing in and out."""

from __future__ import annotations

from flask import Blueprint, g, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from webapp.i18n import LANGUAGES
from webapp.navigation import home_path, landing_path
from webapp.security import sessions
from webapp.security.access import client_ip
from webapp.security.accounts import unfinished_step
from webapp.security.current import principal_or_none
from webapp.security.guard import is_own_path
from webapp.security.roles import ROLES, public
from webapp.security.signing_in import Attempt, Outcome, sign_in
from webapp.services import services
from webapp.store import users

blueprint = Blueprint("auth", __name__)
CLEARED = '"cache", "cookies", "storage"'


@blueprint.get("/login")
@public
def login() -> Response:
    """Show the form; whoever is signed in already goes on."""
    known = principal_or_none()
    if known:
        return redirect(landing_path(request.args.get("next", ""), known.permissions))
    return make_response(render_template("login.html"))


@blueprint.post("/login")
@public
def try_login() -> Response:
    """Take the form; whatever is wrong, the answer is the same."""
    if request.form.get("lang", "") in LANGUAGES:
        g.language = request.form["lang"]
    typed = {name: request.form.get(name, "") for name in ("user_name", "password", "code")}
    outcome = sign_in(services(), Attempt(**typed, ip=client_ip(), agent=request.user_agent.string))
    services().audit.record(
        "login", outcome="ok" if outcome.session_id else "failed", actor=outcome.user.name if outcome.user else None
    )
    return _enter(outcome) if outcome.session_id else _refuse(outcome)


@blueprint.post("/logout")
@public
def logout() -> Response:
    """End the session here and in the browser."""
    known = principal_or_none()
    if known:
        services().audit.record("logout")
        sessions.end(services().store, known.session_hash)
    elif "idle_session" in g:
        sessions.end(services().store, g.idle_session)
    response = redirect(url_for("auth.login"))
    sessions.delete_cookie(response, request)  # type: ignore[arg-type]
    response.headers["Clear-Site-Data"] = CLEARED
    return response


@blueprint.post("/language")
@public
def language() -> Response:
    """Switch the language, for a user also from now on."""
    chosen, asked, known = request.form.get("language", ""), request.form.get("next", ""), principal_or_none()
    if known is None:
        return redirect(url_for("auth.login", lang=chosen, next=asked if is_own_path(asked) else None))
    if chosen in LANGUAGES:
        users.set_language(services().store, known.user_name, chosen)
    return redirect(landing_path(asked, known.permissions))


def _enter(outcome: Outcome) -> Response:
    site, before = services(), principal_or_none()
    for session_hash in (before.session_hash if before else None, g.get("idle_session")):
        if session_hash:
            sessions.end(site.store, session_hash)  # the browser holds one session only
    assert outcome.user is not None  # noqa: S101 - a session has a user
    assert outcome.session_id is not None  # noqa: S101
    if g.get("language"):
        users.set_language(site.store, outcome.user.name, g.language)
    step = unfinished_step(outcome.user)
    path = url_for(step) if step else landing_path(request.form.get("next", ""), ROLES[outcome.user.role])
    response = redirect(path)
    sessions.set_cookie(response, request, outcome.session_id)  # type: ignore[arg-type]
    return response


@blueprint.get("/start")
@public
def start() -> Response:
    """Send a user to the first page that is open to the role."""
    known = principal_or_none()
    return redirect(home_path(known.permissions if known else ()))


def _refuse(outcome: Outcome) -> Response:
    response = make_response(render_template("login.html", wait_s=outcome.wait_s, failed=True))
    response.status_code = 429 if outcome.wait_s else 401
    if outcome.wait_s:
        response.headers["Retry-After"] = str(outcome.wait_s)
    return response
