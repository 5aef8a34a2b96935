from __future__ import annotations

import numpy as np
import pytest

from jobs.training.oracle import oracle_rows
from jobs.training.simulated import Design, simulate_rows

DESIGN = Design(patients=80, seed=5, windows_per_patient=1, track_h=0)
COPIES = 50


@pytest.fixture(scope="module")
def asked() -> tuple[np.ndarray, np.ndarray]:
    rows, risks = oracle_rows(DESIGN, 0, COPIES)
    return rows.targets, risks


def test_the_oracle_is_asked_about_the_very_rows_of_the_design() -> None:
    small = Design(patients=5, seed=5, windows_per_patient=1, track_h=0)
    rows, risks = oracle_rows(small, 0, copies=2)
    expected, _ = simulate_rows(small, 0)
    np.testing.assert_array_equal(rows.features, expected.features)
    assert risks.shape == expected.targets.shape


def test_risks_are_shares_and_grow_with_the_horizon(asked: tuple[np.ndarray, np.ndarray]) -> None:
    _, risks = asked
    known = risks[~np.isnan(risks[:, 0])]  # of those measured hourly nothing is known within the hour
    assert len(risks) / 2 < len(known) < len(risks)
    assert ((known >= 0) & (known <= 1)).all()
    assert known[:, 0].mean() < known[:, 1].mean() < known[:, 2].mean()


def test_the_oracle_beats_the_overall_share_by_far(asked: tuple[np.ndarray, np.ndarray]) -> None:
    """Over 24 h, where the patient's own level decides most; its share comes close to the observed one."""
    targets, risks = asked
    known = ~np.isnan(targets[:, 2])
    target, risk = targets[known, 2], risks[known, 2]
    climatology = np.mean((target - target.mean()) ** 2)
    assert np.mean((risk - target) ** 2) < 0.7 * climatology
    assert abs(risk.mean() - target.mean()) < 4 * np.sqrt(climatology / len(target))


def test_the_same_question_gets_the_same_answer() -> None:
    small = Design(patients=4, seed=5, windows_per_patient=1, track_h=0)
    np.testing.assert_array_equal(oracle_rows(small, 0, copies=3)[1], oracle_rows(small, 0, copies=3)[1])
