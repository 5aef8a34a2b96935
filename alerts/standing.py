"""What stands of patients in Elasticsearch since some moments: readings, their predictions, what people said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from alerts.findings import NEWS_FOR, VOIDING
from alerts.rules import Rules
from conf.clinical import ALERT_RISK_FIELD, crisis_query
from elastic.client import Document, Query, Search
from elastic.names import ALERT_EVENTS, LATEST, OBSERVATIONS, PREDICTIONS
from elastic.search.observations import standing
from elastic.search.queries import all_of, between, present, terms
from fhir.readings import RETRACTED_STATUS

READING_FIELDS: Final = (
    "@timestamp",
    "patient_id",
    "systolic",
    "diastolic",
    "status",
    "ingested_at",
    "flags",
    "observation_id",
    *(f"merged.{name}" for name in ("systolic", "diastolic", "status", "observation_id", *sorted(VOIDING))),
)
PREDICTION_FIELDS: Final = (
    "@timestamp",
    "patient_id",
    ALERT_RISK_FIELD,
    "systolic",
    "diastolic",
    "model_version",
    "scored_at",
)
AT_ONCE: Final = 200  # patients of one search
MOST: Final = 1_000_000
IN_TIME: Final[list[Any]] = [{"@timestamp": "asc"}, {"patient_id": "asc"}]


@dataclass
class Standing:
    """A patient's standing readings with pressures, predictions whose readings stand, and all events of people."""

    readings: list[Document] = field(default_factory=list)
    predictions: list[Document] = field(default_factory=list)
    events: list[Document] = field(default_factory=list)


def read_standing(search: Search, since: Mapping[str, datetime], now: datetime) -> Iterator[tuple[str, Standing]]:
    """Yield what stands of each of these patients since their moments, until now; patients of near moments together.

    A prediction whose reading is not to be seen yet stands; one whose reading was taken back does not.
    """
    ordered = sorted(since, key=lambda id_: since[id_])
    for start in range(0, len(ordered), AT_ONCE):
        ids = ordered[start : start + AT_ONCE]
        found: dict[str, Standing] = defaultdict(Standing)
        query = all_of(terms("patient_id", ids), between("@timestamp", since[ids[0]]), present(now))
        taken_back = set()
        for reading in _read(search, OBSERVATIONS, query, READING_FIELDS):
            if reading.get("status") == RETRACTED_STATUS:
                taken_back.add((reading["patient_id"], reading["@timestamp"]))
            else:
                found[reading["patient_id"]].readings.append(reading)
        for prediction in _read(search, PREDICTIONS, query, PREDICTION_FIELDS):
            if (prediction["patient_id"], prediction["@timestamp"]) not in taken_back:
                found[prediction["patient_id"]].predictions.append(prediction)
        said = all_of(terms("patient_id", ids), between("@timestamp", since[ids[0]]), {"exists": {"field": "number"}})
        for event in _read(search, ALERT_EVENTS, said, None):
            found[event["patient_id"]].events.append(event)
        yield from ((id_, found[id_]) for id_ in ids)


def _read(search: Search, index: str, query: Query, fields: tuple[str, ...] | None) -> list[Document]:
    body = {"query": query, "sort": IN_TIME, "track_total_hits": False}
    return search.pages(index, body if fields is None else body | {"_source": list(fields)}, MOST)


def recent_crises(search: Search, rules: Rules, now: datetime) -> list[Document]:
    """Return the standing readings in crisis that are news: what the first start of a service begins with."""
    query = standing(
        crisis_query(rules.measured.systolic, rules.measured.diastolic), between("@timestamp", now - NEWS_FOR)
    )
    return _read(search, OBSERVATIONS, query, READING_FIELDS)


def newest_raised(search: Search, rules: Rules) -> list[Document]:
    """Return the newest predictions of all patients whose risk is of a level that alerts."""
    query = all_of(between(ALERT_RISK_FIELD, rules.predicted.thresholds[0]))
    return _read(search, LATEST, query, PREDICTION_FIELDS)
