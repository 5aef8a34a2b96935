from __future__ import annotations

from argparse import ArgumentTypeError

import pytest

from conf.errors import EXIT_USAGE
from producer.__main__ import command_line, shares_of
from producer.faults import USUAL_FAULTS
from producer.forms import USUAL_FORMS

parse = shares_of(("late", "duplicate"))


def test_defaults_are_a_day_of_history_at_real_time() -> None:
    chosen = command_line().parse_args([])
    assert (chosen.patients, chosen.interval, chosen.history) == (200, 900_000_000, 86_400_000_000)
    assert (chosen.speed, chosen.limit_seconds) == (1.0, None)


def test_forms_and_faults_are_shares_by_name_and_faults_have_usual_ones() -> None:
    assert command_line().parse_args([]).forms == dict(USUAL_FORMS)
    assert command_line().parse_args([]).faults is None
    assert command_line().parse_args(["--faults"]).faults == dict(USUAL_FAULTS)
    chosen = command_line().parse_args(["--forms", "components=0.7,bundle=0.3", "--faults", "late=0.5"])
    assert (chosen.forms, chosen.faults) == ({"components": 0.7, "bundle": 0.3}, {"late": 0.5})


def test_an_unknown_form_is_refused_with_the_list_of_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command_line().parse_args(["--forms", "morse=1"])
    assert "'morse' is none of components, separate_heart_rate" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        *("--rate 0", "--rate -1", "--rate 100 --speed 2", "--report nowhere/report.json"),
        *("--patients 0", "--speed 0.5", "--seed -1", "--interval 0.5s", "--speed nan"),
    ],
)
def test_options_without_sense_or_that_do_not_go_together_end_in_a_usage_error(arguments: str) -> None:
    with pytest.raises(SystemExit) as caught:
        command_line().parse_args(arguments.split())
    assert caught.value.code == EXIT_USAGE


def test_shares_are_read_by_name() -> None:
    assert parse("late=0.25, duplicate=0.5") == {"late": 0.25, "duplicate": 0.5}
    assert parse("") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lost=0.1", "'lost' is none of late, duplicate"),
        ("late", "'late' does not give a share from 0 to 1, as in late=0.05"),
        ("late=2", "does not give a share"),
        ("late=nan", "does not give a share"),
        ("late=0.6,duplicate=0.6", "add up to more than 1"),
    ],
)
def test_what_is_no_share_is_refused_with_the_reason(text: str, message: str) -> None:
    with pytest.raises(ArgumentTypeError, match=message):
        parse(text)
