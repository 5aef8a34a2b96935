"""Searchset bundles."""

from __future__ import annotations

from collections.abc import Sequence

from webapp.api.fhir.basics import Json


def searchset(base: str, resources: Sequence[Json], self_url: str, next_url: str | None) -> Json:
    """The resources found; `base` is the address of the FHIR endpoints. How many there are in all is not counted."""
    links = [{"relation": "self", "url": self_url}] + ([{"relation": "next", "url": next_url}] if next_url else [])
    bundle: Json = {"resourceType": "Bundle", "type": "searchset", "link": links}
    return bundle | ({"entry": [_entry(base, resource) for resource in resources]} if resources else {})


def _entry(base: str, resource: Json) -> Json:
    url = f"{base}/{resource['resourceType']}/{resource['id']}"
    return {"fullUrl": url, "resource": resource, "search": {"mode": "match"}}
