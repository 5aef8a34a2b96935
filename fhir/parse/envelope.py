"""From bytes to resources: single resources, Bundles (nested too) and NDJSON, a bad one never costs its neighbours."""

from __future__ import annotations

from typing import Final

import msgspec

from fhir.codes import JsonObject
from fhir.parse.entries import REQUESTS, deleted_observation, held_resource, is_deletion
from fhir.parse.people import people_of
from fhir.parse.subject import NO_BUNDLE, Scope
from fhir.readings import Retraction
from fhir.reasons import Reason, Refused

MAX_PAYLOAD_BYTES: Final = 5 * 1024 * 1024
MAX_RESOURCES: Final = 20_000  # a full payload of the shortest useful Observations holds fewer
DEEPEST_BUNDLE: Final = 8

_decode = msgspec.json.Decoder().decode


class Located(msgspec.Struct, frozen=True, gc=False):
    """A resource, or what stands in its place, with its position in the message and the Bundle's knowledge."""

    resource: JsonObject | Retraction | Refused | None  # a retraction is a deletion; None: nothing to read here
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
    """Flatten Bundles; positions count through lines and nested Bundles. Raise `Refused` if there are too many.

    The resources come in the order in which they were said: that of their positions, but for a history, which FHIR
    sorts with the newest version first, from its end to its begin.
    """
    found: list[Located] = []
    for document in documents:
        _flatten(document, NO_BUNDLE, 0, found)
    return found


def _place(resource: JsonObject | Retraction | Refused | None, scope: Scope, found: list[Located]) -> None:
    """Give a resource the next position."""
    if len(found) == MAX_RESOURCES:
        raise Refused(Reason.PAYLOAD_TOO_LARGE, f"more than {MAX_RESOURCES} resources")
    found.append(Located(resource, len(found), scope))


def _flatten(document: object, scope: Scope, depth: int, found: list[Located]) -> None:
    if isinstance(document, Refused):
        _place(document, scope, found)
    elif not isinstance(document, dict):
        _place(Refused(Reason.NOT_AN_OBJECT, f"a {type(document).__name__}"), scope, found)
    elif document.get("resourceType") != "Bundle":
        _place(document, scope, found)
    elif depth == DEEPEST_BUNDLE:
        refused = Refused(Reason.UNSUPPORTED_RESOURCE_TYPE, f"Bundles nested deeper than {DEEPEST_BUNDLE}")
        _place(refused, scope, found)
    else:
        _flatten_bundle(document, scope, depth, found)


def _flatten_bundle(bundle: JsonObject, scope: Scope, depth: int, found: list[Located]) -> None:
    entries = bundle.get("entry")
    if entries in (None, []):
        _place(None, scope, found)
        return
    if not isinstance(entries, list):
        _place(Refused(Reason.NOT_AN_OBJECT, f"Bundle.entry is a {type(entries).__name__}"), scope, found)
        return
    bundle_type = str(bundle.get("type"))
    people = {**scope.people, **people_of(entries, bundle_type)}
    inner = Scope(people, scope.temporary_urns or bundle_type in REQUESTS)
    begins: list[int] = []
    for entry in entries:
        begins.append(len(found))
        _flatten_entry(entry, bundle_type, inner, depth, found)
    if bundle_type == "history":
        spans = list(zip(begins, [*begins[1:], len(found)], strict=True))
        found[begins[0] :] = [located for begin, end in reversed(spans) for located in found[begin:end]]


def _flatten_entry(entry: object, bundle_type: str, scope: Scope, depth: int, found: list[Located]) -> None:
    if not isinstance(entry, dict):
        _place(Refused(Reason.NOT_AN_OBJECT, f"Bundle entry is a {type(entry).__name__}"), scope, found)
        return
    scope = Scope(scope.people, scope.temporary_urns, _server(entry.get("fullUrl")))
    resource = entry.get("resource")
    if is_deletion(entry):
        _place(_deletion(entry, len(found)), scope, found)
    elif resource is None:  # a response, or nothing at all
        _place(None, scope, found)
    else:
        held = held_resource(entry, bundle_type) if isinstance(resource, dict) else resource
        _flatten(held, scope, depth + 1, found)


def _deletion(entry: JsonObject, place: int) -> Retraction | None:
    """Return what a deletion takes back: the source no longer vouches for it, but may restore it in a newer version."""
    deleted = deleted_observation(entry)
    if deleted is None:
        return None
    name, version = deleted
    return Retraction(None, name, None, place, for_good=False, version=version)


def _server(full_url: object) -> str | None:
    """Return the server of an absolute fullUrl, without type and id."""
    if isinstance(full_url, str) and full_url.startswith(("http://", "https://")) and full_url.count("/") > 3:
        return full_url.rsplit("/", 2)[0]
    return None
