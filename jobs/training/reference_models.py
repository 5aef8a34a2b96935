"""The models that the challenger is compared with, fitted on the same training patients, and the oracle above them all.

A forest or an oracle that fails is missing from the comparison, with the reason; the simple ones must not fail, since
the rule of promotion needs them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import SparkSession

from conf.clinical import RISK_FIELDS
from jobs.training.oracle import oracle_rows
from jobs.training.session import why_failed
from jobs.training.simulated import Design, chunks
from ml.dataset import Dataset
from ml.evaluation.bootstrap import REPLICATES
from ml.evaluation.forest import FULL, ForestSize, grow_forests
from ml.evaluation.names import ORACLE, RANDOM_FOREST
from ml.evaluation.reference_models import fit_reference_models
from ml.report.wording import model_name
from ml.storage import ROW_SCHEMA, from_arrow, to_arrow

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

    `oracle` is a design of fresh patients for whom the oracle is asked, None for real patients. `replicates` of the
    bootstrap; the challenger is fitted again `refits` times.
    """

    seed: int
    forest: ForestSize = FULL
    oracle: Design | None = None
    replicates: int = REPLICATES
    refits: int = 0

    @property
    def refit_seeds(self) -> range:
        """Return a seed for each time that the challenger is fitted again, none of them its own."""
        return range(self.seed + 1, self.seed + 1 + self.refits)

    def fitted_on(self, train: Dataset) -> dict[str, object]:
        """Tell for the card on how many of the training rows the reference models are fitted, and how large one is."""
        forest = {"rows": min(len(train), self.forest.rows), "trees": self.forest.trees, "depth": self.forest.depth}
        return {"all but the forest": {"rows": len(train)}, model_name(RANDOM_FOREST): forest}

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
    train: Dataset, parts: Parts, comparison: Comparison, missing: Missing
) -> dict[str, dict[str, Risks]]:
    """Return risks of shape (m, 3) by part and reference model, fitted on training rows.

    A forest that fails is not among them, but in `missing`.
    """
    log.info("Fitting the simple reference models")
    simple = fit_reference_models(train)
    by_part = {name: simple(part) for name, part in parts.items()}
    log.info("Growing the random forest")
    forests = attempt(RANDOM_FOREST, lambda: grow_forests(train, comparison.forest, comparison.seed), missing)
    if forests is not None:
        for name, part in parts.items():
            by_part[name][RANDOM_FOREST] = forests(part)
    return by_part


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
