"""Which of two versions of one resource is the newer: `meta` as one number."""

from __future__ import annotations

from fhir.codes import JsonObject
from fhir.parse.effective_time import is_in_calendar, parse_instant
from fhir.parse.references import short_text
from fhir.readings import FIRST_DATED_VERSION
from fhir.reasons import Refused


def version_id(resource: JsonObject) -> str | None:
    """Return ``meta.versionId``, if there is one."""
    meta = resource.get("meta")
    return short_text(meta.get("versionId")) if isinstance(meta, dict) else None


def version_number(resource: JsonObject) -> int:
    """Return a resource's version, greater than that of any older version of the same kind; 0 if it tells none.

    A decimal ``meta.versionId`` n gives n + 1, below `FIRST_DATED_VERSION`. Any other text has no order, so that
    ``meta.lastUpdated`` decides: its microseconds since the epoch, which are always above.
    """
    meta = resource.get("meta")
    if not isinstance(meta, dict):
        return 0
    text = meta.get("versionId")
    if isinstance(text, str) and len(text) < 15 and text.isascii() and text.isdecimal():
        number = int(text) + 1
        if number < FIRST_DATED_VERSION:
            return number
    return updated_us(meta.get("lastUpdated"))


def updated_us(text: object) -> int:
    """Return a full time in microseconds since the epoch, 0 for any other text and for a time nothing can have."""
    if text is None:
        return 0
    try:
        instant_us = parse_instant(text).us
    except Refused:
        return 0
    return instant_us if is_in_calendar(instant_us) else 0
