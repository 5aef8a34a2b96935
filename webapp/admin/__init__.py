"""Administration: users, sessions, tokens, audit search."""

from __future__ import annotations

from flask import Blueprint, redirect, url_for
from werkzeug.wrappers import Response

from webapp.admin import audit_views, session_views, token_views, user_views
from webapp.security.roles import Permission, requires

blueprint = Blueprint("admin", __name__, url_prefix="/admin")
for part in (user_views, session_views, token_views, audit_views):
    part.add_to(blueprint)


@blueprint.get("")
@requires(Permission.ADMIN)
def index() -> Response:
    """The first page of the administration."""
    return redirect(url_for(".users"))


__all__ = ["blueprint"]
