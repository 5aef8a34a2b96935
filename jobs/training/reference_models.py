"""The models that the challenger is compared with, fitted on the same training patients, and the oracle above them all.

Beside the simple ones of `ml.evaluation.reference_models` these need Spark: a random forest on the same 120 features,
and boosters that get the summaries of the window in addition, which tells what engineered features would be worth.
One of these that fails is missing from the comparison, with the reason; the simple ones must not fail, since the rule
of promotion needs them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession

from conf.clinical import HORIZONS_H, RISK_FIELDS
from jobs.training.oracle import oracle_rows
from jobs.training.session import why_failed
from jobs.training.simulated import Design, chunks
from jobs.training.training import FOREST_COLUMNS, MONOTONE, Parameters, fit_boosters, fit_forests, forest_risks
from ml.dataset import Dataset
from ml.evaluation.bootstrap import REPLICATES
from ml.evaluation.names import ORACLE, RANDOM_FOREST, WITH_SUMMARIES
from ml.evaluation.reference_models import SUMMARY_NAMES, fit_reference_models, window_summaries
from ml.report.wording import model_name
from ml.storage import ROW_SCHEMA, from_arrow, to_arrow

FOREST_ROWS: Final = 100_000  # a forest on all rows takes longer than all of the other models together
ORACLE_COLUMNS: Final = tuple(f"oracle_{name}" for name in RISK_FIELDS)

Risks = NDArray[np.float64]
Parts = Mapping[str, Dataset]
Result = TypeVar("Result")
Missing = dict[str, str]  # why, by name of a reference model that failed

log = logging.getLogger(__name__)


class OracleRows(NamedTuple):
    """Rows and the oracle's risks for them, shape (m, 3)."""

    rows: Dataset
    risks: Risks


@dataclass(frozen=True, slots=True)
class Comparison:
    """How much effort goes into the comparison.

    With 0 `forest_rows` (at most so many training rows) there is neither forest nor boosters with summaries. `oracle`
    is a design of fresh patients for whom the oracle is asked, None for real patients. `replicates` of the bootstrap.
    """

    seed: int
    forest_rows: int = FOREST_ROWS
    oracle: Design | None = None
    replicates: int = REPLICATES

    def ask_oracle(self, spark: SparkSession, missing: Missing) -> OracleRows | None:
        """Return the oracle's rows, or None if it is not to be asked or fails; then it is in `missing`."""
        design = self.oracle
        if design is None:
            return None
        log.info("Asking the oracle about %d simulated patients", design.patients)
        return attempt(ORACLE, lambda: ask_oracle(spark, design), missing)


def attempt(name: str, work: Callable[[], Result], missing: Missing) -> Result | None:
    """Return what the work for a reference model gives; if it fails, None, and the reason is put into `missing`."""
    try:
        return work()
    except Exception as error:
        missing[name] = why_failed(error)
        log.warning("The comparison goes on without %s. %s", model_name(name), missing[name])
        log.debug("This is where it failed", exc_info=error)
        return None


def reference_risks(
    spark: SparkSession,
    rows: DataFrame,
    train: Dataset,
    parts: Parts,
    parameters: Parameters,
    comparison: Comparison,
    missing: Missing,
) -> dict[str, dict[str, Risks]]:
    """Return risks of shape (m, 3) by part and reference model.

    `rows` hold the training rows, `train` those that fit into memory. A model of Spark that fails is not among them,
    but in `missing`. The forest comes last, as it needs the most memory.
    """
    log.info("Fitting the simple reference models")
    simple = fit_reference_models(train)
    by_part = {name: simple(part.features) for name, part in parts.items()}
    fitted_by_spark: dict[str, Callable[[], Mapping[str, Risks]]] = {
        WITH_SUMMARIES: lambda: boosters_with_summaries(spark, rows, parts, parameters, comparison.seed),
        RANDOM_FOREST: lambda: forest_by_part(spark, rows, train, parts, comparison),
    }
    for model, fit in fitted_by_spark.items() if comparison.forest_rows else ():
        for part, risks in (attempt(model, fit, missing) or {}).items():
            by_part[part][model] = risks
    return by_part


