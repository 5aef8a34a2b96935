"""One micro-batch of the ingest query without Spark: its tasks one after the other, and then the driver."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec
from elasticsearch import Elasticsearch

from jobs.streaming.source import Message
from jobs.streaming.store import IngestBatch, store_messages, store_revisions


def store_batch(
    client: Elasticsearch, messages: Sequence[Message], batch: IngestBatch, *other_tasks: Sequence[Message]
) -> Counter[str]:
    """Store messages, as one task or several, then carry out what they revise; return what was counted."""
    stored = [store_messages(client, of_task, batch) for of_task in (messages, *other_tasks)]
    revised = store_revisions(client, [msgspec.json.encode(task.revisions).decode() for task in stored], batch)
    counts: Counter[str] = Counter(revised)
    for task in stored:
        counts.update(task.counts)
    return counts
