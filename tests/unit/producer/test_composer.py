from __future__ import annotations

import numpy as np
import pytest

from producer.composer import draw


def test_names_are_drawn_in_their_shares_and_the_rest_is_none_of_them() -> None:
    drawn = draw(np.random.default_rng(1), {"late": 0.1, "duplicate": 0.0, "corrected": 0.3}, 20_000)
    shares = np.bincount(drawn, minlength=4) / 20_000
    assert shares == pytest.approx([0.1, 0.0, 0.3, 0.6], abs=4 * np.sqrt(0.25 / 20_000))


def test_without_shares_nothing_is_drawn() -> None:
    assert draw(np.random.default_rng(1), {}, 5).tolist() == [0] * 5


def test_shares_that_add_up_to_one_leave_nothing_over() -> None:
    assert draw(np.random.default_rng(1), dict.fromkeys("abcdefghij", 0.1), 20_000).max() == 9
