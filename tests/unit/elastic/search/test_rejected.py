"""Refusals are counted by patient, device and reason, in one search."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

from elasticsearch import Elasticsearch

from elastic.client import Search
from elastic.search.rejected import refusals, refused_lately

SINCE = datetime(2026, 3, 10, 12, tzinfo=UTC)


class Answering:
    """A client whose every search answers with these buckets."""

    def __init__(self, *buckets: Mapping[str, Any]) -> None:
        self.buckets, self.bodies = buckets, list[Any]()

    def options(self, **_: Any) -> Answering:
        return self

    def search(self, *, body: Any, **_: Any) -> dict[str, Any]:
        self.bodies.append(body)
        return {"timed_out": False, "hits": {"hits": []}, "aggregations": {"patient_id": {"buckets": self.buckets}}}


def asked(client: Answering, *patients: str) -> list[Any]:
    return refusals(Search(cast(Elasticsearch, client)), SINCE, patients or None)


def of(patient_id: str, device_id: str, reason: str, count: int, first: int, newest: int) -> dict[str, Any]:
    """Return the bucket of a patient with one device and one reason; minutes of an hour."""
    times = {
        name: {"value_as_string": f"2026-03-10T11:{minute:02d}:00.000Z"}
        for name, minute in (("first", first), ("newest", newest))
    }
    of_reason = {"key": reason, "doc_count": count, **times}
    of_device = {"key": device_id, "reason": {"buckets": [of_reason]}}
    return {"key": patient_id, "device_id": {"buckets": [of_device]}}


def test_groups_are_told_the_newest_first_and_what_is_not_known_is_none() -> None:
    client = Answering(of("p-1", "", "UNIT_MISSING", 3, 1, 5), of("", "cuff-7", "LATE", 1, 7, 7))

    nobodys, group = asked(client)

    assert group == {
        "patient_id": "p-1",
        "device_id": None,
        "reason": "UNIT_MISSING",
        "count": 3,
        "first": "2026-03-10T11:01:00.000Z",
        "newest": "2026-03-10T11:05:00.000Z",
    }
    assert (nobodys["patient_id"], nobodys["device_id"]) == (None, "cuff-7")


def test_several_patients_take_one_search_and_repetitions_are_no_news() -> None:
    client = Answering()

    assert asked(client, "p-2", "p-1", "p-2") == []

    (body,) = client.bodies
    assert {"terms": {"patient_id": ["p-1", "p-2"]}} in body["query"]["bool"]["filter"]
    assert "DUPLICATE" in body["query"]["bool"]["must_not"][0]["terms"]["reason"]


def test_refusals_of_a_patient_are_put_together() -> None:
    client = Answering(of("p-1", "cuff-7", "UNIT_MISSING", 3, 50, 51), of("p-1", "cuff-8", "LATE", 1, 20, 20))

    found = refused_lately(Search(cast(Elasticsearch, client)), ["p-1", "p-2"], SINCE)

    assert list(found) == ["p-1"]
    assert (found["p-1"].count, found["p-1"].since) == (4, "2026-03-10T11:20:00.000Z")
    assert (found["p-1"].reasons, len(found["p-1"].groups)) == (("UNIT_MISSING", "LATE"), 2)


def test_of_no_patients_nothing_is_asked() -> None:
    client = Answering()

    assert refused_lately(Search(cast(Elasticsearch, client)), [], SINCE) == {}
    assert client.bodies == []
