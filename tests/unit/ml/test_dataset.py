from __future__ import annotations

import numpy as np
import pytest

from conf.times import HOUR_US
from ml.dataset import FITTED, SPLIT_SHARES, are_purged, parts_of
from ml.labels import FOLLOW_UP_H

BLOCK_FROM_US = 1_740_787_200_000_000
SIDES = np.array(list(SPLIT_SHARES))


def at(hours: float) -> np.ndarray:
    """Return an instant so many hours after the beginning of the block, for each side."""
    return np.full(len(SIDES), BLOCK_FROM_US + round(hours * HOUR_US))


def test_from_its_beginning_on_the_block_holds_the_rows_of_patients_that_are_fitted_on() -> None:
    assert parts_of(SIDES, at(0), BLOCK_FROM_US).tolist() == ["block", "block", "block", "test", "track"]


def test_before_the_block_a_row_is_on_its_patients_side() -> None:
    assert parts_of(SIDES, at(-0.001), BLOCK_FROM_US).tolist() == SIDES.tolist()


@pytest.mark.parametrize(
    ("hours", "expected"), [(-FOLLOW_UP_H - 0.001, False), (-FOLLOW_UP_H, True), (-0.001, True), (0, False)]
)
def test_a_fitted_row_whose_follow_up_reaches_into_the_block_is_purged(hours: float, expected: bool) -> None:
    purged = are_purged(SIDES, at(hours), BLOCK_FROM_US)
    assert purged.tolist() == [expected and side in FITTED for side in SIDES]
