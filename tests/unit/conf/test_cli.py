"""The shell of all tools: one line for people, a trace only when asked for, an exit code that scripts can rely on."""

from __future__ import annotations

import argparse

import pytest

from conf import cli
from conf.errors import UserError


def ended(error: BaseException | None, *arguments: str) -> int:
    def work(_: argparse.Namespace) -> None:
        if error is not None:
            raise error

    return cli.run(cli.parser("python -m tool", "What it does."), work, arguments)


def test_work_that_ends_well_is_code_0_and_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(None) == 0
    assert capsys.readouterr() == ("", "")


def test_an_error_of_the_user_is_one_line_and_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(UserError("The port 9092 is taken. Stop what uses it.")) == 1
    assert capsys.readouterr().err == "error: The port 9092 is taken. Stop what uses it.\n"


def test_an_unexpected_error_names_its_kind_and_how_to_see_more(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(ValueError("an empty list.\nsecond line")) == 1
    expected = "error: Unexpected error: ValueError: an empty list. Run with --verbose for the trace.\n"
    assert capsys.readouterr().err == expected


def test_an_error_from_java_is_told_by_the_java_exception_and_not_by_the_call(
    capsys: pytest.CaptureFixture[str],
) -> None:
    calling = "An error occurred while calling o65.load.\n: java.io.IOException: The disk is full.\n\tat Some.java:1\n"
    assert ended(RuntimeError(calling)) == 1
    told = "error: Unexpected error: RuntimeError: java.io.IOException: The disk is full. Run with --verbose"
    assert capsys.readouterr().err.startswith(told)


def test_an_unexpected_error_without_words_still_names_its_kind(capsys: pytest.CaptureFixture[str]) -> None:
    ended(RuntimeError())
    assert "RuntimeError: no message" in capsys.readouterr().err


@pytest.mark.parametrize("error", [ValueError("an empty list"), UserError("The disk is full.")])
def test_verbose_shows_the_trace_and_does_not_ask_for_itself(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(error, "--verbose") == 1
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert "Run with" not in shown


def test_an_exit_that_the_program_asks_for_passes() -> None:
    with pytest.raises(SystemExit, match="3"):
        ended(SystemExit(3))


def test_ctrl_c_is_code_130_and_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(KeyboardInterrupt()) == 130
    assert capsys.readouterr() == ("", "")


def test_a_wrong_option_is_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        ended(None, "--wrong")
    assert stopped.value.code == 2
    assert "--wrong" in capsys.readouterr().err


def test_the_help_shows_the_description_as_written(capsys: pytest.CaptureFixture[str]) -> None:
    parser = cli.parser("python -m tool", "First line.\n\n  an example, indented")
    with pytest.raises(SystemExit):
        cli.run(parser, lambda _: None, ["--help"])
    assert "First line.\n\n  an example, indented" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15m", 900), ("24h", 86_400), ("2d", 172_800), ("1.5h", 5400), ("0h", 0)]
)
def test_durations_have_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert cli.duration_us(text) == seconds * 1_000_000


@pytest.mark.parametrize("text", ["", "15", "m", "-5m", "15 m", "15min", "1e3s", "nan"])
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not a duration like"):
        cli.duration_us(text)
