"""The sessions of all users."""

from __future__ import annotations

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from webapp.security import sessions
from webapp.security.roles import Permission, requires
from webapp.services import services


def add_to(blueprint: Blueprint) -> None:
    """Route the views of this module."""
    blueprint.add_url_rule("/sessions", "sessions", list_sessions)
    blueprint.add_url_rule("/sessions", "end_session", end_session, methods=["POST"])


@requires(Permission.ADMIN)
def list_sessions() -> str:
    """Who is signed in, from where, since when."""
    site = services()
    return render_template("admin/sessions.html", sessions=sessions.list_sessions(site.store, site.clock()))


@requires(Permission.ADMIN)
def end_session() -> Response:
    """End any session."""
    session_hash = request.form.get("hash", "")
    if not sessions.end(services().store, session_hash):
        abort(404)
    services().audit.record("session_ended", target=session_hash)
    return redirect(url_for(".sessions"))
