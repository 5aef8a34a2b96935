from __future__ import annotations

import numpy as np

from ml.evaluation.forest import ForestSize, grow_forests
from tests.support.evaluations import make_part


def test_a_forest_scores_every_row_missing_values_or_not_and_the_same_seed_grows_the_same() -> None:
    data, _ = make_part(seed=3, rows=600)
    size = ForestSize(trees=5, depth=4, rows=400)
    risks = [grow_forests(data, size, seed=1)(data) for _ in range(2)]
    assert risks[0].shape == (600, 3)
    assert ((risks[0] >= 0) & (risks[0] <= 1)).all()
    np.testing.assert_allclose(risks[0], risks[1], rtol=1e-12)
