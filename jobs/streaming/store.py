"""The work of the ingest query: every entry of a message ends in exactly one place.

Readings go to the observation of their instant, refused entries to the rejected index, other resources to a count.
The common case is one bulk `create` per batch; only where an instant is met again is the stored document read and
`jobs.streaming.observations.resolve` asked. What speaks of another instant than its own: `jobs.streaming.revisions`.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, NamedTuple

import msgspec
import pyarrow as pa
from elasticsearch import Elasticsearch

from conf.clinical import is_crisis
from conf.settings import Settings
from conf.times import to_us
from elastic.bulk import Operation, Refusal, fetch, try_write
from elastic.client import connect, refresh
from elastic.names import OBSERVATIONS, REJECTED, instant_id, monthly_index
from fhir.faults import internal_error
from fhir.readings import IntakeRules, Location, Move, Parsed, Reject
from fhir.reasons import Reason
from jobs.streaming.archive import write_archive
from jobs.streaming.early import Early, met_by
from jobs.streaming.observations import (
    DUPLICATE_DETAIL,
    DocumentKey,
    Resolution,
    Verdict,
    observation_document,
    resolve,
    retraction_document,
)
from jobs.streaming.progress import REASON_PREFIX, counts_row, milliseconds
from jobs.streaming.rejects import write_rejects
from jobs.streaming.revisions import Revised, Revision, apply_revisions, revisions_of
from jobs.streaming.source import Message, TopicPlace, parse_batches
from jobs.streaming.sparing import spare
from jobs.streaming.standing import Document

REVISED_PART: Final = "revised"  # of a micro-batch in the archive; sorts behind the partitions
REVISION_SUFFIX: Final = "-revision"  # of the id of a letter, so that it takes no other's place


class Stored(NamedTuple):
    """What was counted of messages that are stored, and what of them is left to be revised."""

    counts: Counter[str]
    revisions: list[Revision]


class Arrival(NamedTuple):
    """A message's document on its way to its instant, and what a refusal would have to name."""

    document: Document
    message: Message
    entry: int | None


@dataclass(frozen=True, slots=True)
class IngestBatch:
    """The micro-batch to store, the same for all of its partitions; `early` is what came before what it revises."""

    settings: Settings
    rules: IntakeRules
    batch_id: int
    ingested_at: str
    early: Early = field(default_factory=dict)


def store_partition(rows: Iterator[pa.RecordBatch], batch: IngestBatch) -> Iterator[pa.RecordBatch]:
    """Store the messages of Arrow batches; yield one row: the counts, and what is left to the driver."""
    counts: Counter[str] = Counter()
    revisions: list[Revision] = []
    moves: list[Move | Location] = []
    client = connect(batch.settings)
    started = time.monotonic()
    for messages in parse_batches(rows, batch.rules):
        counts["parse_ms"] += milliseconds(time.monotonic() - started)
        stored = store_messages(client, messages, batch)
        counts.update(stored.counts)
        revisions += stored.revisions
        moves += [move for message in messages for move in message.parsed.moves]
        started = time.monotonic()
    yield counts_row(counts, msgspec.json.encode(revisions).decode(), msgspec.json.encode(moves).decode())


def store_messages(client: Elasticsearch, messages: Sequence[Message], batch: IngestBatch) -> Stored:
    """Store one Arrow batch of messages; return what was counted and what is left to be revised.

    A message that makes our code raise, wherever that is, is refused as INTERNAL_ERROR and costs no other. What of it
    was written before stays written.
    """

    def refuse(alone: Sequence[Message], error: Exception) -> Stored:
        rejects = [(message, internal_error(error)) for message in alone]
        write_rejects(client, rejects, batch.settings.kafka_topic, batch.ingested_at)
        refused = {"messages": len(alone), "rejected": len(alone), REASON_PREFIX + Reason.INTERNAL_ERROR: len(alone)}
        return Stored(Counter(refused), [])

    whole = Stored(Counter(), [])
    for stored in spare(lambda part: _store(client, part, batch), messages, refuse):
        whole.counts.update(stored.counts)
        whole.revisions.extend(stored.revisions)
    return whole


