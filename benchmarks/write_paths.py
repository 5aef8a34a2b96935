"""Two ways from Spark to Elasticsearch: ``python -m benchmarks.write_paths``.

The stream writes with the official client from its Python workers. The other way is elasticsearch-spark's RDD API
(its DataFrame writer does not link on Spark 4), fed with the same JSON documents. Both write a prediction and a latest
document for each of many patients, in turn; quote the ratio.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pyarrow as pa
from elasticsearch import Elasticsearch
from pyspark.sql import DataFrame, SparkSession

from benchmarks.own_services import own_services
from conf import cli
from conf.settings import Settings
from deploy.submit.spark import submit_environment
from elastic.bulk import Operation, write
from elastic.client import connect
from embedded.java import find_java
from jobs.stream import build_session

INDICES = ("write-paths-predictions", "write-paths-latest")
CONNECTOR = {
    "es.mapping.id": "id",
    "es.nodes.wan.only": "true",
    "es.batch.write.refresh": "false",
    "es.batch.size.entries": "5000",
    "es.batch.size.bytes": "5mb",
}


def main() -> int:
    """Parse the command line and measure; return the exit code."""
    parser = cli.parser("python -m benchmarks.write_paths", __doc__)
    parser.add_argument("--patients", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    return cli.run(parser, lambda options: measure(options.patients, options.rounds))


def measure(patients: int, rounds: int) -> None:
    """Write `rounds` times by each way in turn, after one round that is not counted, and print the medians."""
    with own_services(only="elasticsearch") as (folder, addresses):
        settings = Settings(elasticsearch_url=str(addresses.elasticsearch_url), local_dir=folder)
        java = {"JAVA_HOME": str(find_java().parents[1])}
        os.environ.update(submit_environment(java, settings, Path.cwd(), ["spark.ui.enabled=false"]))
        spark = build_session(settings)
        ways = {"client": _client_way(settings), "connector": _connector_way(spark, settings)}
        rates = _rates(spark, ways, connect(settings), patients, rounds)
        spark.stop()
    for name, values in rates.items():
        sys.stdout.write(f"{name}: {median(values):,.0f} documents/s (median of {rounds})\n")
    ratios = [client / connector for client, connector in zip(*rates.values(), strict=True)]
    sys.stdout.write(f"client / connector: {median(ratios):.2f}\n")


def _rates(
    spark: SparkSession, ways: dict[str, Callable[[DataFrame], None]], client: Elasticsearch, patients: int, rounds: int
) -> dict[str, list[float]]:
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds + 1):
        for name, save in ways.items():
            client.indices.delete(index=",".join(INDICES), ignore_unavailable=True)
            started = time.monotonic()
            save(spark.range(patients, numPartitions=2))
            rates[name].append(2 * patients / (time.monotonic() - started))
    return {name: values[1:] for name, values in rates.items()}


def _client_way(settings: Settings) -> Callable[[DataFrame], None]:
    def save_rows(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            documents = ((f"p{row:07d}", msgspec.json.encode(_document(row))) for row in batch.column(0).to_pylist())
            operations = [Operation("index", index, id_, body) for id_, body in documents for index in INDICES]
            write(connect(settings), operations)
            yield pa.RecordBatch.from_pydict({"rows": [batch.num_rows]})

    def save(rows: DataFrame) -> None:
        rows.mapInArrow(save_rows, "rows bigint").collect()

    return save


def _connector_way(spark: SparkSession, settings: Settings) -> Callable[[DataFrame], None]:
    """Return the connector's way; it takes id and index from the JSON, so both stay in the document."""
    url = urlsplit(settings.elasticsearch_url)
    options = CONNECTOR | {"es.nodes": str(url.hostname), "es.port": str(url.port)}
    jvm: Any = spark.sparkContext._jvm

    def make_json(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            rows = batch.column(0).to_pylist()
            documents = [_document(row) | {"id": f"p{row:07d}", "index": index} for row in rows for index in INDICES]
            yield pa.RecordBatch.from_pydict(
                {"json": [msgspec.json.encode(document).decode() for document in documents]}
            )

    def save(rows: DataFrame) -> None:
        frame: Any = rows.mapInArrow(make_json, "json string")
        strings = getattr(frame._jdf, "as")(jvm.org.apache.spark.sql.Encoders.STRING())
        jvm.org.elasticsearch.spark.rdd.api.java.JavaEsSpark.saveJsonToEs(strings.toJavaRDD(), "{index}", options)

    return save


def _document(row: int) -> dict[str, Any]:
    return {
        "@timestamp": "2026-01-01T00:00:00.000Z",
        "patient_id": f"p{row:07d}",
        "critical_risk_1h": 0.012346,
        "critical_risk_6h": 0.123457,
        "critical_risk_24h": 0.323457,
        "alert_level": "LOW",
        "model_version": "20260101T000000Z-0a1b2c3d",
        "systolic": 131.0,
        "diastolic": 81.0,
        "heart_rate": 71.0,
        "window_readings": 30,
        "window_hours": 7.25,
        "scored_at": "2026-01-01T00:00:00.000Z",
        "source_offset": row,
    }


if __name__ == "__main__":
    sys.exit(main())
