"""All versions of the model, and the report of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from flask import abort, make_response, render_template
from werkzeug.wrappers import Response

from ml.registry.files import BundleError
from ml.registry.folders import bundle_file, versions
from ml.registry.history import REPORT, version_history
from webapp.admin.blueprint import blueprint
from webapp.i18n import N_
from webapp.security.guard import REPORT_POLICY
from webapp.security.roles import Permission, requires
from webapp.services import services

STATES: Final[Mapping[str, str]] = {
    "in_service": N_("in service"),
    "beside": N_("scores beside the model in service"),
    "was_in_service": N_("was in service"),
    "never_in_service": N_("never in service"),
    "damaged": N_("files not usable"),
}
KINDS: Final[Mapping[str, str]] = {
    "full": N_("full training"),
    "quick": N_("quick training"),
    "recalibrated": N_("recalibrated"),
    "unjudged": N_("not judged"),
}


@blueprint.get("/models/versions", endpoint="versions")
@requires(Permission.ADMIN)
def list_versions() -> str:
    """Show every version that the site can read, the newest first."""
    found = version_history(services().settings.model_dir)
    return render_template("admin/versions.html", versions=found, states=STATES, kinds=KINDS)


@blueprint.get("/models/versions/<version>/report", endpoint="version_report")
@requires(Permission.ADMIN)
def show_report(version: str) -> Response:
    """Show the report of a version as the training wrote it."""
    model_dir = services().settings.model_dir
    if version not in versions(model_dir):
        abort(404)
    try:
        report = bundle_file(model_dir, version, REPORT)
    except BundleError:
        abort(404)
    response = make_response(report)
    response.headers["Content-Security-Policy"] = REPORT_POLICY
    return response
