"""Whose documents a reader may see: those of patients who lie in some wards, or of all, and what is about no patient.

This is the one place that limits: `client.Search` puts the scope's query into whatever it sends, and holds what it gets
by id against it. The patients of a ward are looked up by Elasticsearch itself (`elastic.search.wards`), so that access
follows a patient who moves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from conf.canary import CANARY_PREFIX, is_canary
from elastic.names import WARDS, fit_id

Query = dict[str, Any]

OF_CANARIES: Final[Query] = {"prefix": {"patient_id": {"value": CANARY_PREFIX}}}
_OF_A_PATIENT: Final[Query] = {"exists": {"field": "patient_id"}}


def without_canaries(query: Mapping[str, Any]) -> Query:
    """Return a query for what another one finds of real patients, and of nobody."""
    return {"bool": {"must": [dict(query)], "must_not": [OF_CANARIES]}}


@dataclass(frozen=True)
class Scope:
    """The wards of a reader; None: all patients, wherever they lie, and those of whom that is not known."""

    wards: frozenset[str] | None = None

    def narrowed(self, ward: str) -> Scope:
        """Return the part of the scope that lies in one ward."""
        return Scope(frozenset({ward}) if self.wards is None else self.wards & {ward})

    def limit(self, body: Mapping[str, Any]) -> Query:
        """Return the body of a search that finds only what is within the scope; its order and scores stay."""
        query = without_canaries(body.get("query", {"match_all": {}}))
        if self.wards is not None:
            query["bool"]["filter"] = [{"bool": {"should": self._choices(self.wards), "minimum_should_match": 1}}]
        return {**body, "query": query}

    @staticmethod
    def _choices(wards: Iterable[str]) -> list[Query]:
        lists = [{"index": WARDS, "id": fit_id(ward), "path": "patient_ids"} for ward in sorted(wards)]
        return [
            {"bool": {"must_not": [_OF_A_PATIENT]}},
            *({"terms": {"patient_id": patients}} for patients in lists),
        ]

    def needed_stays(self, documents: Iterable[Mapping[str, Any]]) -> list[str]:
        """Return the ids of the stays that `admits` needs to know to judge these documents."""
        if self.wards is None:
            return []
        return sorted({fit_id(each["patient_id"]) for each in documents if each.get("patient_id") is not None})

    def admits(self, document: Mapping[str, Any], stays: Mapping[str, Mapping[str, Any]]) -> bool:
        """Tell whether a document is within the scope, given the stays by their ids."""
        patient_id = document.get("patient_id")
        if patient_id is None:
            return True
        if is_canary(patient_id):
            return False
        return self.wards is None or stays.get(fit_id(patient_id), {}).get("ward") in self.wards


NOBODYS: Final = Scope(frozenset())  # what is about no patient
