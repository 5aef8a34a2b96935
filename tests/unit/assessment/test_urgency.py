"""How urgent a patient is, by the open alerts alone."""

from __future__ import annotations

import pytest

from assessment.urgency import Urgency, level_rank, urgency
from conf.clinical import ALERT_LEVELS


@pytest.mark.parametrize(
    ("ranks", "is_silent", "expected"),
    [
        ([3, 1], False, Urgency.CRITICAL),
        ([1, 2], True, Urgency.HIGH),
        ([1], True, Urgency.SILENT),
        ([], True, Urgency.SILENT),
        ([1], False, Urgency.MEDIUM),
        ([], False, Urgency.NONE),
    ],
)
def test_the_worst_open_alert_decides_and_silence_goes_before_a_moderate_risk(
    ranks: list[int], is_silent: bool, expected: Urgency
) -> None:
    assert urgency(ranks, is_silent=is_silent, is_scored=True) is expected


def test_who_has_too_few_readings_waits_unless_an_alert_is_open() -> None:
    assert urgency([], is_silent=False, is_scored=False) is Urgency.WAITING
    assert urgency([3], is_silent=False, is_scored=False) is Urgency.CRITICAL


def test_levels_have_ranks_and_no_level_the_lowest() -> None:
    assert [level_rank(level) for level in (*ALERT_LEVELS, None)] == [0, 1, 2, 3, 0]
