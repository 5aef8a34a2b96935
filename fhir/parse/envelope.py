"""From bytes to resources: single resources, Bundles (nested too) and NDJSON, a bad one never costs its neighbours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec

from fhir.codes import JsonObject
from fhir.parse.references import first_identifier, match_id, short_text
from fhir.parse.subject import NO_BUNDLE, Scope
from fhir.reasons import Reason, Refused

MAX_PAYLOAD_BYTES: Final = 5 * 1024 * 1024
MAX_RESOURCES: Final = 20_000  # a full payload of the shortest useful Observations holds fewer
DEEPEST_BUNDLE: Final = 8

_decode = msgspec.json.Decoder().decode
_SKIPPED_BUNDLES = frozenset({"transaction-response", "batch-response", "history"})
_TEMPORARY_URNS = frozenset({"transaction", "batch"})


class Located(msgspec.Struct, frozen=True, gc=False):
    """A resource, or what stands in its place, with its position in the message and the Bundle's knowledge."""

    resource: JsonObject | Refused | None  # None: nothing to read here
    entry: int
    scope: Scope


def read_documents(payload: bytes | None) -> list[object]:
    """Decode the payload into its documents; raise `Refused` if nothing can be read.

    There is a single one, or one per line of NDJSON, where a bad line stands as its `Refused`.
    """
    if payload is None or not payload.strip():
        raise Refused(Reason.MALFORMED_JSON, "null payload" if payload is None else "empty payload")
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise Refused(Reason.PAYLOAD_TOO_LARGE, f"{len(payload)} bytes, at most {MAX_PAYLOAD_BYTES}")
    whole = _decode_or_refusal(payload)
    if not isinstance(whole, Refused):
        return [whole]
    documents = _decode_lines(payload)
    if not any(isinstance(document, dict) and "resourceType" in document for document in documents):
        raise whole
    return documents


def _decode_lines(payload: bytes) -> list[object]:
    """Decode NDJSON line by line: a raw line break never occurs inside JSON text."""
    if payload.count(b"\n") > MAX_RESOURCES:
        raise Refused(Reason.PAYLOAD_TOO_LARGE, f"more than {MAX_RESOURCES} lines")
    lines = [line for line in payload.split(b"\n") if line.strip()]
    return [_decode_or_refusal(line) for line in lines] if len(lines) > 1 else []


def _decode_or_refusal(text: bytes) -> object:
    try:
        return _decode(text)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        return Refused(Reason.MALFORMED_JSON, f"{type(error).__name__}: {error}")


def locate_resources(documents: list[object]) -> list[Located]:
    """Flatten Bundles; positions count through lines and nested Bundles. Raise `Refused` if there are too many."""
    found: list[Located] = []
    for document in documents:
        for resource, scope in _flatten(document, NO_BUNDLE, 0):
            if len(found) == MAX_RESOURCES:
                raise Refused(Reason.PAYLOAD_TOO_LARGE, f"more than {MAX_RESOURCES} resources")
            found.append(Located(resource, len(found), scope))
    return found


def _flatten(document: object, scope: Scope, depth: int) -> Iterator[tuple[JsonObject | Refused | None, Scope]]:
    if isinstance(document, Refused):
        yield document, scope
    elif not isinstance(document, dict):
        yield Refused(Reason.NOT_AN_OBJECT, f"a {type(document).__name__}"), scope
    elif document.get("resourceType") != "Bundle":
        yield document, scope
    elif depth == DEEPEST_BUNDLE:
        yield Refused(Reason.UNSUPPORTED_RESOURCE_TYPE, f"Bundles nested deeper than {DEEPEST_BUNDLE}"), scope
    else:
        yield from _flatten_bundle(document, scope, depth)


def _flatten_bundle(
    bundle: JsonObject, scope: Scope, depth: int
) -> Iterator[tuple[JsonObject | Refused | None, Scope]]:
    entries = bundle.get("entry")
    if entries in (None, []):
        yield None, scope
        return
    if not isinstance(entries, list):
        yield Refused(Reason.NOT_AN_OBJECT, f"Bundle.entry is a {type(entries).__name__}"), scope
        return
    kind = bundle.get("type") if isinstance(bundle.get("type"), str) else ""
    temporary_urns = kind in _TEMPORARY_URNS
    people = {**scope.people, **_people(entries, temporary_urns)}
    for entry in entries:
        if not isinstance(entry, dict):
            yield Refused(Reason.NOT_AN_OBJECT, f"Bundle entry is a {type(entry).__name__}"), scope
            continue
        inner = Scope(people, temporary_urns, _server(entry.get("fullUrl")))
        if kind in _SKIPPED_BUNDLES or _is_skipped(entry):
            yield None, inner
        else:
            yield from _flatten(entry["resource"], inner, depth + 1)


def _is_skipped(entry: JsonObject) -> bool:
    """Tell whether an entry carries no reading: a response, a deletion, or nothing at all."""
    is_empty = entry.get("resource") is None or entry.get("response") is not None
    return is_empty or _request(entry).get("method") == "DELETE"


def _request(entry: JsonObject) -> Mapping[str, Any]:
    request = entry.get("request")
    return request if isinstance(request, dict) else {}


def _server(full_url: object) -> str | None:
    """Return the server of an absolute fullUrl, without type and id."""
    if isinstance(full_url, str) and full_url.startswith(("http://", "https://")) and full_url.count("/") > 3:
        return full_url.rsplit("/", 2)[0]
    return None


def _people(entries: list[object], temporary: bool) -> dict[str, str | Reason]:
    """Return what each URN of a Bundle stands for: the id of its Patient, or the reason why there is none."""
    found: dict[str, str | Reason] = {}
    for entry in entries:
        if isinstance(entry, dict):
            urn, resource = entry.get("fullUrl"), entry.get("resource")
            if isinstance(urn, str) and urn.startswith("urn:") and isinstance(resource, dict):
                person = _person(entry, resource, temporary)
                if person is not None:
                    found[urn] = person
    return found


def _person(entry: JsonObject, resource: JsonObject, temporary: bool) -> str | Reason | None:
    """Return what the URN of an entry stands for, None where its Patient has nothing to be known by."""
    if resource.get("resourceType") != "Patient":
        return Reason.SUBJECT_NOT_A_PATIENT
    own = _id_of_update(entry) or _identifier_of_condition(entry) if temporary else short_text(resource.get("id"))
    return own or first_identifier(resource.get("identifier"))


def _id_of_update(entry: JsonObject) -> str | None:
    """Return the id of ``PUT Patient/123``, which is kept; a POST leaves it to the server."""
    request = _request(entry)
    kind, _, name = str(request.get("url")).partition("/")
    return name if request.get("method") == "PUT" and kind == "Patient" and match_id(name) else None


def _identifier_of_condition(entry: JsonObject) -> str | None:
    """Return ``system|value`` from ``ifNoneExist``, the search by which the server finds this patient again."""
    condition = _request(entry).get("ifNoneExist")
    if not isinstance(condition, str):
        return None
    tokens = parse_qs(condition.rpartition("?")[2]).get("identifier", [])
    return next((short_text(token) for token in tokens if not token.startswith("|") and "|" in token[:-1]), None)