def store_revisions(client: Elasticsearch, of_tasks: Iterable[str], batch: IngestBatch) -> Counter[str]:
    """Carry out, once all partitions are written, what their tasks left to be revised; return what was counted.

    The archive gets the documents as they then stand, in files that come after those of the partitions. A revision that
    makes our code raise, or that a month does not take, is refused by a letter of its own, and costs no other.
    """
    revisions = [revision for text in of_tasks for revision in msgspec.json.decode(text, type=list[Revision])]
    if not revisions:
        return Counter()
    started = time.monotonic()
    if any(revision.at is None or revision.patient_id is None for revision in revisions):
        refresh(client, REJECTED)  # letters may have to be remembered in the next micro-batch
    refused: list[tuple[Revision, Reject]] = []

    def refuse(alone: list[Revision], error: Exception) -> Revised:
        refused.extend((revision, internal_error(error)) for revision in alone)
        return Revised([], [])

    revised: list[Document] = []
    for part in spare(lambda part: apply_revisions(client, part, batch.ingested_at), revisions, refuse):
        revised += part.documents
        refused += [(revision, _not_taken(refusal)) for revision, refusal in part.refused]
    letters = [(_message_of(revision), reject) for revision, reject in refused]
    write_rejects(client, letters, batch.settings.kafka_topic, batch.ingested_at, suffix=REVISION_SUFFIX)
    if revised:
        write_archive(batch.settings.data_dir, batch.batch_id, REVISED_PART, revised)
    counts = Counter(revisions=len(revisions), revised=len(revised), unrevised=len(letters))
    counts["revise_ms"] = milliseconds(time.monotonic() - started)
    return counts


def _message_of(revision: Revision) -> Message:
    """Return the message of a revision by its place alone: its payload stands in its other letter, or in Kafka."""
    note = revision.note
    return Message(TopicPlace(note["source_partition"], note["source_offset"], received_us=0), None, Parsed())


def _not_taken(refusal: Refusal) -> Reject:
    reason = Reason.INDEX_NOT_WRITABLE if refusal.of_index else Reason.DOCUMENT_REFUSED
    return Reject(reason, f"{refusal.index_name}: {refusal.why}", None)


def _store(client: Elasticsearch, messages: Sequence[Message], batch: IngestBatch) -> Stored:
    started = time.monotonic()
    arrivals = _by_instant(messages, batch)
    resolutions, refusals = _store_crises_first(client, arrivals)
    parsed = [(message, reject) for message in messages for reject in message.parsed.rejects]
    rejects = _one_each([*parsed, *_duplicates(arrivals, resolutions), *_refused(arrivals, refusals)])
    write_rejects(client, rejects, batch.settings.kafka_topic, batch.ingested_at)
    if any(reject.attention for _, reject in rejects):
        refresh(client, REJECTED)  # it sounds like a crisis: an alert must not wait for the next refresh
    revisions = [revision for message in messages for revision in revisions_of(message)]
    if batch.early:
        revisions += [revision for message in messages for revision in met_by(message, batch.early)]
    written = time.monotonic()
    _archive(messages, resolutions, batch)
    counts = _count(messages, rejects)
    counts["write_ms"] = milliseconds(written - started)
    counts["archive_ms"] = milliseconds(time.monotonic() - written)
    return Stored(counts, revisions)


def _store_crises_first(
    client: Elasticsearch, arrivals: Mapping[DocumentKey, list[Arrival]]
) -> tuple[dict[DocumentKey, list[Resolution]], dict[DocumentKey, Refusal]]:
    """Store the instants of crises, let searches find them at once, then store the others; answer as `_store_instants`.

    An alert must wait neither for the next refresh nor for the thousands of documents that arrived beside it.
    """
    urgent = {
        instant: group
        for instant, group in arrivals.items()
        if any(is_crisis(it.document.get("systolic"), it.document.get("diastolic")) for it in group)
    }
    if not urgent:
        return _store_instants(client, arrivals)
    resolutions, refusals = _store_instants(client, urgent)
    refresh(client, OBSERVATIONS)
    others = _store_instants(client, {instant: arrivals[instant] for instant in arrivals if instant not in urgent})
    return resolutions | others[0], refusals | others[1]


def _by_instant(messages: Sequence[Message], batch: IngestBatch) -> dict[DocumentKey, list[Arrival]]:
    """Group readings, and retractions that name patient and time, by the document they meet, in order of arrival."""
    arrivals: dict[DocumentKey, list[Arrival]] = defaultdict(list)
    for message in messages:
        for instant, arrival in _arrivals(message, batch):
            arrivals[instant].append(arrival)
    return arrivals


def _arrivals(message: Message, batch: IngestBatch) -> Iterator[tuple[DocumentKey, Arrival]]:
    entry_counts = not _is_single(message)
    topic, ingested_at = batch.settings.kafka_topic, batch.ingested_at
    for reading in message.parsed.readings:
        document = observation_document(reading, message.place, topic, ingested_at)
        arrival = Arrival(document, message, reading.entry if entry_counts else None)
        yield _instant(reading.patient_id, reading.effective_us), arrival
    for retraction in message.parsed.retractions:
        patient_id, at_us = retraction.patient_id, retraction.effective_us
        if patient_id is not None and at_us is not None:
            document = retraction_document(patient_id, at_us, retraction, message.place, topic, ingested_at)
            yield _instant(patient_id, at_us), Arrival(document, message, retraction.entry if entry_counts else None)


def _instant(patient_id: str, effective_us: int) -> DocumentKey:
    return DocumentKey(monthly_index(OBSERVATIONS, effective_us), instant_id(patient_id, effective_us))


