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

from conf.errors import run_main
from conf.settings import Settings, load_settings
from jobs.archive import set_aside
from jobs.checkpoint import guarded
from jobs.indices import put_templates
from jobs.models import ServingModel
from jobs.progress import METRICS_FILE, Metrics, ProgressListener
from jobs.queries import INGEST, QUERIES, SCORE, ingest_query, score_query
from jobs.sinks import connect
from jobs.stopping import StopGate, keep_running

log = logging.getLogger(__name__)

APPLICATION = "blood-pressure-surveillance"


def main() -> int:
    """Parse the command line and run the job; return the exit code."""
    parser = argparse.ArgumentParser(prog="stream", description=__doc__)
    parser.add_argument("--available-now", action="store_true", help="read what the topic holds, then end")
    parser.add_argument("--verbose", action="store_true", help="show traces of errors")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for noisy in ("py4j", "elastic_transport"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    return run_main(lambda: run(load_settings(), available_now=options.available_now), verbose=options.verbose)


def run(settings: Settings, *, available_now: bool) -> None:
    """Run both queries until they are stopped, or with `available_now` until the topic is drained."""
    started_at = datetime.now(UTC)
    with guarded(settings, QUERIES) as is_new_checkpoint:
        put_templates(connect(settings))
        if is_new_checkpoint:
            _set_archive_aside(settings, started_at)
        spark = build_session(settings)
        try:
            _run_queries(spark, settings, started_at, available_now=available_now)
        finally:
            spark.stop()


def build_session(settings: Settings) -> SparkSession:
    """The Spark session; what is not set here stands in conf/spark-defaults.conf."""
    builder = SparkSession.builder.appName(APPLICATION)
    return builder.config("spark.sql.shuffle.partitions", settings.shuffle_partitions).getOrCreate()


def _run_queries(spark: SparkSession, settings: Settings, started_at: datetime, *, available_now: bool) -> None:
    context = spark.sparkContext
    model = ServingModel(context, settings.model_dir)
    metrics = Metrics(settings.local_dir / METRICS_FILE, started_at, context.uiWebUrl)
    gate = StopGate()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: gate.asked.set())
    spark.streams.addListener(ProgressListener(metrics))
    starts = {
        INGEST: partial(ingest_query, spark, settings, metrics, gate, available_now=available_now),
        SCORE: partial(score_query, spark, settings, metrics, gate, model, available_now=available_now),
    }
    keep_running(starts, gate)


def _set_archive_aside(settings: Settings, now: datetime) -> None:
    aside = set_aside(settings.data_dir, f"{now:%Y%m%dT%H%M%SZ}")
    if aside is not None:
        log.warning("new checkpoint: the CSV archive of the earlier one was moved to %s", aside)


if __name__ == "__main__":
    sys.exit(main())
