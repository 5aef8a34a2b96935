from __future__ import annotations

from argparse import ArgumentTypeError

import pytest

from conf.errors import EXIT_USAGE
from producer.__main__ import duration_us, parse_arguments
from producer.faults import USUAL_FAULTS
from producer.forms import USUAL_FORMS


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


def test_forms_and_faults_are_shares_by_name_and_faults_have_usual_ones() -> None:
    assert parse_arguments([]).forms == dict(USUAL_FORMS)
    assert parse_arguments([]).faults is None
    assert parse_arguments(["--faults"]).faults == dict(USUAL_FAULTS)
    chosen = parse_arguments(["--forms", "components=0.7,bundle=0.3", "--faults", "late=0.5"])
    assert (chosen.forms, chosen.faults) == ({"components": 0.7, "bundle": 0.3}, {"late": 0.5})


def test_an_unknown_form_is_refused_with_the_list_of_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(["--forms", "morse=1"])
    assert "'morse' is none of components, separate_heart_rate" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", ["--rate 0", "--rate -1", "--rate 100 --speed 2", "--report nowhere/report.json"])
def test_options_that_do_not_go_together_end_in_a_usage_error(arguments: str) -> None:
    with pytest.raises(SystemExit) as caught:
        parse_arguments(arguments.split())
    assert caught.value.code == EXIT_USAGE


@pytest.mark.parametrize("arguments", ["--patients 0", "--speed 0.5", "--seed -1", "--interval 0.5s", "--speed nan"])
def test_values_that_make_no_sense_end_in_a_usage_error(arguments: str) -> None:
    with pytest.raises(SystemExit) as caught:
        parse_arguments(arguments.split())
    assert caught.value.code == EXIT_USAGE