def _is_single(message: Message) -> bool:
    """Tell whether the message is one resource, so that its refusal needs no entry number."""
    parsed = message.parsed
    return len(parsed.readings) + len(parsed.rejects) + parsed.ignored == 1


def _store_instants(
    client: Elasticsearch, arrivals: Mapping[DocumentKey, list[Arrival]]
) -> tuple[dict[DocumentKey, list[Resolution]], dict[DocumentKey, Refusal]]:
    """Create the documents; where one exists, resolve against it and write what stands.

    Return what came of each instant, and those that Elasticsearch did not take.
    """
    resolutions = {instant: _resolve_all(None, group) for instant, group in arrivals.items()}
    fresh = list(resolutions)
    created = try_write(client, [_operation("create", instant, resolutions[instant]) for instant in fresh])
    met = [instant for instant, effect in zip(fresh, created, strict=True) if effect is False]
    stored = fetch(client, met)
    for instant in met:
        resolutions[instant] = _resolve_all(stored.get(instant.id), arrivals[instant])
    changed = [instant for instant in met if resolutions[instant][-1].document != stored.get(instant.id)]
    renewed = try_write(client, [_operation("index", instant, resolutions[instant]) for instant in changed])
    effects = zip([*fresh, *changed], [*created, *renewed], strict=True)
    refusals = {instant: effect for instant, effect in effects if isinstance(effect, Refusal)}
    return {instant: group for instant, group in resolutions.items() if instant not in refusals}, refusals


def _resolve_all(stored: Document | None, group: Sequence[Arrival]) -> list[Resolution]:
    """Let the arrivals of an instant meet the stored document one after the other."""
    resolutions, standing = [], stored
    for arrival in group:
        resolutions.append(resolve(standing, arrival.document))
        standing = resolutions[-1].document
    return resolutions


def _operation(
    action: Literal["create", "index"], instant: DocumentKey, resolutions: Sequence[Resolution]
) -> Operation:
    return Operation(action, instant.index_name, instant.id, msgspec.json.encode(resolutions[-1].document))


def _duplicates(
    arrivals: Mapping[DocumentKey, list[Arrival]], resolutions: Mapping[DocumentKey, list[Resolution]]
) -> list[tuple[Message, Reject]]:
    return [
        (arrival.message, _reject(arrival, Reject(Reason.DUPLICATE, DUPLICATE_DETAIL, None)))
        for instant, group in resolutions.items()
        for arrival, resolution in zip(arrivals[instant], group, strict=True)
        if resolution.verdict is Verdict.DUPLICATE
    ]


def _refused(
    arrivals: Mapping[DocumentKey, list[Arrival]], refusals: Mapping[DocumentKey, Refusal]
) -> list[tuple[Message, Reject]]:
    """Return a reject for each entry whose document Elasticsearch does not take: it is kept, to be brought in again."""
    return [
        (arrival.message, _reject(arrival, _not_taken(refusal)))
        for instant, refusal in refusals.items()
        for arrival in arrivals[instant]
    ]


def _reject(arrival: Arrival, why: Reject) -> Reject:
    """Return the reject of what was read and yet is not stored, which names entry, patient, device and time."""
    document = arrival.document
    effective_us = to_us(datetime.fromisoformat(document["@timestamp"]))
    named = arrival.entry, document["patient_id"], document.get("device_id"), effective_us
    return Reject(why.reason, why.detail, *named)


def _one_each(rejects: Sequence[tuple[Message, Reject]]) -> list[tuple[Message, Reject]]:
    """Return one reject per entry, the last: a retraction that could not be carried out is told by that."""
    return list({(message.place, reject.entry): (message, reject) for message, reject in rejects}.values())


def _archive(
    messages: Sequence[Message],
    resolutions: Mapping[DocumentKey, list[Resolution]],
    batch: IngestBatch,
) -> None:
    """Archive every document that these messages are part of, whether written now or by an earlier attempt."""
    documents = [
        group[-1].document
        for group in resolutions.values()
        if any(resolution.verdict is not Verdict.DUPLICATE for resolution in group)
    ]
    if documents:
        first = messages[0].place
        write_archive(batch.settings.data_dir, batch.batch_id, f"{first.partition}-{first.offset}", documents)


def _count(messages: Sequence[Message], rejects: Sequence[tuple[Message, Reject]]) -> Counter[str]:
    """Count where the entries of the messages have ended; what is no reject and not ignored is stored."""
    entries = sum(len(message.parsed.readings) + len(message.parsed.rejects) for message in messages)
    counts = Counter(REASON_PREFIX + reject.reason for _, reject in rejects)
    counts["messages"] = len(messages)
    counts["rejected"] = len(rejects)
    counts["ignored"] = sum(message.parsed.ignored for message in messages)
    counts["readings"] = entries - len(rejects)
    return counts
