from __future__ import annotations

from unittest.mock import MagicMock

import pytest
from py4j.protocol import Py4JNetworkError

from conf.errors import UserError
from jobs.training.session import JVM_LOST, session, why_failed

LOST = Py4JNetworkError("Answer from Java side is empty")
REFUSED = ConnectionRefusedError(111, "Connection refused")
STOPPING = RuntimeError("Job 7 cancelled because SparkContext was shut down")


def builder() -> MagicMock:
    return MagicMock()


@pytest.mark.parametrize("error", [LOST, REFUSED, STOPPING])
def test_a_lost_jvm_is_told_in_words_with_the_remedy(error: Exception) -> None:
    with pytest.raises(UserError, match=r"ran out of memory.*SPARK_DRIVER_MEMORY=4g"), session(builder()):
        raise error


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(ValueError, match="odd"), session(builder()):
        raise ValueError("odd")


def test_the_session_is_stopped_whatever_happened() -> None:
    made = builder()
    with pytest.raises(ValueError, match="odd"), session(made) as spark:
        raise ValueError("odd")
    made.getOrCreate.return_value.stop.assert_called_once_with()
    assert spark is made.getOrCreate.return_value


def test_work_that_was_finished_without_the_jvm_does_not_fail_when_nobody_is_left_to_be_stopped() -> None:
    made = builder()
    made.getOrCreate.return_value.stop.side_effect = REFUSED
    with session(made) as spark:
        spark.range(1)


def test_a_reason_is_a_sentence_for_people() -> None:
    assert why_failed(LOST) == JVM_LOST
    assert why_failed(UserError("Too few rows. Use more patients.")) == "Too few rows. Use more patients."
    assert why_failed(RuntimeError("lost task: java.lang.OutOfMemoryError")).startswith("Spark ran out of memory. Give")
    assert why_failed(ValueError("first\nsecond\nthird")) == "ValueError: first second"
    assert why_failed(ValueError()) == "ValueError: no message"
