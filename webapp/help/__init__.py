"""The help page: levels, thresholds, shortcuts, limits."""

from __future__ import annotations

from flask import Blueprint, render_template

from conf.clinical import ALERT_LEVELS, ALERT_THRESHOLDS, CRISIS_DIASTOLIC, CRISIS_SYSTOLIC
from webapp.security.roles import Permission, requires
from webapp.services import services

blueprint = Blueprint("help", __name__)


@blueprint.get("/help")
@requires(Permission.SIGNED_IN)
def page() -> str:
    """Tell how to read the site, and what it is not."""
    return render_template(
        "help.html",
        levels=list(reversed(list(zip(ALERT_LEVELS, (None, *ALERT_THRESHOLDS), strict=True)))),
        systolic=CRISIS_SYSTOLIC,
        diastolic=CRISIS_DIASTOLIC,
        old_after_min=2 * services().settings.expected_interval_minutes,
    )
