"""The Spark session of a batch job, and why something failed in it, in words for people.

A JVM that runs out of memory ends itself; this Python goes on and only finds that nobody answers. Spark's Python says
so in different ways, depending on what it was waiting for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from py4j.protocol import Py4JNetworkError
from pyspark.sql import SparkSession

from conf.errors import UserError

NOBODY_ANSWERS: Final = (Py4JNetworkError, ConnectionError)
SHUT_DOWN: Final = "SparkContext was shut down"
OUT_OF_MEMORY: Final = "OutOfMemoryError"
MORE_MEMORY: Final = "Give the job more memory (SPARK_DRIVER_MEMORY=4g ./spark-submit.sh ...) or fewer rows"
JVM_LOST: Final = (
    "Spark's JVM has ended in the middle of the work: it ran out of memory, or something killed it. "
    f"{MORE_MEMORY}, and start it again."
)


@contextmanager
def session(builder: SparkSession.Builder) -> Iterator[SparkSession]:
    """Give a session and stop it at the end. A lost JVM is a `UserError` if the work fails of it, else no error."""
    spark = builder.getOrCreate()
    try:
        yield spark
    except Exception as error:
        if is_jvm_lost(error):
            raise UserError(JVM_LOST) from error
        raise
    finally:
        with suppress(*NOBODY_ANSWERS):
            spark.stop()


def is_jvm_lost(error: Exception) -> bool:
    """Tell whether an error of Spark's Python means that the JVM has ended, or is about to."""
    return isinstance(error, NOBODY_ANSWERS) or SHUT_DOWN in str(error)


def why_failed(error: Exception) -> str:
    """Return one or two sentences on what happened and what to do."""
    if isinstance(error, UserError):
        return str(error)
    if is_jvm_lost(error):
        return JVM_LOST
    if OUT_OF_MEMORY in str(error):
        return f"Spark ran out of memory. {MORE_MEMORY}."
    first_lines = " ".join(str(error).split("\n")[:2]).strip() or "no message"
    return f"{type(error).__name__}: {first_lines}"
