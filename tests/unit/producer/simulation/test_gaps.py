from __future__ import annotations

import numpy as np
import pytest

from producer.simulation.gaps import GAP_ENDS, GAP_SHARE, NIGHT_FACTOR
from tests.support.records import record


def test_the_share_of_failures_is_the_one_asked_for() -> None:
    """Runs of 2.5 make neighbours alike: of 192,000 measurements about 192,000 / 4 count as independent."""
    failed = ~record(gap_share=GAP_SHARE).measured
    assert failed.mean() == pytest.approx(GAP_SHARE, abs=4 * np.sqrt(GAP_SHARE / (failed.size / 4)))


def test_failed_measurements_come_in_runs() -> None:
    failed = ~record(gap_share=GAP_SHARE).measured
    assert failed[:, 1:][failed[:, :-1]].mean() == pytest.approx(1 - GAP_ENDS, abs=0.02)


def test_fewer_measurements_fail_by_night_when_the_arm_lies_still() -> None:
    seen = record(gap_share=GAP_SHARE)
    asleep, awake = (seen.hour > 0.5) & (seen.hour < 5.5), (seen.hour > 9) & (seen.hour < 21)
    ratio = (~seen.measured)[asleep].mean() / (~seen.measured)[awake].mean()
    assert ratio == pytest.approx(NIGHT_FACTOR, abs=0.08)


def test_without_gaps_every_measurement_succeeds() -> None:
    assert record(gap_share=0.0).measured.all()


def test_most_records_are_complete_enough_for_ambulatory_monitoring() -> None:
    """At least 70 % success in 24 h, the criterion of a valid ambulatory recording."""
    success = record(gap_share=GAP_SHARE).measured[:, :96].mean(axis=1)
    assert (success >= 0.7).mean() > 0.95
