"""What a person sees of an error, and the exit code."""

from __future__ import annotations

import pytest

from conf.errors import EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_OK, UserError, run_main


def failing(error: BaseException) -> None:
    raise error


def test_success_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_main(lambda: None) == EXIT_OK == 0
    assert capsys.readouterr() == ("", "")


def test_user_error_is_one_line_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_main(lambda: failing(UserError("The topic is missing. Create it."))) == EXIT_FAILURE == 1
    assert capsys.readouterr() == ("", "error: The topic is missing. Create it.\n")


def test_subclasses_are_user_errors_too(capsys: pytest.CaptureFixture[str]) -> None:
    class DiskFullError(UserError):
        pass

    assert run_main(lambda: failing(DiskFullError("The disk is full."))) == EXIT_FAILURE
    assert capsys.readouterr().err == "error: The disk is full.\n"


def test_unexpected_error_names_its_kind_its_first_line_and_where_to_find_more(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run_main(lambda: failing(ValueError("\nfirst line\nsecond line"))) == EXIT_FAILURE
    shown = capsys.readouterr().err
    assert shown == "error: Unexpected error: ValueError: first line. Run with --verbose for the trace.\n"


def test_unexpected_error_without_words_still_names_its_kind(capsys: pytest.CaptureFixture[str]) -> None:
    run_main(lambda: failing(RuntimeError()))
    assert "RuntimeError: no message" in capsys.readouterr().err


@pytest.mark.parametrize("error", [UserError("one sentence"), ValueError("one sentence")])
def test_verbose_shows_the_trace_above_the_line(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    run_main(lambda: failing(error), verbose=True)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1].startswith("error: ")


def test_interruption_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_main(lambda: failing(KeyboardInterrupt())) == EXIT_INTERRUPTED == 130
    assert capsys.readouterr() == ("", "")


def test_exit_asked_for_by_the_program_itself_passes() -> None:
    with pytest.raises(SystemExit, match="2"):
        run_main(lambda: failing(SystemExit(2)))


def test_who_sees_the_trace_is_not_told_to_ask_for_it(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise ValueError("first line")

    assert run_main(fail, verbose=True) == 1
    assert capsys.readouterr().err.endswith("error: Unexpected error: ValueError: first line.\n")
