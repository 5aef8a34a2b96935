"""The pages of signing in and out."""

from __future__ import annotations

from flask import Blueprint, g, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from webapp.i18n import LANGUAGES
from webapp.navigation import home_path
from webapp.security import sessions
from webapp.security.access import client_ip
from webapp.security.accounts import unfinished_step
from webapp.security.current import principal_or_none
from webapp.security.guard import is_own_path
from webapp.security.roles import public
from webapp.security.signing_in import Attempt, Outcome, sign_in
from webapp.services import services
from webapp.store import users

blueprint = Blueprint("auth", __name__)
CLEARED = '"cache", "cookies", "storage"'


@blueprint.get("/login")
@public
def login() -> Response:
    """Show the form; whoever is signed in already goes on."""
    if principal_or_none():
        return redirect(_next_path())
    return make_response(render_template("login.html", next_path=_next_path()))


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
    response = redirect(url_for("auth.login"))
    sessions.delete_cookie(response, request)  # type: ignore[arg-type]
    response.headers["Clear-Site-Data"] = CLEARED
    return response


@blueprint.post("/language")
@public
def language() -> Response:
    """Switch the language, for a user also from now on."""
    chosen, known = request.form.get("language", ""), principal_or_none()
    path = _next_path()
    if chosen in LANGUAGES and known:
        users.set_language(services().store, known.user_name, chosen)
    elif chosen in LANGUAGES:
        path = url_for("auth.login", lang=chosen, next=path)
    return redirect(path)


def _enter(outcome: Outcome) -> Response:
    site, before = services(), principal_or_none()
    if before:
        sessions.end(site.store, before.session_hash)  # the browser holds one session only
    assert outcome.user is not None  # noqa: S101 - a session has a user
    assert outcome.session_id is not None  # noqa: S101
    if g.get("language"):
        users.set_language(site.store, outcome.user.name, g.language)
    step = unfinished_step(outcome.user)
    response = redirect(url_for(step) if step else _next_path(url_for("auth.start")))
    sessions.set_cookie(response, request, outcome.session_id)  # type: ignore[arg-type]
    return response


@blueprint.get("/start")
@public
def start() -> Response:
    """Send a user to the first page that is open to the role."""
    return redirect(home_path())


def _refuse(outcome: Outcome) -> Response:
    response = make_response(render_template("login.html", next_path=_next_path(), wait_s=outcome.wait_s, failed=True))
    response.status_code = 429 if outcome.wait_s else 401
    if outcome.wait_s:
        response.headers["Retry-After"] = str(outcome.wait_s)
    return response


def _next_path(default: str | None = None) -> str:
    asked = request.values.get("next", "")
    return asked if is_own_path(asked) else default or home_path()
