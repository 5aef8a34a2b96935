"""What every request passes before its view: transport, who asks, forgery, rights, rate."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any, Final

from flask import Flask, Response, abort, current_app, g, redirect, request, url_for
from werkzeug.exceptions import Forbidden, TooManyRequests, Unauthorized

from conf.ports import is_loopback
from webapp.patient_ids import read_id
from webapp.security import sessions, throttle, tokens
from webapp.security.accounts import unfinished_step
from webapp.security.current import Principal, principal_or_none
from webapp.security.guard import is_forged
from webapp.security.roles import is_poll, required_permission
from webapp.services import Services, services

API_PATHS: Final = ("/api/", "/openapi.json")  # only here a token is looked at
BEARER: Final = re.compile(r"Bearer +(\S+)", re.IGNORECASE)
IDLE_ALLOWED: Final = frozenset({"board.rows"})  # to a session that fell idle, with the rights of a wall
UNFINISHED_ALLOWED: Final = frozenset({"account.password", "account.totp", "auth.logout", "auth.language", "static"})


def install(app: Flask) -> None:
    """Put the checks before every request of `app`."""
    app.before_request(check_request)


def check_request() -> Any:
    """Let the request through (None), answer it with a redirection, or raise an HTTP error."""
    g.request_id = uuid.uuid4().hex
    if not (request.is_secure or services().settings.insecure_demo or is_loopback(client_ip())):
        raise Forbidden("This site answers beyond its own machine over HTTPS only.")
    view = current_app.view_functions.get(request.endpoint or "")
    if view is None and wants_page():
        g.principal = _find_principal(services(), poll=True)  # the page that says so speaks the user's language
    is_preflight = request.method == "OPTIONS" and getattr(request.url_rule, "provide_automatic_options", False) is True
    if view is None or is_preflight:
        return None  # no such page, or the question which methods there are
    if request.endpoint == "static":
        return None
    g.principal = _find_principal(services(), poll=is_poll(view))
    known = principal_or_none()
    if not (known and known.is_token) and is_forged(request):
        raise Forbidden("The request did not come from a page of this site.")
    return _authorise(view, known)


def why_signed_out() -> str:
    """Tell why who comes with a session is nobody any more: ``idle`` or ``ended``; empty without a session."""
    if "idle_session" in g:
        return "idle"
    return "ended" if sessions.cookie_name(request) in request.cookies else ""


def client_ip() -> str:
    """Return the address that the request came from."""
    return request.remote_addr or ""


def _find_principal(site: Services, *, poll: bool) -> Principal | None:
    if request.path.startswith(API_PATHS) and "Authorization" in request.headers:
        return _by_token(site)
    session_id = request.cookies.get(sessions.cookie_name(request), "")
    if not session_id:
        return None
    found = sessions.find(site.store, session_id, ip=client_ip(), now=site.clock(), is_poll=poll)
    if found is None:
        return None
    session, user = found
    if session.is_idle(site.clock()):
        g.idle_session, g.language = session.hash, user.language  # the page that asks for the password speaks it
        if request.endpoint not in IDLE_ALLOWED:
            return None
    g.unfinished = unfinished_step(user)
    return Principal(
        user.name,
        user.role,
        user.language,
        session.hash,
        wards=user.wards,
        chosen_ward=user.chosen_ward,
        sound=user.sound,
        shortcuts=user.shortcuts,
        idle_at=session.idle_at,
        is_idle="idle_session" in g,
    )


def _by_token(site: Services) -> Principal:
    """Return the token's principal; a faulty token is refused, and cookies are not looked at beside it."""
    match = BEARER.fullmatch(request.headers["Authorization"].strip())
    found = tokens.find(site.store, match[1], site.clock()) if match else None
    if found is None:
        raise Unauthorized("The token is unknown, ended, or not given as 'Authorization: Bearer'.")
    token, user = found
    session = sessions.digest(token.id)
    return Principal(user.name, user.role, user.language, session, token.scopes, user.wards, is_token=True)


def _authorise(view: Callable[..., Any], known: Principal | None) -> Response | None:
    permission = required_permission(view)
    if permission is None:
        return None
    if known is None and wants_page():
        why = why_signed_out() or None  # url_for leaves out what is None
        return _to_response(redirect(url_for("auth.login", next=request.full_path.rstrip("?"), why=why)))
    if known is None:
        raise Unauthorized("Sign in first.")
    step = g.get("unfinished")
    if step and request.endpoint not in UNFINISHED_ALLOWED:
        if wants_page():
            return _to_response(redirect(url_for(step)))
        raise Forbidden("The account is not set up yet; sign in with a browser first.")
    if not known.allows(permission) and request.endpoint != step:  # a wall screen has no account page but this one
        services().audit.record("denied", patient_ids=_named_patients(), outcome="denied")
        raise Forbidden("Your role does not allow this.")
    _limit_rate(view, known)
    return None


def _named_patients() -> list[str]:
    """Return the patient whom the address names, if it names any."""
    named = request.view_args or {}
    spelled = named.get("patient_id") or str(named.get("alert_id", "")).partition("-")[2].partition("-")[2]
    spelled = spelled or request.args.get("patient", request.args.get("subject", "")).removeprefix("Patient/")
    return [read_id(spelled) or spelled] if spelled else []


def _to_response(answer: Any) -> Response:
    return current_app.make_response(answer)


def wants_page() -> bool:
    """Tell whether a browser navigates (it then names HTML among what it accepts), rather than a script asking."""
    is_api = request.path.startswith(API_PATHS)
    return request.method in ("GET", "HEAD") and not is_api and "text/html" in request.headers.get("Accept", "")


def _limit_rate(view: Callable[..., Any], known: Principal) -> None:
    """Count per token or user; a poll per browser, because many screens may share one user."""
    own = known.is_token or is_poll(view)
    key = known.session_hash if own else known.user_name
    refuse_above(f"read:{is_poll(view)}:{key}", current_app.config["READS_PER_MINUTE"])


def limit_exports() -> None:
    """Count an export of the current user; raise 429 beyond the limit. For the views that export."""
    known = principal_or_none() or abort(401)
    refuse_above(f"export:{known.user_name}", current_app.config["EXPORTS_PER_MINUTE"])


def refuse_above(key: str, limit: int) -> None:
    """Count one request under `key` and raise 429 with Retry-After when it is beyond `limit` per minute."""
    wait_s = throttle.count_request(services().store, key, limit, services().clock())
    if wait_s:
        raise TooManyRequests("Too many requests in this minute.", retry_after=wait_s)
