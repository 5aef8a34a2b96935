"""Faults of our own code that one message brings to light: told in the log, and what the message is refused with."""

from __future__ import annotations

import logging
import traceback
from typing import Final

from fhir.readings import Reject
from fhir.reasons import Reason

TOLD_FRAMES: Final = 20  # of a trace, the innermost: a recursion has thousands

log = logging.getLogger(__name__)
_told: set[str] = set()


def internal_error(error: Exception) -> Reject:
    """Return what a message is refused with that made our code raise, whatever it was; never quotes the message."""
    return Reject(Reason.INTERNAL_ERROR, tell(error), None)


def tell(error: Exception) -> str:
    """Log the trace of an error, once in each process for each place that raises; return kind and place.

    The text of the error appears nowhere: it may quote a patient.
    """
    innermost = traceback.extract_tb(error.__traceback__)[-1:]
    kind = ", ".join([type(error).__name__, *(f"{_short(frame.filename)}:{frame.lineno}" for frame in innermost)])
    if kind not in _told:
        _told.add(kind)
        trace = "".join(traceback.format_tb(error.__traceback__, -TOLD_FRAMES))
        log.error("a fault of our own, told once, its message or patient is left out: %s\n%s", kind, trace)
    return kind


def _short(path: str) -> str:
    """Return the last two parts of a path: enough to find the module, and nothing of the machine."""
    return "/".join(path.split("/")[-2:])
