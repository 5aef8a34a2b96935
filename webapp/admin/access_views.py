"""The sessions and API tokens of all users; tokens of services are made here, because a service does not sign in."""

from __future__ import annotations

from flask import abort, make_response, render_template, request
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from webapp import confirming
from webapp.admin.blueprint import blueprint
from webapp.audit import events as audit
from webapp.http import FormError, read_token, unwrap
from webapp.security import sessions, tokens
from webapp.security.roles import Permission, requires
from webapp.services import services
from webapp.store import users


@blueprint.get("/sessions", endpoint="sessions")
@requires(Permission.ADMIN)
def list_sessions() -> str:
    """Show who is signed in, from where, since when."""
    site = services()
    return render_template(
        "admin/sessions.html", sessions=sessions.list_sessions(site.store, site.clock()), done="done" in request.args
    )


@blueprint.post("/sessions")
@requires(Permission.ADMIN)
def end_session() -> Response:
    """End any session."""
    return confirming.end_session(".sessions")


@blueprint.get("/tokens", endpoint="tokens")
@requires(Permission.ADMIN)
def list_tokens() -> Response:
    """Show all tokens."""
    return _page()


@blueprint.post("/tokens")
@requires(Permission.ADMIN)
def create_token() -> Response:
    """Make a token for a service and show it, this once."""
    site = services()
    owner = unwrap(users.find(site.store, request.form.get("user_name", "")))
    if owner.role != "service":
        abort(422)
    try:
        text = tokens.create(site.store, owner, **read_token(request.form), now=site.clock())
    except (tokens.TokenError, FormError):
        return _page(has_fault=True, status=422)
    site.audit.record("token_created", target=audit.of_owner(owner.name, tokens.id_of(text)))
    return _page(new_token=text)


@blueprint.post("/tokens/revoke")
@requires(Permission.ADMIN)
def revoke_token() -> Response:
    """Revoke any token."""
    return confirming.revoke_token(".tokens")


def _page(*, new_token: str | None = None, has_fault: bool = False, status: int = 200) -> Response:
    store = services().store
    page = render_template(
        "admin/tokens.html",
        tokens=tokens.list_tokens(store),
        service_users=[user for user in users.list_all(store) if user.role == "service"],
        scopes=tokens.allowed_scopes("service"),
        new_token=new_token,
        has_fault=has_fault,
        typed=request.form if has_fault else MultiDict(),
        done="done" in request.args,
    )
    return make_response(page, status)
