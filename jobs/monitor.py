"""Batch job: judge stored predictions by what was observed afterwards, look for drift, and make some of them again.

Submitted by ``./spark-submit.sh monitor [--days N]``. Writes to ``blood-pressure-model-monitoring``, by version and UTC
day: for each horizon and stratum what came true (kind ``quality``) and, before that is known, what the risks say of
themselves (``estimate``); for each horizon how observed crises go on beside expected ones (``cusum``); drift of each
summary (``drift``); once a day 1,000 random predictions made again (``parity``, see `jobs.explaining.parity`).
While a challenger scores beside the model in service, both are judged by the same windows of weeks (kind ``shadow``);
of the one in service it is told whether its risks still fit (kind ``calibration``). Afterwards the job carries out the
promotions that people, or the rule, have asked for. Ids are made of just that: the job may run as often as one likes,
and a later run completes what an earlier one could not know yet. Beside the stream on one machine,
``BP_SPARK_MASTER=local[1]`` leaves the other cores to it.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from conf import cli
from conf.clinical import RISK_FIELDS, SHADOW_RISK_FIELDS
from conf.settings import Settings, load_settings
from conf.times import DAY_US, from_us, iso_us, present_until_us, to_us
from elastic.bulk import Operation, write
from elastic.client import Document, Search, connect
from elastic.connector import read_index
from elastic.names import MODEL_MONITORING, OBSERVATIONS, PREDICTIONS
from elastic.schema import ensure_templates
from elastic.search.monitoring import cusum, newest_by_horizon
from fhir.readings import RETRACTED_STATUS
from jobs.explaining.parity import parity_documents
from jobs.training.comparing import PATIENT_SUMS, add_up_patients, calibration_documents, comparison_documents
from jobs.training.outcomes import (
    TARGETS,
    add_targets,
    document_id,
    documents_table,
    drift_documents,
    quality_documents,
    summarise_windows,
)
from jobs.training.promoting import ask_by_rule, carry_out
from jobs.training.session import session
from jobs.training.watching import KIND as CUSUM
from jobs.training.watching import Key, day_documents, estimate_documents, sum_up
from ml import drift
from ml.evaluation.shadow import Needed
from ml.registry.bundles import BundleError, bundle_file, current_version
from ml.registry.challenger import read_challenger

DAYS: Final = 3  # before today; a day's 24 h outcomes are known a day later
DRIFT_PATIENTS: Final = 1_000  # whose windows are compared with the training's
SHADOW_DAYS: Final = 28  # over which champion and challenger are compared, more if more are needed
CALIBRATION_DAYS: Final = 7  # over which it is looked whether risks still fit what follows
LOOKBACK_US: Final = 14 * DAY_US  # how far back such a window's readings are looked for
DRIFT_FILE: Final = "drift.json"
PARITY_TIMEOUT_S: Final = 60.0

PREDICTION_FIELDS: Final = ("model_version", "alert_level", "systolic", "diastolic", *RISK_FIELDS)
SHADOW_FIELDS: Final = ("shadow_model_version", *SHADOW_RISK_FIELDS)
READING_FIELDS: Final = ("systolic", "diastolic", "heart_rate")
READINGS: Final = "array<struct<effective_us:bigint,systolic:float,diastolic:float,heart_rate:float>>"
WITH_TARGETS: Final = (
    "patient_id string, newest_us bigint, model_version string, alert_level string, systolic float, diastolic float, "
    + ", ".join([*(f"{name} double" for name in RISK_FIELDS), *(f"{name} float" for name in TARGETS)])
)
SUMMARISED: Final = "model_version string, day bigint, rows bigint, summary array<double>"

log = logging.getLogger("jobs.monitor")


def monitor(spark: SparkSession, settings: Settings, days: int, now: datetime) -> int:
    """Judge the predictions of the last `days` whole UTC days and of today; return the number of documents written."""
    now_us = to_us(now)
    since_us = (now_us // DAY_US - days) * DAY_US
    predictions = read_predictions(spark, settings, since_us).cache()
    client = connect(settings)
    search = Search(client)
    judged = [*_judged(spark, settings, predictions, since_us, now_us)]
    summed = sum_up((each for each in judged if each["kind"] == CUSUM), _before(search, judged, since_us))
    documents = [*(each for each in judged if each["kind"] != CUSUM), *summed]
    documents += _drift(spark, settings, predictions, since_us, now_us)
    predictions.unpersist()
    compared = compare_versions(spark, settings, now_us)
    documents += [*compared, *judge_calibration(spark, settings, now_us)]
    stored = [(document_id(document), document) for document in documents]
    stored += parity_documents(Search(client, PARITY_TIMEOUT_S), settings, since_us, now_us)
    ensure_templates(client)
    write(client, [Operation("index", MODEL_MONITORING, id_, msgspec.json.encode(body)) for id_, body in stored])
    if settings.promote_by_rule:
        ask_by_rule(search, compared, now)
    carry_out(search, settings.model_dir, now)
    return len(stored)


def read_predictions(
    spark: SparkSession, settings: Settings, since_us: int, challenger: str | None = None
) -> DataFrame:
    """Read the predictions of windows whose newest reading is at `since_us` or later.

    With a `challenger`, those alone that it has scored, too, and what it has said.
    """
    wanted: list[dict[str, Any]] = [{"range": {"@timestamp": {"gte": iso_us(since_us)}}}]
    fields = ("@timestamp", "patient_id", *PREDICTION_FIELDS)
    more: list[Any] = []
    if challenger is not None:
        wanted.append({"term": {"shadow_model_version": challenger}})
        fields += SHADOW_FIELDS
        more = ["shadow_model_version", *(F.col(name).cast("double") for name in SHADOW_RISK_FIELDS)]
    documents = read_index(spark, settings, PREDICTIONS, fields, {"bool": {"filter": wanted}})
    return documents.select(
        "patient_id",
        _instant("newest_us"),
        *("model_version", "alert_level"),
        *(F.col(name).cast("float") for name in ("systolic", "diastolic")),
        *(F.col(name).cast("double") for name in RISK_FIELDS),
        *more,
    )


def read_readings(spark: SparkSession, settings: Settings, query: Mapping[str, Any]) -> DataFrame:
    """Read the observations that stand; without pressures a heart rate of its own."""
    standing = {"bool": {"filter": [query], "must_not": [{"term": {"status": RETRACTED_STATUS}}]}}
    documents = read_index(spark, settings, OBSERVATIONS, ("@timestamp", "patient_id", *READING_FIELDS), standing)
    return documents.select(
        "patient_id", _instant("effective_us"), *(F.col(name).cast("float") for name in READING_FIELDS)
    )


def by_patient(predictions: DataFrame, readings: DataFrame) -> DataFrame:
    """Return one row per patient with predictions: both lists in order of time."""
    told = _lists(predictions, "newest_us", "predictions")
    known = _lists(readings, "effective_us", "observations")
    none = F.array().cast(READINGS)
    return told.join(known, "patient_id", "left").withColumn("observations", F.coalesce("observations", none))


def _lists(rows: DataFrame, time_us: str, name: str) -> DataFrame:
    others = [column for column in rows.columns if column not in ("patient_id", time_us)]
    return rows.groupBy("patient_id").agg(F.array_sort(F.collect_list(F.struct(time_us, *others))).alias(name))


def _instant(name: str) -> Any:
    return F.unix_micros(F.to_timestamp("@timestamp")).alias(name)


def _known(since_us: int, now_us: int) -> dict[str, Any]:
    """Return the query for readings from then on that are not in the future, of which nothing is an outcome yet."""
    return {"range": {"@timestamp": {"gte": iso_us(since_us), "lte": iso_us(present_until_us(now_us))}}}


def _known_pressures(since_us: int, now_us: int) -> dict[str, Any]:
    return {"bool": {"filter": [_known(since_us, now_us), {"exists": {"field": "systolic"}}]}}


def _judged(
    spark: SparkSession, settings: Settings, predictions: DataFrame, since_us: int, now_us: int
) -> Iterator[Document]:
    """Yield what is found day by day once predictions stand beside what followed."""
    pressures = read_readings(spark, settings, _known_pressures(since_us, now_us))
    judged = by_patient(predictions, pressures).mapInArrow(add_targets, WITH_TARGETS)

    def documents(rows: pa.Table) -> pa.Table:
        made = (documents_of(rows, now_us) for documents_of in (quality_documents, estimate_documents, day_documents))
        return documents_table(chain.from_iterable(made))

    day = F.floor(F.col("newest_us") / DAY_US)
    written = judged.groupBy("model_version", day.alias("day")).applyInArrow(documents, "body string")
    yield from (msgspec.json.decode(row.body) for row in written.toLocalIterator())


def _before(search: Search, judged: Sequence[Document], since_us: int) -> dict[Key, Document]:
    """Return what an earlier run has stored of the sums that go on."""
    return {
        (version, horizon_h): document
        for version in {each["model_version"] for each in judged}
        for horizon_h, document in newest_by_horizon(cusum(search, version, from_us(since_us))).items()
    }


def compare_versions(spark: SparkSession, settings: Settings, now_us: int) -> list[dict[str, Any]]:
    """Judge champion and challenger by the windows that both have scored; nothing is read where there is none."""
    appointed = read_challenger(settings.model_dir)
    if appointed is None:
        return []
    since_us = (now_us // DAY_US - max(SHADOW_DAYS, 2 * settings.shadow_days)) * DAY_US
    both = read_predictions(spark, settings, since_us, appointed.version)
    pressures = read_readings(spark, settings, _known_pressures(since_us, now_us))
    sums = by_patient(both, pressures).mapInArrow(add_up_patients, from_arrow_schema(PATIENT_SUMS)).toArrow()
    needed = Needed(settings.shadow_days, settings.shadow_patients)
    return comparison_documents(sums, needed, now_us)


def judge_calibration(spark: SparkSession, settings: Settings, now_us: int) -> list[dict[str, Any]]:
    """Look whether the risks of the version in service fit what followed, over `CALIBRATION_DAYS`."""
    version = current_version(settings.model_dir)
    if version is None:
        return []
    since_us = (now_us // DAY_US - CALIBRATION_DAYS) * DAY_US
    own = read_predictions(spark, settings, since_us).where(F.col("model_version") == version)
    own = own.withColumn("shadow_model_version", F.col("model_version"))  # compared with itself
    own = own.withColumns(dict(zip(SHADOW_RISK_FIELDS, map(F.col, RISK_FIELDS), strict=True)))
    pressures = read_readings(spark, settings, _known_pressures(since_us, now_us))
    sums = by_patient(own, pressures).mapInArrow(add_up_patients, from_arrow_schema(PATIENT_SUMS)).toArrow()
    return list(calibration_documents(sums, version, now_us))


def _drift(
    spark: SparkSession, settings: Settings, predictions: DataFrame, since_us: int, now_us: int
) -> Iterator[Document]:
    references = read_references(
        settings, [row.model_version for row in predictions.select("model_version").distinct().collect()]
    )
    patients = drift_patients(predictions)
    if not references or not patients:
        return
    query = {"bool": {"filter": [_known(since_us - LOOKBACK_US, now_us), {"terms": {"patient_id": patients}}]}}
    chosen = predictions.where(F.col("patient_id").isin(patients)).select(
        *("patient_id", "newest_us", "model_version"), *RISK_FIELDS
    )
    rows = by_patient(chosen, read_readings(spark, settings, query))
    summarise = partial(summarise_windows, references=references, zone=settings.zone)
    for (version, day), (of_patients, windows) in by_day(rows.mapInArrow(summarise, SUMMARISED)).items():
        found = drift.compare(references[version], of_patients)
        yield from drift_documents(found, version, len(of_patients), windows, day, now_us)


def drift_patients(predictions: DataFrame) -> list[str]:
    """Return the patients who stand for all; the same ones as long as they have predictions."""
    patients = predictions.select("patient_id").distinct().orderBy(F.xxhash64("patient_id")).limit(DRIFT_PATIENTS)
    return [row.patient_id for row in patients.collect()]


def read_references(settings: Settings, versions: Sequence[str]) -> dict[str, drift.Reference]:
    """Read what the versions were trained on; a version that does not tell it, or no longer here, is left out."""
    references = {}
    for version in sorted(versions):
        try:
            stored = msgspec.json.decode(bundle_file(settings.model_dir, version, DRIFT_FILE))
            references[version] = drift.from_json(stored)
        except (BundleError, drift.OtherReferenceError) as error:
            log.warning("no drift of %s: %s", version, error)
    return references


def by_day(summarised: DataFrame) -> dict[tuple[str, int], tuple[NDArray[np.float64], int]]:
    """Return the summaries of all patients, shape (n, any), and the number of their windows, by version and day."""
    found: dict[tuple[str, int], list[Any]] = defaultdict(list)
    for row in summarised.collect():
        found[row.model_version, row.day].append(row)
    return {
        key: (np.array([row.summary for row in rows]), sum(row.rows for row in rows)) for key, rows in found.items()
    }


def parser() -> argparse.ArgumentParser:
    """Return the options of the job."""
    made = cli.parser("monitor", "Judge stored predictions by what followed.")
    made.add_argument("--days", type=int, default=DAYS, help=f"whole UTC days before today, default {DAYS}")
    return made


def work(chosen: argparse.Namespace) -> None:
    """Do the job in a Spark session of its own."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    log.setLevel(logging.INFO)
    settings = load_settings()
    builder = SparkSession.builder.appName("blood-pressure-monitor")
    with session(builder.config("spark.sql.shuffle.partitions", settings.shuffle_partitions)) as spark:
        written = monitor(spark, settings, chosen.days, datetime.now(UTC))
        log.info("Wrote %d documents to %s", written, MODEL_MONITORING)


if __name__ == "__main__":
    sys.exit(cli.run(parser(), work))
