"""Batch job: adapt the model in service to local patients by a line on the log odds of each horizon.

Submitted by ``./spark-submit.sh recalibrate``. A model that comes from elsewhere mostly still ranks well, and is off in
its level. What it says of stored windows is compared with what followed (`ml.evaluation.local`); the line is kept where
patients left out of its fit show that it helps. The outcome is a version of its own, which goes into service (with
``--appoint`` beside it, see docs/models.md) if its calibration has become better and nothing else worse; ``retrain
--promote`` and ``--rollback`` move it by hand.
"""

from __future__ import annotations

import argparse
import getpass
import logging
import sys
from datetime import UTC, datetime, timedelta
from typing import Final

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from conf import cli
from conf.errors import UserError
from conf.settings import Settings, load_settings
from conf.times import to_us
from jobs.training.history import history_rows, observations_from_archive, observations_from_elasticsearch
from jobs.training.promoting import conclude
from jobs.training.recalibrating import local_patients, save_recalibrated
from jobs.training.session import session
from ml.evaluation.local import LEAST_PATIENTS, recalibrate
from ml.registry.bundles import current_version, load_bundle

DAYS: Final = 28
LOOKBACK: Final = timedelta(days=14)  # how far back the readings of a window are looked for
SOURCES: Final = {"elasticsearch": observations_from_elasticsearch, "archive": observations_from_archive}

log = logging.getLogger("jobs.recalibrate")


def run(spark: SparkSession, settings: Settings, chosen: argparse.Namespace, now: datetime) -> str | None:
    """Recalibrate a version and publish the outcome if it may serve; return its name, None if nothing is gained."""
    version = chosen.version or current_version(settings.model_dir)
    if version is None:
        raise UserError(f"No model is published in {settings.model_dir}. Train one: ./spark-submit.sh retrain.")
    bundle = load_bundle(settings.model_dir, version)
    since = now - timedelta(days=chosen.days)
    local = local_patients(stored_rows(spark, settings, chosen.source, since, now), bundle, since)
    made = recalibrate(local.windows)
    for horizon in made.horizons:
        log.info(horizon.why)
    if not made.is_change:
        log.warning("Nothing is gained by a recalibration: %s stays as it is.", version)
        return None
    data = {"source": f"patients on record ({chosen.source})", "days": chosen.days, "least_patients": LEAST_PATIENTS}
    successor, decision = save_recalibrated(settings.model_dir, bundle, local, made, data, now)
    why = f"recalibrated from {version}: {decision.reason}"
    conclude(
        settings.model_dir,
        successor,
        decision,
        by=chosen.by,
        why=why,
        at=now,
        beside=chosen.appoint,
        instead_of=version,
    )
    return successor


def stored_rows(spark: SparkSession, settings: Settings, source: str, since: datetime, now: datetime) -> DataFrame:
    """Return a row for each stored reading with enough others before it, as it was known when it arrived."""
    observations = SOURCES[source](spark, settings, to_us(now))
    recent = observations.where(F.col("effective_us") >= to_us(since - LOOKBACK))
    return history_rows(recent, settings.min_readings, settings.zone)


def parser() -> argparse.ArgumentParser:
    """Return the options of the job."""
    made = cli.parser("recalibrate", "Adapt the model in service to local patients.")
    made.add_argument("--source", choices=list(SOURCES), default="elasticsearch", help="of readings (%(default)s)")
    made.add_argument("--days", type=int, default=DAYS, help="how far back windows may lie (%(default)s)")
    made.add_argument("--version", help="what is recalibrated; default: the version in service")
    made.add_argument("--appoint", action="store_true", help="what passes scores beside the one in service, not in it")
    made.add_argument("--by", default=getpass.getuser(), help="who answers for it, kept in the journal (%(default)s)")
    return made


def work(chosen: argparse.Namespace) -> None:
    """Do the job in a Spark session of its own."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("jobs").setLevel(logging.DEBUG if chosen.verbose else logging.INFO)
    settings = load_settings()
    builder = SparkSession.builder.appName("blood-pressure-recalibrate")
    with session(builder.config("spark.sql.shuffle.partitions", settings.shuffle_partitions)) as spark:
        run(spark, settings, chosen, datetime.now(UTC))


if __name__ == "__main__":
    sys.exit(cli.run(parser(), work))
