"""One micro-batch of the ingest query without Spark: a single task, and then the driver."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec
from elasticsearch import Elasticsearch

from jobs.streaming.source import Message
from jobs.streaming.store import IngestBatch, store_messages, store_revisions


def store_batch(client: Elasticsearch, messages: Sequence[Message], batch: IngestBatch) -> Counter[str]:
    """Store messages, then carry out what they revise; return what was counted."""
    stored = store_messages(client, messages, batch)
    revised = store_revisions(client, [msgspec.json.encode(stored.revisions).decode()], batch)
    return Counter({**stored.counts, **revised})
