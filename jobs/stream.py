"""The streaming job: FHIR Observations from Kafka to readings and predictions in Elasticsearch.

Entry point; wires what the modules beside it do. Run it with ``./spark-submit.sh stream [--available-now]``.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from datetime import UTC, datetime
from functools import partial

from pyspark.sql import SparkSession

from conf import cli
from conf.settings import METRICS_FILE, Settings, load_settings
from elastic.client import connect
from elastic.schema import ensure_templates
from jobs.streaming.archive import set_aside
from jobs.streaming.checkpoint import FINGERPRINT, guarded
from jobs.streaming.earlier_topic import refuse_recreated
from jobs.streaming.progress import Metrics
from jobs.streaming.queries import INGEST, QUERIES, SCORE, ProgressListener, ingest_query, score_query
from jobs.streaming.serving import ServingModel
from jobs.streaming.shadow import Challenger
from jobs.streaming.stopping import StopGate, keep_running

log = logging.getLogger(__name__)

APPLICATION = "blood-pressure-surveillance"


def main() -> int:
    """Parse the command line and run the job; return the exit code."""
    parser = cli.parser("stream", __doc__)
    parser.add_argument("--available-now", action="store_true", help="read what the topic holds, then end")
    return cli.run(parser, _work)


def _work(options: argparse.Namespace) -> None:
    level = logging.DEBUG if options.verbose else logging.INFO
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for noisy in ("py4j", "elastic_transport"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    submit(load_settings(), available_now=options.available_now)


def submit(settings: Settings, *, available_now: bool) -> None:
    """Run the job in a Spark session of its own until a signal or, with `available_now`, until the topic is drained."""
    gate = StopGate()
    if not (settings.checkpoint_dir / FINGERPRINT).exists():
        refuse_recreated(connect(settings), settings)
    with guarded(settings, QUERIES) as is_new_checkpoint:
        ensure_templates(connect(settings))
        spark = build_session(settings)
        for number in (signal.SIGTERM, signal.SIGINT):  # after pyspark has set its own
            signal.signal(number, lambda *_: gate.asked.set())
        try:
            run(spark, settings, gate, is_new_checkpoint=is_new_checkpoint, available_now=available_now)
        finally:
            spark.stop()


def build_session(settings: Settings) -> SparkSession:
    """Return the Spark session; what is not set here stands in conf/spark-defaults.conf."""
    builder = SparkSession.builder.appName(APPLICATION)
    return builder.config("spark.sql.shuffle.partitions", settings.shuffle_partitions).getOrCreate()


def run(
    spark: SparkSession, settings: Settings, gate: StopGate, *, is_new_checkpoint: bool, available_now: bool
) -> None:
    """Run both queries, with metrics and model, until the gate is asked to stop or the topic is drained."""
    started_at = datetime.now(UTC)
    model = ServingModel(spark.sparkContext, settings.model_dir, settings.min_readings)
    challenger = Challenger(spark.sparkContext, settings.model_dir)
    if is_new_checkpoint and (aside := set_aside(settings.data_dir, f"{started_at:%Y%m%dT%H%M%SZ}")):
        log.warning("new checkpoint: the CSV archive of the earlier one was moved to %s", aside)
    metrics = Metrics(settings.local_dir / METRICS_FILE, started_at, spark.sparkContext.uiWebUrl)
    listener = ProgressListener(metrics)
    spark.streams.addListener(listener)
    starts = {
        INGEST: partial(ingest_query, spark, settings, metrics, gate, available_now=available_now),
        SCORE: partial(score_query, spark, settings, metrics, gate, model, challenger, available_now=available_now),
    }
    try:
        keep_running(starts, gate)
    finally:
        metrics.wait_for_events()
        spark.streams.removeListener(listener)


if __name__ == "__main__":
    sys.exit(main())
