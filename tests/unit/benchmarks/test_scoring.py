from __future__ import annotations

from functools import partial

import numpy as np

from benchmarks.scoring import BARE, WHOLE, of_bare, plot, timed, windows


def test_ways_are_timed_in_turn_and_the_first_round_is_not_counted() -> None:
    called: list[str] = []
    ways = {name: partial(called.append, name) for name in ("one", "other")}
    times = timed(ways, rows=1, rounds=2)
    assert called == ["one", "other"] * 3
    assert {way: len(each) for way, each in times.items()} == {"one": 2, "other": 2}


def test_the_ratio_compares_within_a_round() -> None:
    slow_third_round = {BARE: [1.0, 2.0, 8.0], WHOLE: [2.0, 4.0, 16.0]}
    assert of_bare(slow_third_round, WHOLE) == 0.5


def test_windows_are_full_and_a_quarter_of_an_hour_apart() -> None:
    features, hour = windows(2)
    assert (features.shape, hour.shape, int(np.isnan(features).sum())) == ((2, 120), (2,), 0)
    assert features[0, 3::4].tolist() == [lag / 4 for lag in range(29, -1, -1)]


def test_the_plot_has_a_part_for_each_number_of_rows() -> None:
    figure = plot({1: {BARE: [1.0], WHOLE: [2.0]}, 1_000: {BARE: [0.5], WHOLE: [1.0]}})
    assert [axes.get_title() for axes in figure.axes] == ["1 rows", "1,000 rows"]
