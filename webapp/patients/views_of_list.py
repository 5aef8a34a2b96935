"""Views of the list of patients that a user keeps: filters under a name."""

from __future__ import annotations

from typing import Any

from flask import abort, redirect, request, url_for
from werkzeug.wrappers import Response

from webapp.patients.listing import read_filters
from webapp.patients.views import blueprint
from webapp.security.current import principal
from webapp.security.roles import Permission, requires
from webapp.services import services
from webapp.store import saved_views


@blueprint.post("/patients/views")
@requires(Permission.PATIENT)
def keep_view() -> Response:
    """Keep the filters of the form under its name."""
    name = " ".join(request.form.get("name", "").split())
    if not 1 <= len(name) <= saved_views.LONGEST_NAME or not name.isprintable():
        abort(422)
    filters = read_filters(request.form).parameters()
    is_kept = saved_views.keep(services().store, principal().user_name, name, filters)
    address: dict[str, Any] = filters if is_kept else {**filters, "full": 1}
    return redirect(url_for("patients.overview", **address))


@blueprint.post("/patients/views/<int(max=2147483647):view_id>/delete")
@requires(Permission.PATIENT)
def delete_view(view_id: int) -> Response:
    """Forget a view of the user."""
    if not saved_views.delete(services().store, principal().user_name, view_id):
        abort(404)
    return redirect(url_for("patients.overview"))
