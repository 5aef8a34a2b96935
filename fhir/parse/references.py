"""References and identifiers as stable text, small enough to be a document id."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qs

PATIENT: Final = "Patient"
LONGEST_NAME_BYTES: Final = 256
match_id = re.compile(r"[A-Za-z0-9._-]{1,64}").fullmatch  # FHIR's id, and the underscore that real servers use
looks_like_resource_type = re.compile(r"[A-Z][A-Za-z]+").fullmatch

_match_caseless = re.compile(r"urn:(?:uuid|oid):.*|https?://[^/]*", re.IGNORECASE | re.DOTALL).match
_find_alternative = re.compile(r"(?<!\\),").search
_escaped = re.compile(r"\\([\\$,|])")


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
    """Return the first complete Identifier of a list, as ``system|value``.

    A temporary or old one, which may be given to somebody else later, only where there is no other.
    """
    if not isinstance(identifiers, list):
        return None
    found = [(item.get("use") in ("temp", "old"), text) for item in identifiers if (text := identifier_text(item))]
    return min(found, key=lambda item: item[0])[1] if found else None


def searched_identifier(search: object) -> str | None:
    """Return ``system|value`` of a search by identifier, such as ``Patient?identifier=s|v``, with or without its path.

    None if there is none, or if the search leaves a choice (``s|v,s|w``).
    """
    if not isinstance(search, str):
        return None
    path, _, query = search.partition("?")
    for token in parse_qs(search if "=" in path else query).get("identifier", []):
        system, _, value = token.partition("|")
        if system and value:
            return None if _find_alternative(token) else short_text(_escaped.sub(r"\1", token))
    return None


def without_version(reference: str) -> str:
    """Drop ``/_history/4``."""
    return reference.partition("/_history/")[0]


def reference_key(reference: str) -> str:
    """Return the spelling that all spellings of one reference share, to compare it by.

    It has no version and no slash at its end; the URN of a UUID or OID and the name of a server are in lower case.
    """
    key = without_version(reference).rstrip("/")
    caseless = _match_caseless(key)
    return key if caseless is None else caseless[0].lower() + key[caseless.end() :]


def type_and_id(url: object) -> tuple[str, str]:
    """Return the two at the end of ``[base/]Patient/123[/_history/4]``, empty texts if it ends otherwise."""
    if isinstance(url, str) and "?" not in url:
        path, _, name = reference_key(url).rpartition("/")
        kind = path.rpartition("/")[2]
        if looks_like_resource_type(kind) and match_id(name):
            return kind, name
    return "", ""


def last_part(reference: object) -> str | None:
    """Return the id at the end of a Reference's text: after the last slash, or after the last colon of a URN."""
    if not isinstance(reference, str) or reference.startswith("#"):
        return None
    separator = ":" if reference.startswith("urn:") else "/"
    return short_text(without_version(reference).rpartition(separator)[2])
