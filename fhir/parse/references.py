"""References and identifiers as stable text, small enough to be a document id."""

from __future__ import annotations

import re
from typing import Final

LONGEST_NAME_BYTES: Final = 256
match_id = re.compile(r"[A-Za-z0-9._-]{1,64}").fullmatch  # FHIR's id, and the underscore that real servers use


def short_text(value: object) -> str | None:
    """Return `value` if it is a text that fits a document id (1-256 bytes), else None."""
    if isinstance(value, str) and value and len(value.encode()) <= LONGEST_NAME_BYTES:
        return value
    return None


def identifier_text(identifier: object) -> str | None:
    """Return ``system|value`` of an Identifier that has both."""
    if not isinstance(identifier, dict):
        return None
    system, value = identifier.get("system"), identifier.get("value")
    if not (isinstance(system, str) and isinstance(value, str) and system and value):
        return None
    return short_text(f"{system}|{value}")


def first_identifier(identifiers: object) -> str | None:
    """Return the first complete Identifier of a list, as ``system|value``."""
    if not isinstance(identifiers, list):
        return None
    return next((text for item in identifiers if (text := identifier_text(item))), None)


def without_version(reference: str) -> str:
    """Drop ``/_history/4``."""
    return reference.partition("/_history/")[0]


def last_part(reference: object) -> str | None:
    """Return the id at the end of a Reference's text: after the last slash, or after the last colon of a URN."""
    if not isinstance(reference, str) or reference.startswith("#"):
        return None
    separator = ":" if reference.startswith("urn:") else "/"
    return short_text(without_version(reference).rpartition(separator)[2])
