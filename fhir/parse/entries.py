"""What the request and the response beside an entry of a Bundle say of its resource."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from fhir.codes import JsonObject
from fhir.parse.references import type_and_id
from fhir.parse.versions import version_number

REQUESTS: Final = frozenset({"transaction", "batch"})
_TOLD: Final = frozenset(  # by a server, which gives every resource its lasting id
    {"searchset", "history", "subscription-notification", "transaction-response", "batch-response"}
)


def part(entry: JsonObject, name: str) -> JsonObject:
    """Return the request or the response of an entry, empty if there is none."""
    found = entry.get(name)
    return found if isinstance(found, dict) else {}


def is_request(entry: JsonObject, bundle_type: str) -> bool:
    """Tell whether an entry asks a server to do something, rather than telling what one did or holds."""
    if bundle_type in REQUESTS:
        return True
    return bundle_type not in _TOLD and bool(part(entry, "request")) and not part(entry, "response")


def kept_id(entry: JsonObject) -> str | None:
    """Return the id that the resource of a request keeps: an update (PUT) names it; a new resource gets another."""
    request, resource = part(entry, "request"), entry["resource"]
    if request.get("method") != "PUT" or "?" in str(request.get("url")):
        return None
    kind, name = type_and_id(request.get("url"))
    return name if kind == resource.get("resourceType") else None


def held_resource(entry: JsonObject, bundle_type: str) -> JsonObject:
    """Return an entry's Observation as the server holds it, any other resource as it is.

    In a request its id is the one that it keeps, if any. In an answer or a history, what the response says of
    the version stands in for what `meta` lacks.
    """
    resource: JsonObject = entry["resource"]
    if resource.get("resourceType") != "Observation":
        return resource
    if is_request(entry, bundle_type):
        name = kept_id(entry)
        return resource if resource.get("id") == name else {**resource, "id": name}
    if not part(entry, "response"):
        return resource
    return {**resource, "meta": {**_meta_of_response(entry), **part(resource, "meta")}}


def is_deletion(entry: JsonObject) -> bool:
    """Tell whether an entry takes a resource away."""
    return bool(part(entry, "request").get("method") == "DELETE")


def deleted_observation(entry: JsonObject) -> tuple[str, int] | None:
    """Return the id and the version of an entry's deletion, None where it failed or is none of an Observation."""
    status = part(entry, "response").get("status")
    if status is not None and not str(status).startswith("2"):
        return None
    kind, name = next(filter(any, map(type_and_id, _addresses(entry))), ("", ""))
    return (name, version_number({"meta": _meta_of_response(entry)})) if kind == "Observation" else None


def _addresses(entry: JsonObject) -> Iterable[object]:
    return part(entry, "request").get("url"), entry.get("fullUrl"), part(entry, "response").get("location")


def _meta_of_response(entry: JsonObject) -> dict[str, Any]:
    """Return `versionId` and `lastUpdated` by the response of an entry, or by an address with ``/_history/``."""
    response = part(entry, "response")
    etag = response.get("etag")
    versions = [etag.removeprefix("W/").strip('"')] if isinstance(etag, str) else []
    versions += [address.partition("/_history/")[2] for address in _addresses(entry) if isinstance(address, str)]
    found = {"versionId": next(filter(None, versions), None), "lastUpdated": response.get("lastModified")}
    return {name: value for name, value in found.items() if value is not None}
