"""What each Observation.status allows."""

from __future__ import annotations

from typing import Final

from fhir.codes import JsonObject
from fhir.readings import IntakeRules
from fhir.reasons import Reason, Refused

CORRECTIONS: Final = frozenset({"amended", "corrected"})
PLAIN: Final = frozenset({"final"}) | CORRECTIONS
_REFUSED: Final = {
    "registered": Reason.STATUS_NO_RESULT,
    "cancelled": Reason.STATUS_CANCELLED,
    "entered-in-error": Reason.STATUS_ENTERED_IN_ERROR,
}


def read_status(observation: JsonObject, rules: IntakeRules) -> tuple[str, tuple[str, ...]]:
    """The status and its flag, if it needs one; raise `Refused` with one of the STATUS_ reasons."""
    status = observation.get("status")
    if status in (None, ""):
        raise Refused(Reason.STATUS_MISSING, "no status")
    if not isinstance(status, str):
        raise Refused(Reason.STATUS_UNRECOGNISED, f"a {type(status).__name__}")
    if status in PLAIN:
        return status, ()
    if status == "preliminary" and not rules.hold_preliminary:
        return status, ("status_preliminary",)
    if status == "unknown" and not rules.refuse_unknown_status:
        return status, ("status_unknown",)
    raise Refused(_refusal(status), status)


def _refusal(status: str) -> Reason:
    held = {"preliminary": Reason.STATUS_NO_RESULT}  # held by setting: no result yet
    return _REFUSED.get(status) or held.get(status) or Reason.STATUS_UNRECOGNISED
