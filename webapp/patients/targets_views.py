"""Setting the pressures that a patient's treatment aims at."""

from __future__ import annotations

from flask import abort, redirect, request, url_for
from werkzeug.wrappers import Response

from assessment.targets import TargetsError, read_targets
from webapp.audit import events as audit
from webapp.patients.views import blueprint, require_patient
from webapp.security.current import principal
from webapp.security.roles import Permission, requires
from webapp.services import services
from webapp.store import patient_targets


@blueprint.post("/patients/<patient:patient_id>/targets")
@requires(Permission.TARGETS)
def set_targets(patient_id: str) -> Response:
    """Set the targets of a patient, or give the usual ones back (``usual``)."""
    site = services()
    now = site.clock()
    require_patient(patient_id, now)
    if "usual" in request.form:
        patient_targets.forget(site.store, patient_id)
        audit.record("targets", patient_ids=[patient_id], target="usual")
        return _back(patient_id)
    try:
        targets = read_targets(request.form)
    except TargetsError:
        abort(422)
    patient_targets.keep(site.store, patient_id, targets, principal().user_name, now)
    audit.record("targets", patient_ids=[patient_id], target=f"{targets.systolic}/{targets.diastolic}")
    return _back(patient_id)


def _back(patient_id: str) -> Response:
    return redirect(url_for("patients.page", patient_id=patient_id, _anchor="course-title"))
