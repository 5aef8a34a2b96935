"""Saved objects of Kibana: stable ids, canonical text, and the versions of the forms that are written.

The versions suit Kibana 8.17 and later; a newer one than the server's would be refused, none at all would start old
migrations.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Any, Final, Literal

from elastic.names import WARDS, fit_id

Json = dict[str, Any]
Kind = Literal["dashboard", "index-pattern"]

CORE_VERSION: Final = "8.8.0"
TYPE_VERSIONS: Final[dict[Kind, str]] = {"dashboard": "10.2.0", "index-pattern": "8.0.0"}
ID_PREFIX: Final = "bp-surveillance/"


def stable_id(name: str) -> str:
    """Return the same id for the same name, always: an import meets what an earlier one left."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, ID_PREFIX + name))


def text(value: Any) -> str:
    """Write JSON in one spelling only: the file changes where its content does."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def saved_object(kind: Kind, id_: str, attributes: Json, references: Sequence[Json] = ()) -> Json:
    """Return one line of an import file, without stamps of time or author."""
    return {
        "type": kind,
        "id": id_,
        "attributes": attributes,
        "references": list(references),
        "coreMigrationVersion": CORE_VERSION,
        "typeMigrationVersion": TYPE_VERSIONS[kind],
        "managed": False,
    }


def ward_filter(ward: str) -> Json:
    """Return the filter that keeps what is about patients who lie in a ward now, by the list that limits the site too.

    A document that is about no patient goes with the others. Whoever reads a dashboard can take a filter away.
    """
    query = {"terms": {"patient_id": {"index": WARDS, "id": fit_id(ward), "path": "patient_ids"}}}
    shown = {"alias": f"Service : {ward}", "type": "custom", "key": "query", "value": text(query)}
    return {
        "meta": {**shown, "negate": False, "disabled": False},
        "query": query,
        "$state": {"store": "appState"},
    }


def view_reference(view_id: str, name: str) -> Json:
    """Return the reference to a data view under the name by which a panel or control asks for it."""
    return {"type": "index-pattern", "id": view_id, "name": name}