def forest_by_part(
    spark: SparkSession, rows: DataFrame, train: Dataset, parts: Parts, comparison: Comparison
) -> dict[str, Risks]:
    """Return the risks of the random forest for each part, shape (m, 3)."""
    medians = np.nanmedian(train.features, axis=0)
    training = rows.where(rows["split"] == "train")
    share = min(1.0, comparison.forest_rows / max(1, training.count()))
    log.info("Growing the random forest on %.0f %% of the training rows", 100 * share)
    forests = fit_forests(training.sample(fraction=share, seed=comparison.seed), medians, comparison.seed)
    risks = {}
    for name, part in parts.items():
        batch = pa.Table.from_batches([to_arrow(part, np.full(len(part), name))])
        scored = forest_risks(forests, spark.createDataFrame(batch), medians).toArrow().to_pandas()
        risks[name] = _in_order(scored, part)
    return risks


def _in_order(scored: pd.DataFrame, part: Dataset) -> Risks:
    """Return the risks of a part's rows, found by patient and instant."""
    instants = scored["effective_time"].astype("datetime64[us, UTC]").astype("int64")
    by_row = scored[list(FOREST_COLUMNS)].set_axis(pd.MultiIndex.from_arrays([scored["patient_id"], instants]))
    wanted = pd.MultiIndex.from_arrays([part.patient_id, part.newest_us])
    found: Risks = by_row.reindex(wanted).to_numpy(dtype=np.float64)
    return found


def boosters_with_summaries(
    spark: SparkSession, rows: DataFrame, parts: Parts, parameters: Parameters, seed: int
) -> dict[str, Risks]:
    """Return the risks of boosters that see the summaries of the window beside its 120 features."""
    log.info("Fitting boosters with summaries, for comparison only")
    unconstrained = ",0" * len(SUMMARY_NAMES)
    wide = {**parameters, "monotone_constraints": MONOTONE.replace(")", f"{unconstrained})")}
    boosters = fit_boosters(spark, rows.mapInArrow(_with_summaries, ROW_SCHEMA), wide, seed)

    def risks(part: Dataset) -> Risks:
        features = _widen(part.features)
        columns = [boosters[horizon_h].inplace_predict(features, validate_features=False) for horizon_h in HORIZONS_H]
        return np.maximum.accumulate(np.stack(columns, axis=1).astype(np.float64), axis=1)

    return {name: risks(part) for name, part in parts.items()}


def _with_summaries(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        wide = _widen(from_arrow(batch).features)
        ends = np.arange(len(wide) + 1, dtype=np.int32) * np.int32(wide.shape[1])
        features = pa.ListArray.from_arrays(pa.array(ends), pa.array(wide.ravel()))
        yield batch.set_column(batch.schema.get_field_index("features"), "features", features)


def _widen(features: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.column_stack([features, window_summaries(features)]).astype(np.float32)


def ask_oracle(spark: SparkSession, design: Design) -> OracleRows:
    """Return rows of a design and the oracle's risks for them; the chunks are spread over the workers."""

    def ask(numbers: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in numbers:
            for chunk in batch.column(0).to_pylist():
                rows, risks = oracle_rows(design, chunk)
                answer = to_arrow(rows, np.full(len(rows), ORACLE))
                for name, column in zip(ORACLE_COLUMNS, risks.T, strict=True):
                    answer = answer.append_column(name, pa.array(column))
                yield answer

    schema = ROW_SCHEMA + "".join(f", {name} double" for name in ORACLE_COLUMNS)
    count = chunks(design)
    table = spark.range(0, count, numPartitions=count).mapInArrow(ask, schema).toArrow().combine_chunks()
    return OracleRows(from_arrow(table), np.stack([table[name].to_numpy() for name in ORACLE_COLUMNS], axis=1))
