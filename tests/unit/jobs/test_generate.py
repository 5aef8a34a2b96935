from __future__ import annotations

import pytest

from jobs.generate import parser
from jobs.training.simulated import Design


def test_by_default_5000_simulated_patients_give_one_window_of_30_readings_each() -> None:
    chosen = parser().parse_args([])
    assert (chosen.source, chosen.patients, chosen.windows_per_patient, chosen.min_readings) == (
        "simulated",
        5_000,
        1,
        30,
    )
    assert chosen.seed == Design().seed


@pytest.mark.parametrize("words", [["--patients", "0"], ["--seed", "-1"], ["--source", "paper"], ["--external", "x"]])
def test_what_cannot_be_used_ends_with_a_usage_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        parser().parse_args(words)
    assert f"argument {words[0]}: " in capsys.readouterr().err
