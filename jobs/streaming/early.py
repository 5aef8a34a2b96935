"""Revisions that came before what they revise, by a message that does not say where that will be.

A retraction or withdrawal that names patient and time holds the place of its reading in the documents. One that does
not (a deletion, an id alone) finds nothing while the reading is still on its way, on a partition that lags behind, say.
Its dead letter remembers what it takes back; whoever stores a reading of that name carries it out then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

from elasticsearch import Elasticsearch

from elastic.client import newest_hits
from elastic.names import REJECTED
from fhir.readings import Retraction
from jobs.streaming.observations import note_of_retraction
from jobs.streaming.revisions import Revision
from jobs.streaming.source import Message, TopicPlace
from jobs.streaming.standing import Document

FIELD: Final = "takes_back"
MOST: Final = 10_000  # letters: the newest

Early = Mapping[str, list[Revision]]  # by the Observation's name


def taken_back(message: Message) -> dict[int, Document]:
    """Return by entry what the letters of a message remember: what waits for a reading to come, the first of each."""
    remembered: dict[int, Document] = {}
    for retraction in message.parsed.retractions:
        is_located = retraction.patient_id is not None and retraction.effective_us is not None
        if not is_located and retraction.observation_id is not None:
            told = {
                "patient_id": retraction.patient_id,
                "observation_id": retraction.observation_id,
                "version": retraction.version,
                "for_good": retraction.for_good,
            }
            remembered.setdefault(retraction.entry, told)
    return remembered


def read_early(client: Elasticsearch) -> Early:
    """Return the revisions of letters, as far as they may still meet a reading."""
    wanted = [FIELD, "source_partition", "source_offset"]
    response = newest_hits(client, REJECTED, {"exists": {"field": FIELD}}, MOST, source_includes=wanted)
    early: dict[str, list[Revision]] = defaultdict(list)
    for hit in response["hits"]["hits"]:
        revision = _revision(hit["_source"])
        early[revision.note["observation_id"]].append(revision)
    return dict(early)


def _revision(letter: Document) -> Revision:
    """Return what a letter remembers: without an instant, and of nobody in particular if it names no patient."""
    told = letter[FIELD]
    place = TopicPlace(letter["source_partition"], letter["source_offset"], received_us=0)
    retraction = Retraction(told.get("patient_id"), told["observation_id"], None, 0, told["for_good"], told["version"])
    return Revision(retraction.patient_id, None, note_of_retraction(retraction, place))


def met_by(message: Message, early: Early) -> Iterator[Revision]:
    """Yield the revisions that came before what this message says of their Observations."""
    names = {name for reading in message.parsed.readings for name in (reading.observation_id, reading.partner_id)}
    names |= {retraction.observation_id for retraction in message.parsed.retractions}
    for name in names - {None}:
        yield from early.get(str(name), ())
