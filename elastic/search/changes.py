"""The changes of an index family: what was written since a position, updates of old documents among them.

Elasticsearch numbers the writes of a shard (``_seq_no``), and a search can ask for what lies above a number. Each of
our indices has one shard, so that its numbers are one order. A refresh may show a number before a lower one whose write
was still under way: numbers that are missing are asked for again for a while. What is erased leaves no trace here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from elastic.client import MOST_DOCUMENTS, Document, Query, Search
from elastic.search.queries import all_of, any_of, buckets, term, terms

OVERLAP: Final = timedelta(seconds=10)  # for so long a number that is missing may still come
MOST_MISSING: Final = 5_000  # of an index; beyond, the oldest ones are overwritten documents
MOST_INDICES: Final = 1_000


@dataclass
class _Place:
    """How far an index has been read: the highest number seen, and the lower ones not seen, with when they were missed.

    The identity tells an index from a later one of the same name.
    """

    identity: str = ""
    seen: int = -1
    missing: dict[int, datetime] = field(default_factory=dict)


@dataclass
class Changes:
    """The reader of one family; `fields` are those of a document that are of interest."""

    pattern: str
    fields: Sequence[str]
    places: dict[str, _Place] = field(default_factory=dict)

    def start_at(self, position: Mapping[str, tuple[str, int]]) -> None:
        """Go on from a position that `position` told."""
        self.places = {index: _Place(identity, seen) for index, (identity, seen) in position.items()}

    @property
    def position(self) -> dict[str, tuple[str, int]]:
        """Return from where another reader may go on without missing anything: it reads a little of it again."""
        return {
            index: (place.identity, min(place.missing, default=place.seen + 1) - 1)
            for index, place in self.places.items()
        }

    def body(self) -> Query:
        """Return the search for the next documents, in the order of their numbers."""
        known = [
            all_of(
                term("_index", index),
                any_of({"range": {"_seq_no": {"gt": place.seen}}}, terms("_seq_no", place.missing)),
            )
            for index, place in self.places.items()
        ]
        others = all_of(without=[terms("_index", self.places)])
        return {
            "size": MOST_DOCUMENTS,
            "query": any_of(*known, others),
            "sort": [{"_seq_no": "asc"}],
            "seq_no_primary_term": True,
            "track_total_hits": False,
            "_source": list(self.fields),
        }

    def take(self, hits: Iterable[Mapping[str, Any]], now: datetime) -> list[Document]:
        """Return the documents of an answer, and note how far it reaches."""
        found: list[Document] = []
        for hit in hits:
            place, number = self.places.setdefault(hit["_index"], _Place()), hit["_seq_no"]
            if number > place.seen:
                place.missing.update(dict.fromkeys(range(place.seen + 1, number)[-MOST_MISSING:], now))
                place.seen = number
            else:
                place.missing.pop(number, None)
            found.append(hit["_source"])
        for place in self.places.values():
            place.missing = {number: at for number, at in place.missing.items() if now - at < OVERLAP}
        return found

    def skip(self, search: Search) -> None:
        """Go to the end: only what is written from now on is a change."""
        numbers = {"terms": {"field": "_index", "size": MOST_INDICES}, "aggs": {"last": {"max": {"field": "_seq_no"}}}}
        for bucket in buckets(search.aggregate(self.pattern, {"indices": numbers}), "indices"):
            self.places[bucket["key"]] = _Place(seen=round(bucket["last"]["value"]))
        self.recognise(search)

    def recognise(self, search: Search) -> None:
        """Note which indices these are; one that was made anew under its name is read from its beginning."""
        identities = search.identities(self.pattern)
        for index, place in list(self.places.items()):
            if place.identity and place.identity != identities.get(index):
                self.places[index] = place = _Place()
            place.identity = identities.get(index, "")


def read(search: Search, families: Sequence[Changes], now: datetime) -> tuple[list[list[Document]], bool]:
    """Return the next changes of each family, in one request, and whether there are more than one answer holds."""
    answers = search.ask_each([(family.pattern, family.body()) for family in families])
    hits = [answer["hits"]["hits"] for answer in answers]
    is_full = any(len(found) == MOST_DOCUMENTS for found in hits)
    return [family.take(found, now) for family, found in zip(families, hits, strict=True)], is_full
