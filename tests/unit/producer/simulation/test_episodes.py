from __future__ import annotations

import numpy as np
import pytest

from conf.times import DAY_US, HOUR_US
from producer.simulation.episodes import DAYS_PER_YEAR, MISSED_DOSE_RISE, EpisodeCalendar, Episodes
from producer.simulation.patients import GROUPS, draw_patients

DAY = 20_148  # 2025-03-01
MANY = 20_000


def calendar(group: str = "referred", factor: float = 1.0, patients: int = MANY) -> EpisodeCalendar:
    return EpisodeCalendar(draw_patients(patients, 1, {group: 1.0}), 1, factor)


def drawn(group: str = "referred", factor: float = 50.0) -> Episodes:
    return calendar(group, factor)._draw(DAY)


@pytest.mark.parametrize("group", ["normotensive", "treated", "referred"])
def test_episodes_begin_as_often_as_the_group_says(group: str) -> None:
    """Counts of independent events have a standard error of the root of their number."""
    factor = 20.0
    expected = MANY * factor * GROUPS[group].episodes_per_year / DAYS_PER_YEAR
    assert abs(len(drawn(group, factor).patient) - expected) <= 4 * np.sqrt(expected)


def test_only_patients_on_drugs_can_miss_them_and_then_drift_for_one_to_three_days() -> None:
    people, episodes = draw_patients(MANY, 1, {"referred": 1.0}), drawn()
    drifting = episodes.drift[0] > 0
    assert 0.2 < drifting.mean() < 0.5
    assert (people.doses[episodes.patient[drifting]] > 0).all()
    assert (episodes.drift_h[drifting] >= 24).all()
    assert (episodes.drift_h[drifting] <= 72).all()
    low, high = MISSED_DOSE_RISE
    assert ((episodes.drift[0, drifting] >= low) & (episodes.drift[0, drifting] <= high)).all()
    assert (episodes.drift_h[~drifting] == 0).all()


def test_who_misses_more_doses_drifts_further() -> None:
    people, episodes = draw_patients(MANY, 1, {"treated": 1.0}), drawn("treated", 200.0)
    drifting = episodes.drift[0] > 0
    doses, drift = people.doses[episodes.patient[drifting]], episodes.drift[0, drifting]
    assert drift[doses == 1].max() < drift[doses == 3].min()


def test_an_episode_rises_stays_and_ends() -> None:
    episodes = Episodes(
        patient=np.array([0]),
        begin_us=np.array([DAY * DAY_US]),
        drift_h=np.array([24.0]),
        ramp_h=np.array([2.0]),
        plateau_h=np.array([4.0]),
        decay_h=np.array([10.0]),
        drift=np.array([[20.0], [12.0], [0.0]]),
        peak=np.array([[50.0], [25.0], [10.0]]),
    )
    made = calendar(factor=0.0, patients=1)
    made._inherited = (episodes,)
    systolic = [made.rise(np.array([DAY * DAY_US + hour * HOUR_US]))[0, 0] for hour in (-1, 12, 24, 25, 26, 29, 35, 41)]
    assert systolic == pytest.approx([0, 10, 20, 35, 50, 50, 25, 0])
