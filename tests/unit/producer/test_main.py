from __future__ import annotations

from argparse import ArgumentTypeError

import pytest

from conf.errors import EXIT_USAGE
from producer.__main__ import duration_us, parse_arguments


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15m", 900), ("24h", 86_400), ("2d", 172_800), ("1.5h", 5400), ("0h", 0)]
)
def test_durations_have_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert duration_us(text) == seconds * 1_000_000


@pytest.mark.parametrize("text", ["", "15", "m", "-5m", "15 m", "15min", "1e3s", "nan"])
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="is not a duration like"):
        duration_us(text)


def test_defaults_are_a_day_of_history_at_real_time() -> None:
    chosen = parse_arguments([])
    assert (chosen.patients, chosen.interval, chosen.history) == (200, 900_000_000, 86_400_000_000)
    assert (chosen.speed, chosen.limit_seconds) == (1.0, None)


@pytest.mark.parametrize("arguments", ["--patients 0", "--speed 0.5", "--seed -1", "--interval 0.5s", "--speed nan"])
def test_values_that_make_no_sense_end_in_a_usage_error(arguments: str) -> None:
    with pytest.raises(SystemExit) as caught:
        parse_arguments(arguments.split())
    assert caught.value.code == EXIT_USAGE
