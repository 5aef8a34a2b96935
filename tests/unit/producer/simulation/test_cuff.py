from __future__ import annotations

import numpy as np
import pytest

from producer.simulation.cuff import (
    ARTEFACTS,
    GAP_ENDS,
    GAP_SHARE,
    NIGHT_FACTOR,
    Artefact,
    Values,
    draw_artefacts,
    show,
)
from tests.support.records import record

COUNT = 20_000


def random() -> np.random.Generator:
    return np.random.default_rng(4)


def shown_as(kind: Artefact, systolic: int = 142, diastolic: int = 88, heart_rate: int = 71) -> Values:
    """Return what devices show of the same reading, many times over; the reading before was 120/80, 60."""
    true = np.tile(np.array([[systolic], [diastolic], [heart_rate]], dtype=np.int16), 200)
    before = np.tile(np.array([[120], [80], [60]], dtype=np.int16), 200)
    return show(random(), true, np.full(200, kind, dtype=np.uint8), before)


def pairs(shown: Values) -> set[tuple[int, int]]:
    return set(zip(shown[0].tolist(), shown[1].tolist(), strict=True))


@pytest.mark.parametrize("share", [0.0, 0.015, 0.2])
def test_the_share_asked_for_is_an_artefact_within_four_standard_errors(share: float) -> None:
    artefacts = draw_artefacts(random(), COUNT, share)
    assert abs((artefacts != Artefact.NONE).mean() - share) <= 4 * np.sqrt(share * (1 - share) / COUNT)


def test_every_kind_is_met_equally_often() -> None:
    counts = np.bincount(draw_artefacts(random(), COUNT, 1.0), minlength=len(Artefact))
    expected = COUNT / len(ARTEFACTS)
    assert counts[Artefact.NONE] == 0
    assert (np.abs(counts[1:] - expected) < 4 * np.sqrt(expected)).all()


def test_without_an_artefact_the_true_values_are_shown() -> None:
    assert pairs(shown_as(Artefact.NONE)) == {(142, 88)}


def test_a_moving_arm_shifts_systolic_by_25_to_60_either_way() -> None:
    shift = shown_as(Artefact.MOVEMENT)[0] - 142
    assert set(np.abs(shift).tolist()) <= set(range(25, 61))
    assert shift.min() < 0 < shift.max()


def test_swapped_pressures_change_places() -> None:
    assert pairs(shown_as(Artefact.SWAPPED)) == {(88, 142)}


def test_any_digit_of_either_pressure_can_be_lost() -> None:
    assert pairs(shown_as(Artefact.DIGIT_LOST, 142, 87)) == {(42, 87), (12, 87), (14, 87), (142, 8), (142, 7)}


def test_a_stuck_device_shows_the_reading_before() -> None:
    assert {tuple(column) for column in shown_as(Artefact.STUCK).T.tolist()} == {(120, 80, 60)}


@pytest.mark.parametrize(
    ("kind", "rate"), [(Artefact.HEART_RATE_DOUBLED, 142), (Artefact.HEART_RATE_HALVED, 35), (Artefact.ZERO, 0)]
)
def test_heart_rates_are_doubled_halved_or_zero(kind: Artefact, rate: int) -> None:
    assert set(shown_as(kind)[2].tolist()) == {rate}


def test_zero_is_zero_in_all_values() -> None:
    assert not shown_as(Artefact.ZERO).any()


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
