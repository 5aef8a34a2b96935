"""The archive of Spark's classes, with which a job starts sooner: ``python -m deploy.submit.class_archive`` makes it.

Java then maps its classes from one file instead of reading and checking each (JEP 350). It leaves the file aside where
itself, a jar or the class path is another one than here: jobs then start as slowly as without, nothing else.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from conf import cli
from conf.retry import wait_until
from conf.settings import Settings
from deploy.submit.spark import CLASS_ARCHIVE, QUIET_ARCHIVE, submit_environment

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

MASTER: Final = "local[2]"
MICRO_BATCHES: Final = 3
LONGEST_S: Final = 120
PAUSE_S: Final = 0.2


def main() -> int:
    """Parse the command line and make the archive; return the exit code."""
    return cli.run(cli.parser("python -m deploy.submit.class_archive", __doc__), make)


def make(_options: argparse.Namespace) -> None:
    """Run Spark once and keep the classes that it has loaded; a Java that keeps none is told, and no fault."""
    root = Path.cwd()
    new = root / CLASS_ARCHIVE.with_suffix(".new")
    new.unlink(missing_ok=True)
    options = f'spark.driver.defaultJavaOptions="-XX:ArchiveClassesAtExit={new}" {QUIET_ARCHIVE}'
    environment = submit_environment(
        os.environ, Settings(spark_master=MASTER), root, (options, "spark.ui.enabled=false")
    )
    os.environ.update(environment)
    _load_classes()
    if new.exists():
        new.replace(root / CLASS_ARCHIVE)
    else:
        print("This Java has kept no archive of classes: jobs start as slowly as without.")


def _load_classes() -> None:
    """Do once what the stream does, with its kinds of state and of Python, and wait for the end of the JVM."""
    from pyspark import SparkContext  # only now does the environment say how
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.config("spark.sql.shuffle.partitions", 2).getOrCreate()
    with tempfile.TemporaryDirectory() as checkpoint:
        _stream(spark, checkpoint)
    spark.stop()
    gateway: Any = SparkContext._gateway
    gateway.shutdown()
    gateway.proc.stdin.close()  # at which the JVM ends, and writes the archive
    gateway.proc.wait()


def _stream(spark: SparkSession, checkpoint: str) -> None:
    """Run a query with a window state for a few micro-batches."""
    rows = spark.readStream.format("rate-micro-batch").option("rowsPerBatch", 100).load()
    packed = rows.selectExpr(
        "string(value % 10) AS patient_id", "value AS state_order", "encode('-', 'utf-8') AS entry"
    )
    passed = packed.mapInArrow(lambda batches: batches, packed.schema)
    state = passed.groupBy("patient_id").agg({"state_order": "max"})

    def work(batch: DataFrame, _batch_id: int) -> None:
        batch.mapInArrow(lambda batches: batches, batch.schema).collect()

    writer = state.writeStream.outputMode("update").option("checkpointLocation", checkpoint)
    query = writer.foreachBatch(work).start()
    wait_until(lambda: not query.isActive or len(query.recentProgress) >= MICRO_BATCHES, LONGEST_S, PAUSE_S)
    query.stop()


if __name__ == "__main__":
    sys.exit(main())
