"""The job on Quix Streams, as its users write it: a window in the state, a prediction a reading, and a bulk sink.

One process, with the library's own ways: state in RocksDB, kept in a changelog topic, and a checkpoint every five
seconds, at which the sink writes. Windows, models and documents are those of the others. It ends after some readings.

The library stands in no lock of ours, since it wants older versions of our packages: it has a folder of its own,
which comes before them (`QUIX_COMMAND` of `benchmarks.throughput`).
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import msgspec
from elasticsearch import Elasticsearch
from quixstreams import Application, State, message_context
from quixstreams.sinks import BatchingSink, SinkBatch

from benchmarks.straightforward import Documents, work_off
from elastic.bulk import Operation, write
from ml.prediction import Predictor
from ml.registry.bundles import current_version, load_bundle


class Sink(BatchingSink):  # type: ignore[misc]  # the library is not there where types are checked
    """Writes documents by bulk requests at each checkpoint; the library's own sink knows but one index."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._client = Elasticsearch(url, request_timeout=60)

    def write(self, batch: SinkBatch) -> None:
        """Write the documents of all readings since the last checkpoint."""
        documents = (document for item in batch for document in item.value)
        write(self._client, [Operation("index", index, id_, msgspec.json.encode(it)) for index, id_, it in documents])


def main() -> None:
    """Run the application until so many readings are written."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("bootstrap-servers", "topic", "elasticsearch-url", "model-dir", "state-dir"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--readings", type=int, required=True)
    options = parser.parse_args()
    model_dir = Path(options.model_dir)
    predictor = Predictor(load_bundle(model_dir, current_version(model_dir) or ""))

    def step(observation: dict[str, Any], state: State) -> Documents:
        place = message_context()
        window = state.get("window", [])
        at = {"source_partition": place.partition, "source_offset": place.offset}
        documents = work_off(observation, window, predictor, options.topic, at)
        state.set("window", window)
        return documents

    application = Application(
        broker_address=options.bootstrap_servers,
        consumer_group=f"quix-{os.getpid()}",
        auto_offset_reset="earliest",
        state_dir=options.state_dir,
    )
    topic = application.topic(options.topic, key_deserializer="str", value_deserializer="json")
    application.dataframe(topic).apply(step, stateful=True).sink(Sink(options.elasticsearch_url))
    application.run(count=options.readings, collect=False)


if __name__ == "__main__":
    main()
